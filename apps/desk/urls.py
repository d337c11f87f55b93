"""The desk's pages. People get the address with its last slash; the one without leads there."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from apps.desk.views import (
    approvals,
    attention,
    cancellations,
    cases,
    catalog,
    exchanges,
    home,
    lists,
    making,
    messages,
    payouts,
    policies,
    refunds,
    session,
    settlement,
)

app_name = "desk"


def _page(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    return [path(f"{route}/", view, name=name), path(route, session.append_slash)]


urlpatterns = [
    path("", home.home, name="home"),
    *_page("login", session.LoginView.as_view(), "login"),
    path("logout/", session.LogoutView.as_view(), name="logout"),
    path("preferences/", session.preferences, name="preferences"),
    path("store/", session.switch_store, name="switch-store"),
    *_page("keys", session.keys, "keys"),
    *_page("search", home.find, "search"),
    *_page("attention", lists.attention, "attention"),
    *_page("attention/<int:pk>", attention.item, "attention-item"),
    path("attention/<int:pk>/take/", attention.take, name="attention-take"),
    path("attention/<int:pk>/give-back/", attention.give_back, name="attention-give-back"),
    path("attention/<int:pk>/do/<slug:name>/", attention.act, name="attention-act"),
    *_page("orders", lists.orders, "orders"),
    *_page("orders/<path:identifier>", cases.order, "order"),
    *_page("returns", lists.rmas, "rmas"),
    *_page("returns/<path:identifier>/cancel", cancellations.cancel, "rma-cancel"),
    path(
        "returns/<path:identifier>/cancel/withdraw/",
        cancellations.withdraw,
        name="rma-cancel-withdraw",
    ),
    *_page("returns/<path:identifier>", cases.rma, "rma"),
    *_page("exchanges", lists.exchanges, "exchanges"),
    *_page("exchanges/<path:identifier>", exchanges.exchange, "exchange"),
    *_page("settlement", settlement.settlement, "settlement"),
    *_page("refunds", lists.refunds, "refunds"),
    *_page("refunds/new/<path:identifier>", making.new, "refund-new"),
    *_page("refunds/<path:identifier>/payments/<int:pk>", payouts.payout, "payout"),
    path("refunds/<path:identifier>/take-back/", refunds.take_back, name="refund-take-back"),
    *_page("refunds/<path:identifier>/approve", refunds.approve, "refund-approve"),
    *_page("refunds/<path:identifier>/cancel", refunds.cancel, "refund-cancel"),
    *_page("refunds/<path:identifier>", refunds.refund, "refund"),
    *_page("approvals", approvals.approvals, "approvals"),
    *_page("policies", policies.policies, "policies"),
    *_page("policies/approvals", approvals.policy, "approval-policy"),
    *_page("policies/brand", policies.policy, "policy"),
    *_page("policies/brand/change", policies.edit, "policy-edit"),
    *_page("policies/brand/renew", policies.renew, "policy-renew"),
    *_page("catalog", lists.catalog, "catalog"),
    *_page("catalog/missed", lists.catalog_missed, "catalog-missed"),
    *_page("catalog/imports", catalog.imports, "catalog-imports"),
    path("catalog/imports/sample.csv", catalog.sample, name="catalog-sample"),
    *_page("catalog/imports/<int:pk>", catalog.one_import, "catalog-import"),
    path(
        "catalog/imports/<int:pk>/errors.csv", catalog.import_errors, name="catalog-import-errors"
    ),
    path("catalog/imports/<int:pk>/cancel/", catalog.cancel, name="catalog-import-cancel"),
    *_page("catalog/products/<path:identifier>", catalog.product, "catalog-product"),
    *_page("messages", lists.deliveries, "deliveries"),
    *_page("messages/<int:pk>", messages.delivery, "delivery"),
    path("messages/<int:pk>/replay/", messages.replay, name="delivery-replay"),
    *_page("outbound", lists.jobs, "jobs"),
    *_page("outbound/<int:pk>", messages.job, "job"),
    path("outbound/<int:pk>/resend/", messages.resend, name="job-resend"),
    *_page("raw/<slug:kind>/<int:pk>", messages.raw, "raw"),
]

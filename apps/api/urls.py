"""Addresses of the API; each works with and without a trailing slash."""

from collections.abc import Callable
from datetime import UTC
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.urls import re_path
from django.utils import timezone
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.api import cancellations, exchange_orders, refunds, transactions, variants, views

_IDENTIFIER = r"(?P<{name}>[^/\0]+)"  # a NUL character is in no identifier; databases refuse it


def _named(name: str) -> str:
    return _IDENTIFIER.format(name=name)


def _open(view: Callable[..., Any]) -> Callable[..., Any]:
    """Machine callers sign in with a key, not with a session, and times are UTC for them."""

    @login_not_required
    @wraps(view)
    def in_utc(*args: Any, **named: Any) -> Any:
        with timezone.override(UTC):
            return view(*args, **named)

    return in_utc


urlpatterns = [
    re_path(r"^v1/orders/?$", _open(views.OrdersView.as_view()), name="api-orders"),
    re_path(
        rf"^v1/orders/{_named('identifier')}/?$", _open(views.OrderView.as_view()), name="api-order"
    ),
    re_path(r"^v1/rmas/?$", _open(views.RmasView.as_view()), name="api-rmas"),
    re_path(
        rf"^v1/rmas/{_named('rma_identifier')}/?$", _open(views.RmaView.as_view()), name="api-rma"
    ),
    re_path(
        rf"^v1/rmas/{_named('rma_identifier')}/cancel/?$",
        _open(cancellations.CancellationView.as_view()),
        name="api-rma-cancel",
    ),
    re_path(
        r"^v1/exchange_orders/?$",
        _open(exchange_orders.ExchangeOrdersView.as_view()),
        name="api-exchange-orders",
    ),
    re_path(
        rf"^v1/exchange_orders/{_named('order_identifier')}/?$",
        _open(exchange_orders.ExchangeOrderView.as_view()),
        name="api-exchange-order",
    ),
    re_path(r"^v1/refunds/?$", _open(refunds.RefundsView.as_view()), name="api-refunds"),
    re_path(
        rf"^v1/refunds/{_named('identifier')}/?$",
        _open(refunds.RefundView.as_view()),
        name="api-refund",
    ),
    re_path(
        r"^v1/transactions/?$",
        _open(transactions.TransactionsView.as_view()),
        name="api-transactions",
    ),
    re_path(
        rf"^v1/transactions/{_named('pk')}/?$",
        _open(transactions.TransactionView.as_view()),
        name="api-transaction",
    ),
    re_path(r"^v1/deliveries/?$", _open(views.DeliveriesView.as_view()), name="api-deliveries"),
    re_path(
        r"^v1/deliveries/(?P<pk>[0-9]{1,18})/replay/?$",
        _open(views.ReplayView.as_view()),
        name="api-delivery-replay",
    ),
    # These identifiers come from shop systems, and some hold slashes.
    re_path(
        r"^v1/variants/(?P<variant_identifier>[^\0]+?)/?$",
        _open(variants.VariantsView.as_view()),
        name="api-variants",
    ),
    re_path(r"^schema/?$", _open(SpectacularAPIView.as_view()), name="api-schema"),
    re_path(
        r"^docs/?$",
        _open(SpectacularSwaggerSplitView.as_view(url_name="api-schema")),
        name="api-docs",
    ),
]

"""Every address of Returns Desk. Machine callers' addresses work with and without a slash."""

from django.contrib import admin
from django.urls import include, path, re_path

from apps.api import operations
from apps.inbox import variants_endpoint
from apps.inbox import views as inbox
from apps.inbox.exchange_endpoint import receive_exchange_order

admin.site.site_header = "Returns Desk configuration"
admin.site.site_title = "Returns Desk"

urlpatterns = [
    re_path(r"^optoro/rmas/?$", inbox.receive_rma, name="optoro-rmas"),
    re_path(r"^optoro/exchange_orders/?$", receive_exchange_order, name="optoro-exchange-orders"),
    re_path(r"^optoro/orders/?$", receive_exchange_order, name="optoro-orders"),
    # An identifier may hold slashes: servers hand them over decoded.
    re_path(
        r"^optoro/sku/(?P<variant_identifier>[\s\S]+)/variants/?$",
        variants_endpoint.variants,
        name="optoro-variants",
    ),
    re_path(
        r"^optoro/sku/(?P<variant_identifier>[\s\S]+)/exchange_variants/?$",
        variants_endpoint.variants,
        name="optoro-exchange-variants",
    ),
    path("api/", include("apps.api.urls")),
    re_path(r"^healthz/?$", operations.healthz, name="healthz"),
    re_path(r"^readyz/?$", operations.readyz, name="readyz"),
    re_path(r"^metrics/?$", operations.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("", include("apps.desk.urls")),
]

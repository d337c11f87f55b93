"""Every address of Returns Desk. Machine callers' addresses work with and without a slash."""

from django.contrib import admin
from django.urls import include, path, re_path

from apps.api import operations
from apps.inbox import views as inbox

admin.site.site_header = "Returns Desk configuration"
admin.site.site_title = "Returns Desk"

urlpatterns = [
    re_path(r"^optoro/rmas/?$", inbox.receive_rma, name="optoro-rmas"),
    path("api/", include("apps.api.urls")),
    re_path(r"^healthz/?$", operations.healthz, name="healthz"),
    re_path(r"^readyz/?$", operations.readyz, name="readyz"),
    re_path(r"^metrics/?$", operations.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("", include("apps.desk.urls")),
]

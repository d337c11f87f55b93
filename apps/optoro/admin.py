"""The shared access token: its state can be read here, the token itself cannot."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin
from apps.optoro.models import AccessToken


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """One row per store."""

    list_display = ("store_id", "generation", "minted_at", "renew_at", "expires_at")
    exclude = ("token",)
    ordering = ("store_id",)

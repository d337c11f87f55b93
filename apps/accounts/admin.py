"""People, their roles, and machine callers' keys."""

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import AccessChange, ApiKey, Membership, User
from apps.common import clock
from apps.common.admin import Admin, Inline, ReadOnlyAdmin

# Sign-in methods hold secrets, and the sessions of others are nobody's business; e-mail addresses
# are those of the users. The desk's pages show what is to be seen of them.
for model in (Authenticator, UserSession, EmailAddress, EmailConfirmation):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

if TYPE_CHECKING:
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    BaseUserAdmin = DjangoUserAdmin


class MembershipInline(Inline):
    """A person's roles, one per store."""

    model = Membership
    extra = 1


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """People. Retire one by clearing "active": what they did keeps their name."""

    inlines = (MembershipInline,)
    list_display = ("username", "first_name", "last_name", "email", "is_active", "is_staff")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(Admin):
    """Who has which role where."""

    list_display = ("user", "store", "role")
    list_filter = ("store", "role")
    list_select_related = ("user", "store")
    raw_id_fields = ("user",)
    search_fields = ("user__username", "user__email")


@admin.register(AccessChange)
class AccessChangeAdmin(ReadOnlyAdmin):
    """Who changed who gets in, and how far."""

    list_display = ("recorded_at", "kind", "person", "actor", "store", "summary")
    list_filter = ("kind", "store")
    list_select_related = ("person", "actor", "store")
    search_fields = ("person__username",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys can be looked at and revoked; `manage.py createapikey` makes them."""

    list_display = ("name", "store", "prefix", "scopes", "created_at", "last_used_at", "revoked_at")
    list_filter = ("store",)
    list_select_related = ("store",)
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revokes keys at once and for good."""
        if not request.user.has_perm("accounts.change_apikey"):
            messages.error(request, "Revoking keys needs the right to change API keys.")
            return
        revoked = keys.filter(revoked_at=None).update(revoked_at=clock.now())
        messages.success(request, f"Keys revoked: {revoked}. Their callers get 401 from now on.")

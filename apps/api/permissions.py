"""What a machine caller's key must allow."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.models import ApiKey


class HasScope(BasePermission):
    """The key must hold the scope that the view names in `required_scope`."""

    def has_permission(self, request: Request, view: object) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        scope = getattr(view, "required_scope", "")
        if scope in request.auth.scopes:
            return True
        self.message = f"This key does not have the scope {scope!r}."
        return False

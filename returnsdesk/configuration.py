"""The configuration pages: people sign in at the desk, and say again who they are after a while."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode

from apps.desk.second_factor import set_up_first
from apps.desk.sudo import confirm_identity


class ConfigurationSite(AdminSite):
    """Without a sign-in of its own, which would know neither limits nor second factors."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Has whoever signed in too long ago confirm it first, and then goes on."""

        @wraps(view)
        def confirmed(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            first = set_up_first(request) or confirm_identity(request, "Opening the configuration")
            return first or view(request, *args, **kwargs)

        return super().admin_view(confirmed, cacheable)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Sends strangers to the desk's sign-in; who is signed in and not allowed is told so."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied(
                "The configuration is for people who have the right to change it. Ask an "
                "administrator of Returns Desk for it."
            )
        index = reverse("admin:index", current_app=self.name)
        target = urlencode({"next": request.GET.get("next", index)})
        return redirect(f"{reverse('desk:login')}?{target}")

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Passwords are changed on the page of one's account."""
        return redirect("desk:password")

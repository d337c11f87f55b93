"""Signing in and out, which store, and how the desk looks."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.desk.context import SHORTCUTS_COOKIE, THEME_COOKIE, THEMES
from apps.desk.seats import SESSION_KEY, seat_of

_YEAR = 365 * 24 * 3600


class LoginView(auth.LoginView):
    """Sign-in. A live update that finds its session ended makes the whole page go here, instead of
    drawing a sign-in form into a corner of it."""

    template_name = "desk/login.html"
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        htmx: Any = getattr(request, "htmx", None)
        if htmx:
            back = htmx.current_url_abs_path or reverse("desk:home")
            target = f"{reverse('desk:login')}?{urlencode({'next': back})}"
            return HttpResponseClientRedirect(target)
        return super().get(request, *args, **kwargs)


class LogoutView(auth.LogoutView):
    """Sign-out, by POST only."""


@require_GET
@login_not_required
def append_slash(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """Sends people who typed an address without its last slash to the one that has it."""
    return HttpResponseRedirect(request.get_full_path(force_append_slash=True))


def _back(request: HttpRequest) -> str:
    """Returns where the person came from, if that is one of our own pages."""
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        parts = urlsplit(back)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return resolve_url("desk:home")


@require_POST
@login_not_required
def preferences(request: HttpRequest) -> HttpResponse:
    """Keeps the theme, or whether shortcuts work, in a cookie of this browser."""
    response = redirect(_back(request))
    theme, shortcuts = request.POST.get("theme"), request.POST.get("shortcuts")
    if theme in THEMES:
        _keep(request, response, THEME_COOKIE, theme)
    if shortcuts in ("on", "off"):
        _keep(request, response, SHORTCUTS_COOKIE, shortcuts)
    return response


def _keep(request: HttpRequest, response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=_YEAR, samesite="Lax", httponly=True, secure=request.is_secure()
    )


@require_POST
def switch_store(request: HttpRequest) -> HttpResponse:
    """Keeps another of the person's stores in the session; others' are ignored."""
    seat = seat_of(request)
    chosen = request.POST.get("store", "")
    if seat and any(str(m.store_id) == chosen for m in seat.memberships):
        request.session[SESSION_KEY] = int(chosen)
    return redirect("desk:home")


@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    """The keyboard sheet as a page, for where scripts are off."""
    seat = seat_of(request)
    if seat:
        request.seat = seat  # type: ignore[attr-defined]
    return render(request, "desk/keys.html")

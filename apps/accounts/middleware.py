"""Who is asked to sign in, and when a session was last used."""

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from apps.accounts import drafts
from apps.accounts.adapters import AccountAdapter
from apps.accounts.sessions import SEEN_KEY, SEEN_SECONDS
from apps.common import clock


class SignInAgainMiddleware(LoginRequiredMiddleware):
    """Sends strangers to sign in; a form that was sent after the session had ended is kept."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseRedirect:
        """Returns the redirect to sign-in. CSRF was checked before: the form was one of ours."""
        if request.method == "POST" and drafts.keep(request):
            target = urlencode({"next": reverse("desk:resume")})
            return HttpResponseRedirect(f"{reverse('desk:login')}?{target}")
        return super().handle_no_permission(request, view_func)


class LastSeenMiddleware:
    """Notes at most once a minute that a session is in use, and from where."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            self._note(request)
        return self.get_response(request)

    def _note(self, request: HttpRequest) -> None:
        seen = request.session.get(SEEN_KEY)
        if seen is None or time.time() - seen < SEEN_SECONDS or not request.user.is_authenticated:
            return
        request.session[SEEN_KEY] = time.time()
        drafts.drop_old(request)
        UserSession.objects.filter(session_key=request.session.session_key).update(
            last_seen_at=clock.now(), ip=AccountAdapter().get_client_ip(request)
        )

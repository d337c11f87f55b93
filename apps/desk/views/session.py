"""Signing in and out, which store, and how the desk looks."""

import json
from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts import attempts, drafts, proofs
from apps.accounts.second_factors import factors_of
from apps.accounts.stages import SecondFactorStage
from apps.desk.context import SHORTCUTS_COOKIE, THEME_COOKIE, THEMES
from apps.desk.seats import SESSION_KEY, Seat, seat_of
from apps.desk.second_factor import set_up_first

_YEAR = 365 * 24 * 3600
_CARRIED = ("key", "token", "version", "seen", "next", "query", "confirmed", "fingerprint", "row")


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

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Looks at the password only where this name and this network have tries left."""
        self.attempt = attempts.try_name(request, request.POST.get("username", ""))
        if not self.attempt.is_allowed:
            return _told_to_wait(self, proofs.too_many(self.attempt), self.attempt.wait_seconds)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Goes on to the second factor, where the person has one, and else to where they wanted."""
        attempts.forget(self.attempt)
        login = Login(user=form.get_user(), redirect_url=self.get_success_url())
        response: HttpResponse = perform_password_login(self.request, {}, login)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds whether a form that was sent is kept."""
        return {**super().get_context_data(**kwargs), "draft": drafts.kept(self.request)}


def _told_to_wait(view: LoginView, problem: str, wait_seconds: int) -> HttpResponse:
    """Shows the sign-in page again without having looked at the password."""
    form = view.get_form_class()(view.request)
    context = view.get_context_data(
        form=form, too_many=problem, name=view.request.POST.get("username", "")
    )
    response = view.render_to_response(context, status=429)
    response["Retry-After"] = str(wait_seconds)
    return response


class LogoutView(auth.LogoutView):
    """Sign-out, by POST only."""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_not_required
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step of signing in: a code, or a passkey, of the person whose password was right
    a moment ago."""
    if request.user.is_authenticated:
        return redirect("desk:home")
    stage = LoginStageController.enter(request, SecondFactorStage.key)
    if stage is None:
        messages.info(request, "That took too long. Sign in again.")
        return redirect("desk:login")
    user = stage.login.user
    verdict = None
    if request.method == "POST":
        said = proofs.Said(
            code=request.POST.get("code", ""), credential=request.POST.get("credential", "")
        )
        verdict = proofs.second_step(request, user, said)
        if verdict.is_right:
            response: HttpResponse = stage.exit()
            return response
    factors = factors_of(user.pk)
    context = {
        "verdict": verdict,
        "takes_codes": factors.takes_codes,
        "options": json.dumps(proofs.passkey_options(user)) if factors.passkeys else "",
    }
    status = 200 if verdict is None else 429 if verdict.wait_seconds else 422
    answer = render(request, "desk/security_sign_in_code.html", context, status=status)
    if verdict and verdict.wait_seconds:
        answer["Retry-After"] = str(verdict.wait_seconds)
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_not_required
def sign_in_passkey(request: HttpRequest) -> HttpResponse:
    """Signing in by a passkey alone: GET gives the browser what it needs as JSON, POST takes what
    the passkey answered."""
    if request.method != "POST":
        return JsonResponse({"publicKey": proofs.passkey_options()["publicKey"]})
    back = _back(request)
    attempt = attempts.try_address(request)
    if attempt.is_allowed:
        response = proofs.passkey_alone(request, request.POST.get("credential", ""), back)
        if response is not None:
            attempts.forget(attempt)
            return response
        messages.error(request, proofs.WRONG_PASSKEY)
    else:
        messages.error(request, proofs.too_many(attempt))
    answer = redirect(f"{reverse('desk:login')}?{urlencode({'next': back})}")
    if attempt.wait_seconds:
        answer["Retry-After"] = str(attempt.wait_seconds)
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def resume(request: HttpRequest) -> HttpResponse:
    """A form that was sent after its session had ended: shown to who sent it, in the store it was
    for. POST sends it again (`?send=1`) or throws it away; until then it stays."""
    draft = drafts.kept(request)
    seat = _seat_of_draft(request, draft) if draft else None
    if draft is None or seat is None:
        drafts.drop(request)
        return redirect("desk:home")
    if first := set_up_first(request, seat.store):
        return first
    if request.method != "POST":
        request.seat = seat  # type: ignore[attr-defined]
        context = {"draft": draft, "shown": _typed(draft)}
        return render(request, "desk/security_resume.html", context)
    drafts.drop(request)
    if request.GET.get("send"):
        # The browser repeats the form as it is, at the address it was for.
        return HttpResponseRedirect(draft.path, preserve_request=True)
    messages.info(request, "Thrown away: nothing was sent.")
    return redirect("desk:home")


def _typed(draft: drafts.Draft) -> list[tuple[str, str]]:
    """Returns what a person typed or chose, without what forms carry for themselves."""
    return [
        (name.replace("_", " ").capitalize(), value)
        for name, value in draft.fields
        if name not in _CARRIED and value.strip()
    ]


def _seat_of_draft(request: HttpRequest, draft: drafts.Draft) -> Seat | None:
    """Returns the seat at the store that a draft was for, having gone there; None for whoever did
    not write it, or works there no more."""
    seat = seat_of(request)
    if seat is None or request.user.pk != draft.person_id:
        return None
    if all(m.store_id != draft.store_id for m in seat.memberships):
        return None
    request.session[SESSION_KEY] = draft.store_id
    return seat_of(request)


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
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        # What is left without its host may name another one: "//", or "\\" to a browser.
        if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None):
            return path
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

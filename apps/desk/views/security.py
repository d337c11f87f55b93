"""One's own account: second factors, where one is signed in, and the password."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import attempts, own, proofs, recent, sessions
from apps.accounts.models import User
from apps.accounts.people import changes_of
from apps.accounts.second_factors import factors_of
from apps.common.errors import Refused
from apps.desk.qr import qr_code
from apps.desk.seats import seat_of
from apps.desk.sudo import confirm_identity

_METHODS = "Changing how you sign in"


class AccountRequest(HttpRequest):
    """A request of somebody who is signed in, with or without a store."""

    user: User


def at_account(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Gives a page of one's own account its look. It needs no store, and is there, too, while a
    store waits for a second factor."""

    @wraps(view)
    def seated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        seat = seat_of(request)
        if seat:
            request.seat = seat  # type: ignore[attr-defined]
        with timezone.override(seat.zone if seat else None):
            try:
                response = view(cast("AccountRequest", request), *args, **kwargs)
            except Http404:
                response = render(request, "404.html", status=404)
        add_never_cache_headers(response)
        return response

    return seated


def sentence(refusal: Refused) -> str:
    """Returns a refusal as a sentence."""
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


@require_GET
@at_account
def account(request: AccountRequest) -> HttpResponse:
    """Everything about one's own account."""
    user = request.user
    return render(
        request,
        "desk/security.html",
        {
            "factors": factors_of(user.pk),
            "sessions": sessions.sessions_of(user=user, current_key=request.session.session_key),
            "changes": changes_of(person_id=user.pk),
            "has_password": user.has_usable_password(),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def app_add(request: AccountRequest) -> HttpResponse:
    """Sets up an authenticator app: its QR code and secret, then a code that shows it works."""
    if page := confirm_identity(request, _METHODS, by_second_factor=True):
        return page
    if factors_of(request.user.pk).app_since:
        messages.info(request, "An app is set up already. Remove it first to set up another one.")
        return redirect("desk:account")
    problem = ""
    if request.method == "POST":
        attempt = attempts.try_person(request, request.user.pk)
        if not attempt.is_allowed:
            return _app_page(request, proofs.too_many(attempt), attempt.wait_seconds)
        try:
            made_codes = own.add_app(request, request.user, request.POST.get("code", ""))
        except Refused as refusal:
            problem = sentence(refusal)
        else:
            attempts.forget(attempt)
            return _added(request, "The app is set up: sign-in asks for its code.", made_codes)
    return _app_page(request, problem)


def _app_page(request: AccountRequest, problem: str, wait_seconds: int = 0) -> HttpResponse:
    secret = own.pending_secret(request)
    response = render(
        request,
        "desk/security_app.html",
        {
            "qr": qr_code(own.app_address(request.user, secret)),
            "secret": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
            "problem": problem,
        },
        status=429 if wait_seconds else 422 if problem else 200,
    )
    if wait_seconds:
        response["Retry-After"] = str(wait_seconds)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def app_remove(request: AccountRequest) -> HttpResponse:
    """Asks once more; POST removes the app."""
    if not factors_of(request.user.pk).app_since:
        return redirect("desk:account")
    if request.method != "POST":
        return _question(
            request,
            title="Remove the authenticator app?",
            text="Its codes count no more. Without another second factor your password alone "
            "signs you in, and your recovery codes are thrown away.",
            button="Remove the app",
        )
    if page := confirm_identity(request, _METHODS, by_second_factor=True):
        return page
    own.remove_app(request.user)
    messages.success(request, "The app is removed: its codes count no more.")
    return redirect("desk:account")


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def passkey_add(request: AccountRequest) -> HttpResponse:
    """Makes a passkey: the browser asks for a finger, a face, a PIN or a key."""
    if page := confirm_identity(request, _METHODS, by_second_factor=True):
        return page
    problem, name = "", ""
    if request.method == "POST":
        name = request.POST.get("name", "")
        try:
            made_codes = own.add_passkey(
                request.user, name=name, credential=request.POST.get("credential", "")
            )
        except Refused as refusal:
            problem = sentence(refusal)
        else:
            return _added(request, "The passkey is set up: it signs you in by itself.", made_codes)
    options = own.passkey_creation(request.user)
    return render(
        request,
        "desk/security_passkey.html",
        {"options": json.dumps(options), "problem": problem, "name": name},
        status=422 if problem else 200,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def passkey_remove(request: AccountRequest, pk: int) -> HttpResponse:
    """Asks once more; POST removes the passkey."""
    passkeys = factors_of(request.user.pk).passkeys
    found = next((passkey for passkey in passkeys if passkey.pk == pk), None)
    if found is None:
        raise Http404("You have no such passkey.")
    if request.method != "POST":
        return _question(
            request,
            title=f"Remove the passkey “{found.name}”?",
            text="It signs you in no more. Delete it on its device, too: the desk cannot.",
            button="Remove the passkey",
        )
    if page := confirm_identity(request, _METHODS, by_second_factor=True):
        return page
    own.remove_passkey(request.user, pk)
    messages.success(request, f"The passkey “{found.name}” is removed.")
    return redirect("desk:account")


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def codes(request: AccountRequest) -> HttpResponse:
    """The recovery codes that are left; POST makes new ones."""
    if page := confirm_identity(request, "Seeing your recovery codes", by_second_factor=True):
        return page
    if request.method == "POST":
        try:
            own.make_codes(request.user)
        except Refused as refusal:
            messages.error(request, sentence(refusal))
            return redirect("desk:account")
        messages.success(request, "New recovery codes: those before count no more.")
        return redirect("desk:codes")
    left = own.recovery_codes(request.user)
    return render(request, "desk/security_codes.html", {"codes": left})


@require_POST
@at_account
def session_end(request: AccountRequest, pk: int) -> HttpResponse:
    """Ends one of one's other sessions."""
    if page := confirm_identity(request, "Ending a session"):
        return page
    current = request.session.session_key
    if sessions.end_session(user_id=request.user.pk, pk=pk, current_key=current):
        own.note_ended(request.user, 1)
        messages.success(request, "That session has ended.")
        return redirect("desk:account")
    raise Http404("There is no such session of yours.")


@require_POST
@at_account
def sessions_end(request: AccountRequest) -> HttpResponse:
    """Ends all of one's sessions but this one."""
    if page := confirm_identity(request, "Ending all other sessions"):
        return page
    count = sessions.end_other_sessions(
        user_id=request.user.pk, current_key=request.session.session_key
    )
    if count:
        own.note_ended(request.user, count)
    messages.success(request, "You are signed in here only.")
    return redirect("desk:account")


class PasswordForm(PasswordChangeForm):
    """The old password and the new one, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Current password"
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""


@require_http_methods(["GET", "HEAD", "POST"])
@at_account
def password(request: AccountRequest) -> HttpResponse:
    """Changes the password, by the one before; every other session ends."""
    if request.method != "POST":
        return _password_page(request, PasswordForm(request.user))
    attempt = attempts.try_person(request, request.user.pk)
    if not attempt.is_allowed:
        form = PasswordForm(request.user)
        return _password_page(request, form, proofs.too_many(attempt), attempt.wait_seconds)
    form = PasswordForm(request.user, request.POST)
    is_valid = form.is_valid()
    if "old_password" not in form.errors:
        attempts.forget(attempt)
    if not is_valid:
        return _password_page(request, form)
    before = request.session.session_key
    own.change_password(request.user, form.cleaned_data["new_password1"])
    update_session_auth_hash(request, request.user)
    sessions.rename_session(before=before, after=request.session.session_key)
    recent.note_password(request)
    messages.success(request, "Your password is changed, and your other sessions have ended.")
    return redirect("desk:account")


def _password_page(
    request: AccountRequest,
    form: PasswordForm,
    problem: str = "",
    wait_seconds: int = 0,
) -> HttpResponse:
    status = 429 if wait_seconds else 422 if form.errors else 200
    context = {"form": form, "problem": problem}
    response = render(request, "desk/security_password.html", context, status=status)
    if wait_seconds:
        response["Retry-After"] = str(wait_seconds)
    return response


def _added(request: AccountRequest, said: str, made_codes: bool) -> HttpResponse:
    recent.note_second_factor(request)
    messages.success(request, said)
    return redirect("desk:codes" if made_codes else "desk:account")


def _question(request: AccountRequest, *, title: str, text: str, button: str) -> HttpResponse:
    context = {"title": title, "text": text, "button": button, "back": "desk:account"}
    return render(request, "desk/security_question.html", context)

"""Proving who one is: by password, by a code, or by a passkey."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import Login
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.webauthn.forms import (
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django import forms
from django.http import HttpRequest, HttpResponse

from apps.accounts import attempts, recent
from apps.accounts.models import User
from apps.accounts.second_factors import use_code_once

WRONG_PASSWORD = "That is not your password."  # noqa: S105 - a message
WRONG_CODE = (
    "That code does not count: it is wrong, was used before, or its half minute is over. Write the "
    "one that your app shows now, or a recovery code that you have not used."
)
NO_SECOND_FACTOR = (
    "The password alone does not do here: write a code of your app or a recovery code, or use a "
    "passkey."
)
WRONG_PASSKEY = (
    "That passkey was not accepted: it is none of this account, or the page was open for too long. "
    "Try once more, or use another way."
)

# Beside the challenge in the session: the key of the person, None for whoever has a passkey.
_ASKED_OF = "asked_of"


@dataclass(frozen=True)
class Said:
    """What somebody offers as proof: one of the three, the others blank."""

    password: str = ""
    code: str = ""
    credential: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a proof counts. `field` names what is wrong, `problem` says it; `wait_seconds` is
    more than 0 where there were too many tries and nothing was looked at."""

    field: str = ""
    problem: str = ""
    wait_seconds: int = 0

    @property
    def is_right(self) -> bool:
        """Whether this was the person."""
        return not self.problem


def too_many(attempt: attempts.Try) -> str:
    """Returns what to tell somebody who tried too often. It is the same for every name, so that it
    does not tell which names there are."""
    minutes = attempt.wait_minutes
    return (
        "Too many tries with this name or from this network. Wait "
        f"{minutes} minute{'' if minutes == 1 else 's'}, then try again."
    )


def confirm(request: HttpRequest, said: Said, *, by_second_factor: bool = False) -> Verdict:
    """Judges what a person who is signed in offers, and writes down that they proved who they are.
    With `by_second_factor` a password is not looked at. Every try counts against their limit."""
    user = request.user
    if by_second_factor and not (said.code or said.credential):
        return Verdict("code", NO_SECOND_FACTOR)
    attempt = attempts.try_person(request, int(user.pk or 0))
    if not attempt.is_allowed:
        return Verdict("password", too_many(attempt), attempt.wait_seconds)
    if said.credential or said.code:
        form = _form(ReauthenticateForm, ReauthenticateWebAuthnForm, user, said)
        verdict = _judge(form, int(user.pk or 0), said)
        if verdict.is_right:
            form.save()
    else:
        is_right = bool(said.password) and user.check_password(said.password)
        verdict = Verdict() if is_right else Verdict("password", WRONG_PASSWORD)
        if is_right:
            recent.note_password(request)
    if verdict.is_right:
        attempts.forget(attempt)
    return verdict


def second_step(request: HttpRequest, user: User, said: Said) -> Verdict:
    """Judges the second factor of somebody whose password was right, at sign-in."""
    attempt = attempts.try_person(request, user.pk)
    if not attempt.is_allowed:
        return Verdict("code", too_many(attempt), attempt.wait_seconds)
    form = _form(AuthenticateForm, AuthenticateWebAuthnForm, user, said)
    verdict = _judge(form, user.pk, said)
    if verdict.is_right:
        form.save()
        attempts.forget(attempt)
    return verdict


def passkey_alone(request: HttpRequest, credential: str, redirect_url: str) -> HttpResponse | None:
    """Signs somebody in by nothing but a passkey and returns where to go, or None if it is not
    accepted. Whoever calls has counted the try."""
    form = LoginWebAuthnForm(data={"credential": credential})
    if not _is_answer(form, None):
        return None
    authenticator = form.cleaned_data["credential"]
    login = Login(user=authenticator.user, redirect_url=redirect_url)
    response: HttpResponse = perform_passwordless_login(request, authenticator, login)
    return response


def passkey_options(user: User | None = None) -> dict[str, object]:
    """Returns what a browser needs to ask for a passkey: of one person, or of whoever has one. The
    answer counts for that alone, and once."""
    options: dict[str, object] = webauthn.begin_authentication(user)
    webauthn.set_state({**(webauthn.get_state() or {}), _ASKED_OF: user.pk if user else None})
    return options


def _form(code_form: type, passkey_form: type, user: object, said: Said) -> Any:
    if said.credential:
        return passkey_form(user=user, data={"credential": said.credential})
    return code_form(user=user, data={"code": said.code})


def _judge(form: forms.Form, user_id: int, said: Said) -> Verdict:
    if said.credential:
        is_right = _is_answer(form, user_id)
        return Verdict() if is_right else Verdict("credential", WRONG_PASSKEY)
    is_right = is_valid(form) and use_code_once(user_id=user_id, code=said.code)
    return Verdict() if is_right else Verdict("code", WRONG_CODE)


def _is_answer(form: forms.Form, user_id: int | None) -> bool:
    """Tells whether a passkey answers what this session asked last, of this person or, with None,
    of whoever has one. Asked is asked once, whatever the answer."""
    state = webauthn.get_state() or {}
    try:
        return state.get(_ASKED_OF, 0) == user_id and is_valid(form)
    finally:
        webauthn.clear_state()


def is_valid(form: forms.Form) -> bool:
    """Tells whether a form is valid. What a browser sends as a passkey is parsed by a library that
    expects well-formed data."""
    try:
        return form.is_valid()
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        return False

"""Asking who it is once more, before something dangerous and in its place: the page that asks holds
what was typed, and sends it to the same address together with the proof. Nothing is kept on the
way, there is no address to come back to that could be another one, and CSRF is checked as ever."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers

from apps.accounts import proofs
from apps.accounts.models import User
from apps.accounts.recent import is_recent
from apps.accounts.second_factors import factors_of, has_second_factor

_PREFIX = "sudo_"
_ASKED_BY = "sudo_asked_by"
_NOT_REPEATED = "csrfmiddlewaretoken"


def confirm_identity(
    request: HttpRequest, doing: str, *, by_second_factor: bool = False
) -> HttpResponse | None:
    """Returns None where the person said who they are not long ago, so that the view goes on; else
    the page that asks. `doing` says in words what it is for.

    With `by_second_factor` whoever has a second factor proves it by that one, or by a recovery
    code: what protects an account against a stolen password must not fall to that password.

    A view calls it when all else is settled: the person may do it, and the form is valid. What was
    posted then comes again with the proof, and the view goes on with it.
    """
    is_strict = by_second_factor and has_second_factor(int(request.user.pk or 0))
    is_answer = request.method == "POST" and _ASKED_BY in request.POST
    if not is_answer:
        is_enough = is_recent(request, by_second_factor=is_strict)
        return None if is_enough else _page(request, doing, is_strict)
    if not is_recent(request, by_second_factor=is_strict):
        verdict = proofs.confirm(request, _said(request), by_second_factor=is_strict)
        if not verdict.is_right:
            return _page(request, doing, is_strict, verdict)
    if request.POST[_ASKED_BY] == "GET":
        return redirect(request.get_full_path())
    return None


def _said(request: HttpRequest) -> proofs.Said:
    return proofs.Said(
        **{name: request.POST.get(f"{_PREFIX}{name}", "") for name in ("password", "code")},
        credential=request.POST.get(f"{_PREFIX}credential", ""),
    )


def _page(
    request: HttpRequest, doing: str, is_strict: bool, verdict: proofs.Verdict | None = None
) -> HttpResponse:
    """Renders the question, which takes no password where `is_strict`: 200 for a page that was
    asked for, 403 for a form that was sent, 422 or 429 for a proof that does not count."""
    user = request.user
    assert isinstance(user, User)
    factors = factors_of(user.pk)
    asked_by = request.POST.get(_ASKED_BY) or request.method
    context: dict[str, Any] = {
        "doing": doing,
        "asked_by": "GET" if asked_by in ("GET", "HEAD") else "POST",
        "repeated": _repeated(request),
        "is_strict": is_strict,
        "takes_password": user.has_usable_password() and not is_strict,
        "takes_codes": factors.takes_codes,
        "options": json.dumps(_options(user)) if factors.passkeys else "",
        "verdict": verdict,
    }
    status = 422 if verdict else 200 if context["asked_by"] == "GET" else 403
    if verdict and verdict.wait_seconds:
        status = 429
    response = render(request, "desk/security_sudo.html", context, status=status)
    if verdict and verdict.wait_seconds:
        response["Retry-After"] = str(verdict.wait_seconds)
    add_never_cache_headers(response)
    return response


def _options(user: User) -> dict[str, object]:
    return proofs.passkey_options(user)


def _repeated(request: HttpRequest) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != _NOT_REPEATED and not name.startswith(_PREFIX)
    ]

"""A form that was sent after its session had ended: kept until its author signed in again.

The browser remembers in a signed cookie who used the desk last and in which store: a session that
has ended cannot tell any more. The draft is for that person and that store alone.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_SESSION_KEY = "draft"
_COOKIE = "last_seat"
_COOKIE_SECONDS = 365 * 24 * 3600
_MOST_CHARACTERS = 64_000
_NOT_KEPT = "csrfmiddlewaretoken"
# Parts of the names of fields that hold what must not lie in the session of a stranger.
_SECRETS = ("password", "code", "secret", "key", "token", "credential")
# The key of a refund makes it one refund however often it is sent, and opens nothing.
_OPEN_FIELDS = frozenset({("desk:refund-new", "key")})
# Their forms hold credentials, or say who gets in; those of /resume/ are about a draft themselves.
_CLOSED = ("/admin/", "/account/", "/people/", "/login/", "/logout/", "/resume/", "/store/")


@dataclass(frozen=True)
class Draft:
    """What was to be sent, and where to; whose it is, and the store it was for."""

    path: str
    fields: tuple[tuple[str, str], ...]
    person_id: int
    store_id: int


def remember_seat(request: HttpRequest, response: HttpResponseBase, *, store_id: int) -> None:
    """Notes in the browser that the person of `request` works in a store there."""
    said = f"{request.user.pk}.{store_id}"
    if _remembered(request) == said:
        return
    response.set_signed_cookie(
        _COOKIE,
        said,
        salt=_COOKIE,
        max_age=_COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def keep(request: HttpRequest) -> bool:
    """Keeps a posted form in the session of the stranger who sent it, and tells whether it could
    be: nothing is kept of browsers where nobody has worked, nor files, secrets, or what is larger
    than a form of the desk."""
    person_id, _, store_id = _remembered(request).partition(".")
    if not person_id or getattr(request, "htmx", None) or request.FILES:
        return False
    if request.path_info.startswith(_CLOSED):
        return False
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != _NOT_KEPT
    ]
    if any(_is_secret(request, name) for name, _ in fields):
        return False
    if sum(len(name) + len(value) for name, value in fields) > _MOST_CHARACTERS:
        return False
    # The session of a stranger holds nothing else: it ends, and is swept away, with the draft.
    request.session.set_expiry(settings.DRAFTS_KEPT_HOURS * 3600)
    request.session[_SESSION_KEY] = {
        "kept_at": time.time(),
        "path": request.get_full_path(),
        "fields": fields,
        "person_id": int(person_id),
        "store_id": int(store_id),
    }
    return True


def kept(request: HttpRequest) -> Draft | None:
    """Returns the form that is kept, or None where there is none, or none any more."""
    found = request.session.get(_SESSION_KEY)
    if not found or "person_id" not in found:
        return None
    if _is_over(found):
        drop(request)
        return None
    return Draft(
        path=found["path"],
        fields=tuple((name, value) for name, value in found["fields"]),
        person_id=found["person_id"],
        store_id=found["store_id"],
    )


def drop(request: HttpRequest) -> None:
    """Forgets the form that is kept."""
    request.session.pop(_SESSION_KEY, None)


def drop_old(request: HttpRequest) -> None:
    """Forgets the form that is kept, once it was for long enough."""
    found = request.session.get(_SESSION_KEY)
    if found and _is_over(found):
        drop(request)


def live_on(request: HttpRequest) -> None:
    """Gives a session that was a stranger's, and would have ended with its draft, the length of
    every other: somebody signed in."""
    if _SESSION_KEY in request.session:
        request.session.set_expiry(None)


def _is_over(found: dict[str, Any]) -> bool:
    age = time.time() - float(found.get("kept_at", 0))
    return age > settings.DRAFTS_KEPT_HOURS * 3600


def _remembered(request: HttpRequest) -> str:
    """Returns the keys of the person and the store, with a period between, or an empty text."""
    return str(request.get_signed_cookie(_COOKIE, default="", salt=_COOKIE))


def _is_secret(request: HttpRequest, name: str) -> bool:
    match = request.resolver_match
    if match and (match.view_name, name) in _OPEN_FIELDS:
        return False
    return any(part in name.casefold() for part in _SECRETS)

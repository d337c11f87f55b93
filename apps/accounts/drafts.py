"""A form that was sent after its session had ended: kept until its author signed in again."""

from dataclasses import dataclass

from django.http import HttpRequest

_SESSION_KEY = "draft"
_MOST_CHARACTERS = 64_000
_NOT_KEPT = "csrfmiddlewaretoken"
_SECRET = "password"  # noqa: S105 - a part of field names


@dataclass(frozen=True)
class Draft:
    """What was to be sent, and where to."""

    path: str
    fields: tuple[tuple[str, str], ...]


def keep(request: HttpRequest) -> bool:
    """Keeps a posted form in the session of the stranger who sent it, and tells whether it could
    be: files, passwords and what is larger than a form of the desk are not kept."""
    if getattr(request, "htmx", None) or request.FILES:
        return False
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if name != _NOT_KEPT
    ]
    if any(_SECRET in name for name, _ in fields):
        return False
    if sum(len(name) + len(value) for name, value in fields) > _MOST_CHARACTERS:
        return False
    request.session[_SESSION_KEY] = {"path": request.get_full_path(), "fields": fields}
    return True


def kept(request: HttpRequest) -> Draft | None:
    """Returns the form that is kept, or None."""
    found = request.session.get(_SESSION_KEY)
    if not found:
        return None
    return Draft(found["path"], tuple((name, value) for name, value in found["fields"]))


def drop(request: HttpRequest) -> None:
    """Forgets the form that is kept."""
    request.session.pop(_SESSION_KEY, None)

"""Where a person is signed in, and ending that."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare

from apps.accounts.attempts import UNKNOWN_ADDRESS
from apps.accounts.models import User
from apps.common import clock

SEEN_KEY = "seen_at"
SEEN_SECONDS = 60
_MOST_ENDED = 500
_WRITTEN_BY_THEN = timedelta(hours=1)

# The first that fits names the browser or the system: most claim to be others, too.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Samsung Internet", r"SamsungBrowser/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:Chrome|CriOS|HeadlessChrome)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("macOS", r"Mac OS X"),
    ("Linux", r"Linux"),
)


@dataclass(frozen=True)
class SessionView:
    """One place where a person is signed in; times are UTC, `address` is "" where unknown."""

    pk: int
    browser: str
    address: str
    signed_in_at: datetime
    last_seen_at: datetime
    is_current: bool


def sessions_of(*, user: User, current_key: str | None) -> list[SessionView]:
    """Returns where a person is signed in, in two queries: this session first, then by when they
    were last seen. What has ended meanwhile is removed from the list."""
    rows = list(UserSession.objects.filter(user_id=user.pk))
    found = Session.objects.filter(
        session_key__in=[row.session_key for row in rows], expire_date__gt=clock.now()
    )
    live = {kept.session_key for kept in found if _is_of(kept, user)}
    ended = [row.pk for row in rows if row.session_key not in live]
    if ended:
        UserSession.objects.filter(pk__in=ended).delete()
    views = [
        SessionView(
            pk=row.pk,
            browser=browser_in_words(row.user_agent),
            address="" if row.ip == UNKNOWN_ADDRESS else str(row.ip),
            signed_in_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
        )
        for row in rows
        if row.session_key in live
    ]
    return sorted(views, key=lambda v: (not v.is_current, -v.last_seen_at.timestamp(), v.pk))


def _is_of(kept: Session, user: User) -> bool:
    """A session from before the password was changed is none any more."""
    said = kept.get_decoded()
    return said.get(SESSION_KEY) == str(user.pk) and constant_time_compare(
        str(said.get(HASH_SESSION_KEY, "")), user.get_session_auth_hash()
    )


def rename_session(*, before: str | None, after: str | None) -> None:
    """Follows a session that goes on under another key, as after the password was changed."""
    UserSession.objects.filter(session_key=before or "").update(session_key=after or "")


def end_session(*, user_id: int, pk: int, current_key: str | None) -> bool:
    """Ends one of a person's other sessions; returns whether there was such a one."""
    found = UserSession.objects.filter(user_id=user_id, pk=pk)
    session = found.exclude(session_key=current_key or "").first()
    if session is None:
        return False
    session.end()
    return True


def end_other_sessions(*, user_id: int, current_key: str | None) -> int:
    """Ends all of a person's sessions but this one; returns how many."""
    others = list(
        UserSession.objects.filter(user_id=user_id).exclude(session_key=current_key or "")
    )
    for session in others:
        session.end()
    return len(others)


def forget_ended() -> int:
    """Deletes sessions that have ended, with what was kept in them, and their lines in the lists of
    where people are signed in: at most _MOST_ENDED of each. Returns how many of both."""
    now = clock.now()
    with transaction.atomic():
        ended = Session.objects.filter(expire_date__lt=now).order_by("expire_date")
        keys = list(ended.values_list("session_key", flat=True)[:_MOST_ENDED])
        # Looked at again: a session that was used in between lives on.
        count = Session.objects.filter(session_key__in=keys, expire_date__lt=now).delete()[0]
    with transaction.atomic():
        kept = Session.objects.filter(session_key=OuterRef("session_key"))
        # A session that has just begun may be written a moment after its line.
        listed = UserSession.objects.filter(
            ~Exists(kept), last_seen_at__lt=now - _WRITTEN_BY_THEN
        ).order_by("pk")
        lines = list(listed.values_list("pk", flat=True)[:_MOST_ENDED])
        return count + UserSession.objects.filter(pk__in=lines).delete()[0]


def browser_in_words(user_agent: str) -> str:
    """Returns what a browser says of itself in a few words, such as "Firefox 140 on Windows"."""
    browser = next(
        (f"{name} {m[1]}" for name, p in _BROWSERS if (m := re.search(p, user_agent))), ""
    )
    system = next((name for name, p in _SYSTEMS if re.search(p, user_agent)), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or user_agent[:60] or "Unknown browser"

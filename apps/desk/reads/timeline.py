"""One list of everything that happened to an order or a return: messages, decisions, payments,
snapshots, notes and people's work, newest first."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.models import User
from apps.cases.models import Note, SubjectKind
from apps.cases.rules import NotePart, parts_of_note
from apps.desk.timeline_words import field_name
from apps.desk.words import local_text
from apps.timeline.models import ActorKind, Event
from apps.timeline.queries import events_about

LENGTH = 60
NOTED = "case.noted"

_UNIT = re.compile(r"^unit (.*)#(\d+) (\S+)$")

# What the filter in the address shows: its name, its label, and which events.
FILTERS: tuple[tuple[str, str, Q], ...] = (
    ("", "All", Q()),
    (
        "messages",
        "Messages",
        Q(message_kind__in=("delivery", "order_message", "attempt")),
    ),
    ("money", "Money", Q(kind__startswith="refund.")),
    ("people", "People", Q(actor_kind__in=(ActorKind.STAFF, ActorKind.API))),
    ("notes", "Notes", Q(kind=NOTED)),
)


@dataclass(frozen=True)
class Entry:
    """An event as the timeline shows it; `note` is the whole text of a note."""

    event: Event
    changes: list[dict[str, Any]]
    note: list[NotePart]


@dataclass(frozen=True)
class Timeline:
    """The events that are shown, which filter chose them, and whether there are more."""

    entries: list[Entry]
    shown: str
    is_whole: bool
    has_more: bool

    @property
    def filters(self) -> list[tuple[str, str, bool]]:
        """The filters: name, label, whether it is the one in use."""
        return [(name, label, name == self.shown) for name, label, _ in FILTERS]


def timeline_of(
    *,
    store_id: int,
    subject_kind: str,
    subject: str,
    related: Iterable[str],
    people: Iterable[User],
    query: Mapping[str, str],
) -> Timeline:
    """Reads the timeline of an order with its returns (`related`), or of a return with what people
    did about its orders. `query` is the address: `show` names a filter (one that nobody knows shows
    everything), `timeline=all` shows all events. Three queries at most."""
    events = _events(store_id, subject_kind, subject, list(related))
    shown, chosen = next(
        ((name, test) for name, _, test in FILTERS if name == query.get("show")), ("", Q())
    )
    is_whole = query.get("timeline") == "all"
    rows = list(events.filter(chosen) if is_whole else events.filter(chosen)[: LENGTH + 1])
    cut = rows if is_whole else rows[:LENGTH]
    return Timeline(
        entries=_entries(cut, store_id, [person.get_username() for person in people]),
        shown=shown,
        is_whole=is_whole,
        has_more=len(rows) > len(cut),
    )


def _events(store_id: int, subject_kind: str, subject: str, related: list[str]) -> QuerySet[Event]:
    if subject_kind == SubjectKind.ORDER:
        return events_about(store_id=store_id, order_identifiers=[subject], rma_identifiers=related)
    about_orders = Q(order_identifier__in=related, kind__startswith="case.")
    rows = Event.objects.filter(Q(rma_identifier=subject) | about_orders, store_id=store_id)
    return rows.select_related("actor").order_by("-recorded_at", "-pk")


def _entries(events: list[Event], store_id: int, usernames: list[str]) -> list[Entry]:
    keys = [event.message_id or 0 for event in events if event.kind == NOTED]
    texts = dict(
        Note.objects.filter(case__store_id=store_id, pk__in=keys).values_list("pk", "text")
    )
    return [
        Entry(
            event=event,
            changes=together(event.changes or []),
            note=parts_of_note(texts.get(event.message_id or 0, event.summary), usernames)
            if event.kind == NOTED
            else [],
        )
        for event in events
    ]


def together(changes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns an event's changes, each with a `label`; units that changed alike are one."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    units: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        path = str(change.get("field"))
        unit = _UNIT.match(path)
        head = (unit[1], unit[3]) if unit else (path,)
        key = (*head, str(change.get("before")), str(change.get("after")))
        found.setdefault(key, change)
        units.setdefault(key, []).append(unit[2] if unit else "")
    return [
        {
            **change,
            "before": _shown(change, "before"),
            "after": _shown(change, "after"),
            "label": _label(str(change.get("field")), units[key]),
        }
        for key, change in found.items()
    ]


def _shown(change: dict[str, Any], side: str) -> Any:
    """Moments are told on the store's clock; everything else is left as it is."""
    value = change.get(side)
    if value and str(change.get("field")) == "due_at":
        return local_text(datetime.fromisoformat(str(value)))
    return value


def _label(path: str, ordinals: list[str]) -> str:
    if len(ordinals) == 1:
        return field_name(path)
    one, rest = f", unit {ordinals[0]}", f", units {', '.join(ordinals)}"
    return field_name(path).replace(one, rest, 1)

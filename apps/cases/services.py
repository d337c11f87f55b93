"""Working on the case of an order or a return: notes, an assignee, a due date, a flag.

A flag is set through `refunds.flags`, which also stops what automation had decided.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.accounts.queries import people_of
from apps.cases.models import Case, Mention, Note, SubjectKind
from apps.cases.rules import names_mentioned
from apps.common import clock
from apps.common.errors import Refused
from apps.timeline import services as timeline
from apps.timeline.types import Actor, Change, MessageRef

MOST_NOTE_CHARACTERS = 5000
SECOND_CLICK_SECONDS = 60


@transaction.atomic
def write_note(
    *, store_id: int, subject_kind: str, subject: str, text: str, author: User, actor: Actor
) -> Note:
    """Writes an internal note, tells the timeline, and puts it in the queue of everybody it names
    with @. People without a role in the store cannot be named: their @name stays text. The same
    text once more within a minute is a second click: it is the note that is there.

    Raises Refused where the text is empty or too long.
    """
    text = text.strip()
    if not text:
        raise Refused("the note is empty: write something")
    if len(text) > MOST_NOTE_CHARACTERS:
        raise Refused(
            f"the note has {len(text)} characters, {MOST_NOTE_CHARACTERS} are the most: shorten it"
        )
    case = _locked_case(store_id, subject_kind, subject)
    written_at = clock.in_seconds(-SECOND_CLICK_SECONDS)
    twin = case.notes.filter(author=author, text=text, written_at__gte=written_at).first()
    if twin:
        return twin
    note = Note.objects.create(case=case, author=author, text=text)
    named = people_of(store_id=store_id, usernames=names_mentioned(text))
    Mention.objects.bulk_create(
        Mention(note=note, person=person) for person in named if person.pk != author.pk
    )
    _tell(case, "case.noted", text, actor, message=MessageRef("note", note.pk))
    return note


@transaction.atomic
def assign(
    *,
    store_id: int,
    subject_kind: str,
    subject: str,
    assignee: User | None,
    actor: Actor,
    seen: str | None = None,
) -> Case:
    """Gives an order or a return to a person, or to nobody.

    `seen` is the user name that the caller saw it assigned to ("" for nobody): it is not taken away
    from somebody who got it meanwhile. Raises Refused then, and where the person has no role in
    the store.
    """
    case = _locked_case(store_id, subject_kind, subject)
    now_with = _name(case.assignee) or ""
    if seen is not None and seen != now_with and case.assignee != assignee:
        raise Refused(
            f"it was assigned to {now_with or 'nobody'} meanwhile: look again, then decide"
        )
    if assignee and not people_of(store_id=store_id, usernames=[assignee.get_username()]):
        raise Refused(f"{assignee.get_username()} has no role in this store: choose somebody else")
    before, after = case.assignee, assignee
    if before == after:
        return case
    case.assignee = after
    case.save(update_fields=["assignee", "changed_at"])
    change = Change("assignee", _name(before), _name(after))
    summary = f"Assigned to {_name(after)}" if after else "Assigned to nobody"
    _tell(case, "case.assigned", summary, actor, change)
    return case


@transaction.atomic
def set_due(
    *, store_id: int, subject_kind: str, subject: str, due_at: datetime | None, actor: Actor
) -> Case:
    """Sets by when an order or a return should be dealt with (UTC), or takes that away."""
    case = _locked_case(store_id, subject_kind, subject)
    if case.due_at == due_at:
        return case
    change = Change("due_at", _moment(case.due_at), _moment(due_at))
    case.due_at = due_at
    case.save(update_fields=["due_at", "changed_at"])
    summary = "Due date set" if due_at else "Due date taken away"
    _tell(case, "case.due", summary, actor, change)
    return case


@transaction.atomic
def set_flag(
    *, store_id: int, subject_kind: str, subject: str, reason: str, flagger: str, actor: Actor
) -> Case:
    """Sets a flag, or with an empty `reason` takes it away. Callers: `refunds.flags`."""
    case = _locked_case(store_id, subject_kind, subject)
    change = Change("flag", case.flag_reason or None, reason or None)
    case.flagged_at = clock.now() if reason else None
    case.flag_reason, case.flagger = reason[:255], flagger[:150] if reason else ""
    case.save(update_fields=["flagged_at", "flag_reason", "flagger", "changed_at"])
    summary = f"Flagged: {reason}" if reason else "Flag taken away: automation goes on"
    _tell(case, "case.flagged" if reason else "case.unflagged", summary, actor, change)
    return case


def see_mentions(*, notes: Iterable[Note], person_id: int) -> int:
    """Notes that a person has seen those of these notes that name them; returns how many. Done
    again, nothing changes."""
    unseen = Mention.objects.filter(
        person_id=person_id, seen_at__isnull=True, note__in=[note.pk for note in notes]
    )
    return unseen.update(seen_at=clock.now())


def _locked_case(store_id: int, subject_kind: str, subject: str) -> Case:
    case, _ = Case.objects.get_or_create(
        store_id=store_id, subject_kind=subject_kind, subject=subject
    )
    return Case.objects.select_for_update(of=("self",)).get(pk=case.pk)


def _name(person: User | None) -> str | None:
    return person.get_username() if person else None


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _tell(
    case: Case, kind: str, summary: str, actor: Actor, *changes: Change, **more: MessageRef
) -> None:
    is_order = case.subject_kind == SubjectKind.ORDER
    timeline.record(
        store_id=case.store_id,
        kind=kind,
        summary=summary,
        actor=actor,
        order_identifier=case.subject if is_order else "",
        rma_identifier="" if is_order else case.subject,
        changes=changes,
        message=more.get("message"),
    )

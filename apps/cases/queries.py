"""Reading what people agreed about orders and returns."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from apps.accounts.queries import people_of
from apps.cases.models import Case, Mention, Note, SubjectKind
from apps.cases.rules import names_mentioned


def case_of(*, store_id: int, subject_kind: str, subject: str) -> Case | None:
    """Returns the case of an order or a return, None where nobody has worked on it yet."""
    rows = Case.objects.select_related("assignee")
    return rows.filter(store_id=store_id, subject_kind=subject_kind, subject=subject).first()


def cases_about(
    *, store_id: int, orders: Collection[str] = (), rmas: Collection[str] = ()
) -> QuerySet[Case]:
    """Returns the cases of these orders and returns, by identifier."""
    about = Q(subject_kind=SubjectKind.ORDER, subject__in=[name for name in orders if name])
    about |= Q(subject_kind=SubjectKind.RMA, subject__in=[name for name in rmas if name])
    return Case.objects.filter(about, store_id=store_id).select_related("assignee")


def flags_on(
    *, store_id: int, orders: Iterable[str] = (), rmas: Iterable[str] = ()
) -> dict[tuple[str, str], str]:
    """Returns who flagged which of these orders and returns and why, in words, by (subject kind,
    identifier); in one query."""
    cases = cases_about(store_id=store_id, orders=list(orders), rmas=list(rmas))
    return flags_of(cases.exclude(flagged_at=None))


def flags_of(cases: Iterable[Case]) -> dict[tuple[str, str], str]:
    """Returns what `flags_on` says of these cases, where they are read already."""
    return {
        (case.subject_kind, case.subject): f"{case.flag_reason} (flagged by {case.flagger})"
        for case in cases
        if case.is_flagged
    }


def notes_of(cases: Iterable[Case]) -> QuerySet[Note]:
    """Returns the notes of these cases, newest first, with their authors."""
    rows = Note.objects.filter(case__in=list(cases)).select_related("author", "case")
    return rows.order_by("-pk")


def unseen_notes(cases: Iterable[Case], *, person_id: int) -> list[Note]:
    """Returns the notes of these cases that name a person who has not seen them, newest first."""
    rows = Mention.objects.filter(
        person_id=person_id, seen_at__isnull=True, note__case__in=list(cases)
    )
    found = rows.select_related("note__author", "note__case").order_by("-note_id")
    return [mention.note for mention in found]


def unseen_mentions(*, store_id: int, person_id: int) -> QuerySet[Mention]:
    """Returns the notes that name a person who has not seen them yet, oldest first."""
    rows = Mention.objects.filter(
        person_id=person_id, seen_at__isnull=True, note__case__store_id=store_id
    )
    return rows.select_related("note__case", "note__author").order_by("pk")


def unknown_names(*, store_id: int, text: str) -> list[str]:
    """Returns what a note names with @ that is no user name of anybody in the store, in order."""
    names = names_mentioned(text)
    known = {person.username.casefold() for person in people_of(store_id=store_id, usernames=names)}
    return [name for name in names if name not in known]

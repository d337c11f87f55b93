"""What people agreed about an order or a return: whose it is, until when, flags and notes. Notes
and flags of an order stand on its returns too, and the other way round."""

from collections.abc import Collection
from dataclasses import dataclass

from apps.accounts.models import User
from apps.accounts.queries import people_of
from apps.cases.models import Case, Note, SubjectKind
from apps.cases.queries import cases_about, notes_of, unseen_notes
from apps.cases.rules import NotePart, parts_of_note
from apps.common import clock

NOTES_SHOWN = 10


@dataclass(frozen=True)
class NoteView:
    """A note as it is shown: its text in pieces, where it comes from, and whether it names whoever
    looks, who has not seen it."""

    note: Note
    parts: list[NotePart]
    is_own: bool
    is_new: bool


@dataclass(frozen=True)
class CasePanel:
    """The case of the order or the return that a page is about, with all the flags and notes that
    concern it."""

    subject_kind: str
    subject: str
    case: Case | None
    flagged: list[Case]
    notes: list[NoteView]
    has_more_notes: bool
    people: list[User]

    @property
    def is_order(self) -> bool:
        """Whether it is an order's; else it is a return's."""
        return self.subject_kind == SubjectKind.ORDER

    @property
    def assignee(self) -> User | None:
        """Whose it is."""
        return self.case.assignee if self.case else None

    @property
    def assignee_name(self) -> str:
        """What the person whose it is is called, "" for nobody."""
        person = self.assignee
        return person.get_full_name() or person.get_username() if person else ""

    @property
    def is_flagged(self) -> bool:
        """Whether the subject itself is flagged."""
        return bool(self.case and self.case.is_flagged)

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been dealt with by now."""
        due_at = self.case.due_at if self.case else None
        return due_at is not None and due_at < clock.now()

    @property
    def unseen(self) -> list[Note]:
        """The shown notes that name whoever looks for the first time."""
        return [view.note for view in self.notes if view.is_new]


def case_panel(
    *,
    store_id: int,
    subject_kind: str,
    subject: str,
    person_id: int,
    related: Collection[str],
    whole: bool = False,
) -> CasePanel:
    """Reads the case of an order or a return for a person; `related` names the returns of the order
    or the orders of the return. Four queries, whatever there is. Notes that name the person and
    are new to them are never left out; the others are cut unless `whole`.
    """
    is_order = subject_kind == SubjectKind.ORDER
    cases = list(
        cases_about(
            store_id=store_id,
            orders=[subject] if is_order else related,
            rmas=related if is_order else [subject],
        )
    )
    people = people_of(store_id=store_id)
    own = next((c for c in cases if (c.subject_kind, c.subject) == (subject_kind, subject)), None)
    shown: list[Note] = []
    new: dict[int, Note] = {}
    if cases:
        notes = notes_of(cases)
        shown = list(notes if whole else notes[: NOTES_SHOWN + 1])
        new = {note.pk: note for note in unseen_notes(cases, person_id=person_id)}
    has_more = not whole and len(shown) > NOTES_SHOWN
    kept = {note.pk: note for note in (shown if whole else shown[:NOTES_SHOWN])} | new
    names = [person.get_username() for person in people]
    return CasePanel(
        subject_kind=subject_kind,
        subject=subject,
        case=own,
        flagged=[case for case in cases if case.is_flagged],
        notes=[
            NoteView(note, parts_of_note(note.text, names), note.case == own, pk in new)
            for pk, note in sorted(kept.items(), reverse=True)
        ],
        has_more_notes=has_more,
        people=people,
    )

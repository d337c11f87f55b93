"""Notes, assignees, due dates: what is written down, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Membership, Role, User
from apps.cases import services
from apps.cases.models import Case, Mention, Note
from apps.cases.queries import case_of, unseen_mentions
from apps.common.errors import Refused
from apps.stores.models import Store
from apps.timeline.models import Event
from apps.timeline.types import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(store: Store) -> Callable[[str], User]:
    """Makes a person of the store."""

    def make(name: str) -> User:
        user = User.objects.create_user(name)
        Membership.objects.create(user=user, store=store, role=Role.AGENT)
        return user

    return make


def about(store: Store, user: User, **more: Any) -> dict[str, Any]:
    subject = {"store_id": store.pk, "subject_kind": "rma", "subject": "RMA-1"}
    return {**subject, "actor": staff(user.pk), **more}


def test_a_note_names_people_of_the_store_once(store: Store, people: Callable[[str], User]) -> None:
    ana, bo = people("ana"), people("Bo")
    User.objects.create_user("stranger")
    text = "  @bo @BO @ana @stranger look  "
    note = services.write_note(**about(store, ana, text=text, author=ana))
    assert note.text == "@bo @BO @ana @stranger look"
    assert [mention.person for mention in Mention.objects.all()] == [bo]
    event = Event.objects.get()
    assert (event.kind, event.rma_identifier, event.actor) == ("case.noted", "RMA-1", ana)
    assert (event.message_kind, event.message_id) == ("note", note.pk)


def test_a_second_click_writes_no_second_note(store: Store, people: Callable[[str], User]) -> None:
    ana, bo = people("ana"), people("bo")
    first = services.write_note(**about(store, ana, text="called", author=ana))
    assert services.write_note(**about(store, ana, text="called ", author=ana)) == first
    assert services.write_note(**about(store, bo, text="called", author=bo)) != first
    assert services.write_note(**about(store, ana, text="called again", author=ana)) != first
    Note.objects.update(written_at=datetime.now(UTC) - timedelta(seconds=61))
    assert services.write_note(**about(store, ana, text="called", author=ana)) != first


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" \n ", "the note is empty: write something"),
        ("x" * 5001, "the note has 5001 characters, 5000 are the most: shorten it"),
    ],
)
def test_what_is_no_note(
    text: str, problem: str, store: Store, people: Callable[[str], User]
) -> None:
    ana = people("ana")
    with pytest.raises(Refused, match=problem):
        services.write_note(**about(store, ana, text=text, author=ana))
    assert not Note.objects.exists()


def test_it_is_given_to_people_of_the_store_only(
    store: Store, people: Callable[[str], User]
) -> None:
    ana = people("ana")
    stranger = User.objects.create_user("stranger")
    with pytest.raises(Refused, match="stranger has no role in this store"):
        services.assign(**about(store, ana, assignee=stranger))
    assert services.assign(**about(store, ana, assignee=ana)).assignee == ana
    services.assign(**about(store, ana, assignee=ana))
    assert [event.summary for event in Event.objects.all()] == ["Assigned to ana"]
    assert Event.objects.get().changes == [{"field": "assignee", "before": None, "after": "ana"}]


def test_nobody_takes_it_from_who_got_it_meanwhile(
    store: Store, people: Callable[[str], User]
) -> None:
    ana, bo = people("ana"), people("bo")
    services.assign(**about(store, bo, assignee=bo, seen=""))
    with pytest.raises(Refused, match="it was assigned to bo meanwhile"):
        services.assign(**about(store, ana, assignee=ana, seen=""))
    assert Case.objects.get().assignee == bo
    assert services.assign(**about(store, ana, assignee=ana, seen="bo")).assignee == ana


def test_a_due_date_is_told_once(store: Store, people: Callable[[str], User]) -> None:
    ana = people("ana")
    due_at = datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC)
    services.set_due(**about(store, ana, due_at=due_at))
    services.set_due(**about(store, ana, due_at=due_at))
    services.set_due(**about(store, ana, due_at=None))
    events = Event.objects.order_by("pk")
    assert [event.summary for event in events] == ["Due date set", "Due date taken away"]
    assert events[1].changes[0]["before"] == "2030-01-31T23:59:59+00:00"
    found = case_of(store_id=store.pk, subject_kind="rma", subject="RMA-1")
    assert found is not None
    assert found.due_at is None


def test_a_mention_is_seen_by_whom_it_names(store: Store, people: Callable[[str], User]) -> None:
    ana, bo = people("ana"), people("bo")
    note = services.write_note(**about(store, ana, text="@bo", author=ana))
    assert services.see_mentions(notes=[note], person_id=ana.pk) == 0
    assert unseen_mentions(store_id=store.pk, person_id=bo.pk).count() == 1
    assert services.see_mentions(notes=[note], person_id=bo.pk) == 1
    seen_at = Mention.objects.get().seen_at
    assert services.see_mentions(notes=[note], person_id=bo.pk) == 0
    assert Mention.objects.get().seen_at == seen_at
    assert not unseen_mentions(store_id=store.pk, person_id=bo.pk).exists()

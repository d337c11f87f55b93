"""Who works on what, by when, and what cannot be dismissed."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.accounts.models import Role
from apps.accounts.rules import may
from apps.attention.models import Item, Kind
from apps.attention.queries import next_of_kind
from apps.attention.rules import (
    ACTS,
    DONE_AT_ONCE,
    DUE_WITHIN,
    ENDS_WITH_ITS_CAUSE,
    Act,
    may_take_over,
    needs,
    resolving,
    with_one_more,
)
from apps.attention.services import (
    Cause,
    dismiss_item,
    give_back_item,
    open_item,
    open_items_at_once,
    open_or_add,
    take_item,
)
from apps.common.errors import Refused

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def opened(store, kind=Kind.PAYMENT_UNKNOWN, detail="first", subject="RD-1") -> Item:
    open_item(store_id=store.pk, kind=kind, subject=subject, detail=detail)
    return Item.objects.get(kind=kind, subject=subject, resolved_at=None)


@pytest.fixture
def people(django_user_model):
    ben = django_user_model.objects.create_user("ben", first_name="Ben", last_name="Noor")
    return django_user_model.objects.create_user("ana"), ben


def test_every_kind_has_a_time_and_an_action():
    assert set(DUE_WITHIN) == set(Kind)
    assert set(ACTS) == set(Kind)
    assert all(ACTS.values())


def test_sending_a_snapshot_needs_another_right_than_the_rest():
    needed = {act: needs(act, Kind.PAYMENT_UNKNOWN).value for act in sorted(DONE_AT_ONCE)}
    assert needed == {
        Act.ASK_GATEWAY: "resolve_money",
        Act.LOOK_AGAIN: "resolve_attention",
        Act.QUEUE_PAYMENT: "resolve_attention",
        Act.SEND_SNAPSHOT: "replay_message",
    }


# What finance may take and dismiss, too; agents, leads and administrators may all but reports.
ABOUT_MONEY = {
    "refund_declined",
    "payment_unknown",
    "payment_by_hand",
    "payment_contradicted",
    "payment_stuck",
    "paid_but_canceled",
    "settlement_unmatched",
    "given_back_twice",
    "books_broken",
}


@pytest.mark.parametrize("kind", sorted(Kind))
@pytest.mark.parametrize("role", sorted(Role))
def test_who_works_on_which_kind(kind, role):
    workers = {"agent", "lead", "administrator"}
    if kind in ABOUT_MONEY:
        workers.add("finance")
    if kind in ("report_failed", "report_empty"):
        workers = {"finance", "administrator"}
    if kind in ("statement_not_paid", "statement_twice"):
        workers = {"finance", "administrator"}
    assert may(role, resolving(kind)) is (role in workers)


def test_what_happens_again_is_counted_and_named():
    once = with_one_more("", "$5.00 of refund RD-1: no\nmoney", subject="RD-1")
    assert once == "$5.00 of refund RD-1: no money"
    twice = with_one_more(once, "$5.00 of refund RD-11: expired", subject="RD-11")
    assert twice.splitlines() == [
        "2 times, newest first:",
        "$5.00 of refund RD-11: expired",
        "$5.00 of refund RD-1: no money",
    ]
    again = with_one_more(twice, "$5.00 of refund RD-1: expired", subject="RD-1")
    assert again.splitlines() == [
        "2 times, newest first:",
        "$5.00 of refund RD-1: expired",
        "$5.00 of refund RD-11: expired",
    ]


def test_one_order_has_one_item_of_a_kind(store):
    def add(subject, order):
        cause = Cause(Kind.REFUND_DECLINED, subject, f"$1.00 of refund {subject}: no", order)
        open_or_add(store_id=store.pk, cause=cause)

    add("RD-1", "ORD-1")
    first = Item.objects.get()
    add("RD-2", "ORD-1")
    again = Item.objects.get()
    assert (again.pk, again.subject, again.due_at) == (first.pk, "RD-2", first.due_at)
    assert again.detail.startswith("2 times, newest first:")
    add("RD-3", "ORD-2")
    assert Item.objects.count() == 2
    Item.objects.filter(pk=first.pk).update(resolved_at=NOON)
    add("RD-4", "ORD-1")
    assert Item.objects.get(subject="RD-4").detail == "$1.00 of refund RD-4: no"


def test_the_next_of_a_kind_is_one_that_nobody_else_has(store, people):
    ana, ben = people
    items = [opened(store, Kind.SNAPSHOT_HELD, subject=f"ORD-{n}") for n in range(4)]
    opened(store, Kind.PAYMENT_UNKNOWN)
    take_item(item=items[2], user_id=ben.pk, takes_over=False)
    assert next_of_kind(items[0], ana.pk) == (items[1], 3)
    assert next_of_kind(items[1], ana.pk) == (items[3], 3)
    assert next_of_kind(items[1], ben.pk) == (items[2], 3)
    assert next_of_kind(items[3], ana.pk) == (items[0], 3)
    Item.objects.exclude(pk=items[2].pk).update(resolved_at=NOON)
    assert next_of_kind(items[0], ana.pk) == (None, 1)


def test_an_item_is_late_from_the_moment_it_is_due(store):
    with time_machine.travel(NOON, tick=False):
        item = opened(store)
        assert item.due_at == NOON + timedelta(hours=1)
    with time_machine.travel(NOON + timedelta(minutes=59), tick=False):
        assert not item.is_late
        opened(store, detail="second")
    item.refresh_from_db()
    assert (item.detail, item.due_at) == ("second", NOON + timedelta(hours=1))
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert item.is_late
        Item.objects.update(resolved_at=NOON)
        item.refresh_from_db()
        assert not item.is_late


def test_an_item_is_taken_and_given_back(store, people):
    ana, ben = people
    item = opened(store)
    take_item(item=item, user_id=ana.pk, takes_over=False)
    take_item(item=item, user_id=ana.pk, takes_over=False)
    with pytest.raises(Refused, match="it cannot be taken: ana has it; ask them, or a lead"):
        take_item(item=item, user_id=ben.pk, takes_over=False)
    with pytest.raises(Refused, match="it cannot be given back: ana has it"):
        give_back_item(item=item, user_id=ben.pk, takes_over=False)
    take_item(item=item, user_id=ben.pk, takes_over=True)
    item.refresh_from_db()
    assert item.owner == ben
    with pytest.raises(Refused, match="Ben Noor has it"):
        take_item(item=item, user_id=ana.pk, takes_over=False)
    give_back_item(item=item, user_id=ben.pk, takes_over=False)
    item.refresh_from_db()
    assert item.owner is None


def test_leads_take_over():
    takes_over = {role.value for role in Role if may_take_over(role)}
    assert takes_over == {"lead", "administrator"}


def test_a_closed_item_has_no_new_owner(store, people):
    item = opened(store, Kind.SNAPSHOT_HELD)
    assert dismiss_item(item=item, user_id=people[0].pk, note="mended")
    with pytest.raises(Refused, match="it cannot be taken: it is closed already"):
        take_item(item=item, user_id=people[1].pk, takes_over=True)
    item.refresh_from_db()
    assert (item.is_dismissed, item.owner, item.resolution) == (True, people[0], "mended")


@pytest.mark.parametrize("kind", sorted(Kind))
def test_money_whose_cause_is_there_cannot_be_dismissed(kind, store, people):
    item = opened(store, Kind(kind))
    if kind in ENDS_WITH_ITS_CAUSE:
        with pytest.raises(Refused, match="cannot be dismissed: it closes by itself"):
            dismiss_item(item=item, user_id=people[0].pk, note="enough")
        assert Item.objects.get().resolved_at is None
    else:
        assert dismiss_item(item=item, user_id=people[0].pk, note="enough")
    assert {Kind.PAYMENT_UNKNOWN, Kind.PAYMENT_BY_HAND, Kind.CANCELLATION_WAITS} < (
        ENDS_WITH_ITS_CAUSE
    )
    assert Kind.PAYMENT_CONTRADICTED not in ENDS_WITH_ITS_CAUSE


def test_many_items_are_opened_at_once_beside_those_that_are_open(store, django_assert_num_queries):
    opened(store, Kind.PAID_NOT_REPORTED, subject="RD-1")
    causes = [Cause(Kind.PAID_NOT_REPORTED, f"RD-{n}", "second", "ORD-1") for n in range(1, 31)]
    with django_assert_num_queries(1):
        assert open_items_at_once(store_id=store.pk, causes=causes) == 30
    assert Item.objects.count() == 30
    assert Item.objects.get(subject="RD-1").detail == "first"
    item = Item.objects.get(subject="RD-30")
    assert (item.order_identifier, item.detail) == ("ORD-1", "second")
    assert item.due_at - item.opened_at < timedelta(hours=4, seconds=1)

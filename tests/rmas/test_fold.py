"""The state of an RMA is a function of the set of its messages (design: "a fold")."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.rmas import rules
from apps.rmas.fold import fold
from apps.rmas.types import RmaSnapshot, UnitSnapshot

START = datetime(2026, 1, 28, 10, 0, tzinfo=UTC)


def unit(**facts):
    facts = {
        "order_identifier": "ORD-1",
        "order_line_item_identifier": "1",
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 13056,
        "receiving_status": "PENDING",
        **facts,
    }
    return UnitSnapshot(**facts)


def message(*units, minute=0, **facts):
    facts = {"status": "CREATED", "return_method": "mail-back", **facts}
    return RmaSnapshot(
        rma_identifier="RMA-1",
        units=units or (unit(),),
        created_at=START,
        updated_at=START + timedelta(minutes=minute),
        **facts,
    )


TRACKING = ["", *list(rules.TRACKING_PROGRESS)[1:], "SOMETHING_NEW"]
units = st.builds(
    unit,
    order_line_item_identifier=st.sampled_from(["1", "2"]),
    tracking_number=st.sampled_from(["", "T1", "T2"]),
    package_tracking_status=st.sampled_from(TRACKING),
    receiving_status=st.sampled_from(["", "PENDING", "RECEIVED", "NOT_RECEIVED"]),
    exchange_order_identifier=st.sampled_from(["", "EX-1"]),
    refund_type=st.sampled_from(["REFUND", "INSTANT_EXCHANGE"]),
    is_exchange=st.booleans(),
)
messages = st.builds(
    lambda items, minute, **facts: message(*items, minute=minute, **facts),
    items=st.lists(units, min_size=1, max_size=4),
    minute=st.integers(0, 3),
    status=st.sampled_from(["CREATED", "REFUNDED", "PARTIAL_REFUND", "CANCELED", "NEW_WORD"]),
    giftee_email=st.sampled_from(["", "a@example.com"]),
    warehouse_identifier=st.sampled_from(["", "21"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(messages, min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_one_set_of_messages_has_one_state(told, chance):
    expected = fold(told)
    shuffled = told * 2
    chance.shuffle(shuffled)
    assert fold(shuffled) == expected
    again = [RmaSnapshot.from_content(m.to_content()) for m in shuffled]
    assert fold(again) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(messages, min_size=1, max_size=5))
def test_the_order_of_units_in_a_message_does_not_matter(told):
    chance = random.Random(7)
    mixed = [replace(m, units=tuple(chance.sample(m.units, len(m.units)))) for m in told]

    def counted(state):
        return sorted(repr((u.facts, u.is_withdrawn)) for u in state.units)

    first = [message(*m.units, minute=n) for n, m in enumerate(told)]
    second = [message(*m.units, minute=n) for n, m in enumerate(mixed)]
    assert counted(fold(first)) == counted(fold(second))


def test_the_newest_message_wins():
    state = fold(
        [
            message(unit(package_tracking_status="TRANSIT"), minute=2),
            message(unit(package_tracking_status="PRE_TRANSIT"), minute=1),
        ]
    )
    assert state.units[0].facts.package_tracking_status == "TRANSIT"
    assert state.updated_at == START + timedelta(minutes=2)


def test_progress_settles_ties_in_updated_at():
    """Contract §10.1: null, PRE_TRANSIT and TRANSIT under one timestamp."""
    told = [
        message(unit(package_tracking_status=status)) for status in ("TRANSIT", "", "PRE_TRANSIT")
    ]
    assert fold(told).units[0].facts.package_tracking_status == "TRANSIT"
    tie = [message(status="REFUNDED"), message(status="CREATED")]
    assert fold(tie).status == "REFUNDED"


def test_what_is_known_is_not_forgotten():
    """Contract §10.2: an exchange order on one of four units, on none of them afterwards."""
    created = message(
        unit(refund_type="INSTANT_EXCHANGE", is_exchange=True, exchange_order_identifier="EX-1"),
        *[unit(refund_type="INSTANT_EXCHANGE") for _ in range(3)],
        warehouse_identifier="21",
    )
    scanned = message(
        *[unit(refund_type="INSTANT_EXCHANGE", package_tracking_status="ACCEPTED")] * 4, minute=5
    )
    state = fold([scanned, created])
    assert [u.facts.exchange_order_identifier for u in state.units].count("EX-1") == 1
    assert [u.facts.is_exchange for u in state.units].count(True) == 1
    assert state.warehouse_identifier == "21"


def test_a_unit_converted_to_a_refund_is_no_exchange_any_more():
    before = message(unit(refund_type="STANDARD_EXCHANGE", is_exchange=True))
    after = message(unit(refund_type="REFUND", is_exchange=False), minute=1)
    [converted] = fold([before, after]).units
    assert (converted.facts.refund_type, converted.facts.is_exchange) == ("REFUND", False)


def test_canceled_is_final_even_while_the_parcel_moves():
    """Contract §10.3."""
    state = fold(
        [
            message(unit(package_tracking_status="TRANSIT"), minute=9),
            message(unit(package_tracking_status="TRANSIT"), status="CANCELED", minute=5),
        ]
    )
    assert state.status == "CANCELED"


def test_four_equal_units_are_four_units():
    state = fold([message(unit(), unit(), unit(), unit())])
    assert [u.ordinal for u in state.units] == [1, 2, 3, 4]


def test_a_unit_that_a_newer_message_leaves_out_is_withdrawn_and_can_come_back():
    four = message(*[unit()] * 4)
    three = message(*[unit()] * 3, minute=1)
    assert [u.is_withdrawn for u in fold([four, three]).units].count(True) == 1
    back = message(*[unit()] * 4, minute=2)
    assert not any(u.is_withdrawn for u in fold([four, three, back]).units)


def test_units_stay_who_they_are_when_a_message_lists_them_in_another_order():
    first = message(
        unit(package_tracking_status="ACCEPTED"), unit(package_tracking_status="NOT_DROPPED_OFF")
    )
    second = message(
        unit(package_tracking_status="NOT_DROPPED_OFF"),
        unit(package_tracking_status="ACCEPTED"),
        minute=1,
    )
    before, after = fold([first]), fold([first, second])
    assert [u.facts.package_tracking_status for u in before.units] == [
        u.facts.package_tracking_status for u in after.units
    ]


def test_what_was_seen_before_refunded_is_remembered():
    closed_at_once = fold([message(unit(package_tracking_status="TRANSIT"), status="REFUNDED")])
    assert closed_at_once.units[0].was_seen_open is False
    scanned_first = fold(
        [
            message(unit(package_tracking_status="TRANSIT"), status="REFUNDED", minute=2),
            message(unit(package_tracking_status="TRANSIT"), minute=1),
        ]
    )
    assert scanned_first.units[0].was_seen_open is True
    assert scanned_first.units[0].open_package_tracking_status == "TRANSIT"


def test_messages_without_updated_at_sort_by_their_creation():
    old = replace(message(unit()), updated_at=None)
    new = message(unit(package_tracking_status="TRANSIT"), minute=1)
    assert fold([new, old]).units[0].facts.package_tracking_status == "TRANSIT"


def test_a_condition_stays_with_the_unit_that_was_received():
    parcel = {"tracking_number": "P-1", "package_tracking_status": "DELIVERED"}
    opened = unit(**parcel, receiving_status="RECEIVED", warehouse_receipt_condition="TT")
    never_came = unit(
        tracking_number="P-1", package_tracking_status="NOT_DROPPED_OFF", receiving_status="PENDING"
    )
    gone = {"tracking_number": "P-1", "package_tracking_status": "RETURNED"}
    state = fold(
        [
            message(opened, never_came, minute=1),
            message(
                unit(**gone, receiving_status="RECEIVED", warehouse_receipt_condition="TT"),
                unit(**gone, receiving_status="PENDING"),
                minute=2,
            ),
        ]
    )
    assert {
        (u.facts.receiving_status, u.facts.warehouse_receipt_condition) for u in state.units
    } == {("RECEIVED", "TT"), ("PENDING", "")}

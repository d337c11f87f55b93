"""When each unit last changed, from one state of a line to the next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.rmas.models import RmaUnit
from apps.rmas.moments import concerns_every_unit, set_moments
from apps.timeline.types import Change

DAY = datetime(2026, 1, 28, tzinfo=UTC)
NOW = DAY + timedelta(days=30)


def units(*statuses, line="1", start=None):
    """The units of a line by their tracking statuses; with `start`, the first changed then and each
    other an hour after the one before."""
    return [
        RmaUnit(
            order_identifier="ORD-1",
            order_line_item_identifier=line,
            ordinal=number,
            package_tracking_status=status,
            estimated_refund_amount_cents=0,
            optoro_refund_amount_cents=0,
            shopper_refund_amount_cents=0,
            **({"changed_at": start + timedelta(hours=number - 1)} if start else {}),
        )
        for number, status in enumerate(statuses, start=1)
    ]


def hours(rows):
    """How many hours after DAY each row has changed; "now" for those that just did."""
    return ["now" if r.changed_at == NOW else (r.changed_at - DAY).seconds // 3600 for r in rows]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("AAA", "AAA", [0, 1, 2]),
        ("ABC", "CAB", [2, 0, 1]),
        ("AAB", "ABA", [0, 2, 1]),
        ("ABA", "ABB", [0, 1, "now"]),
        ("AB", "BC", [1, "now"]),
        ("AA", "AAA", [0, 1, "now"]),
        ("", "A", ["now"]),
    ],
)
def test_a_unit_changes_when_no_equal_one_was_there(before, after, expected):
    rows = units(*after)
    set_moments(rows, units(*before, start=DAY), received_at=NOW, is_event_of_all=False)
    assert hours(rows) == expected


def test_another_lines_units_are_others():
    rows = units("A", line="2")
    set_moments(rows, units("A", start=DAY), received_at=NOW, is_event_of_all=False)
    assert hours(rows) == ["now"]


def test_an_event_of_all_moves_all_and_nothing_back():
    before = units("A", "B", start=NOW + timedelta(hours=1))
    rows = units("A", "B")
    set_moments(rows, before[:1], received_at=NOW, is_event_of_all=True)
    assert [row.changed_at - NOW for row in rows] == [timedelta(hours=1), timedelta(0)]


LINES = st.lists(st.sampled_from("ABC"), max_size=8)


@given(LINES, LINES)
def test_as_many_change_as_have_no_equal_one(before, after):
    rows = units(*after)
    set_moments(rows, units(*before, start=DAY), received_at=NOW, is_event_of_all=False)
    for status in "ABC":
        moments = [r.changed_at for r in rows if r.package_tracking_status == status]
        new = max(0, after.count(status) - before.count(status))
        assert moments.count(NOW) == new
        kept = [moment for moment in moments if moment != NOW]
        assert len(set(kept)) == len(kept) == len(moments) - new


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change("return_method", "mail-back", "customer-keep"), True),
        (Change("status", "PENDING_EXCHANGE", "CREATED"), True),
        (Change("status", "CREATED", "REFUNDED"), False),
        (Change("warehouse_identifier", "", "W1"), False),
    ],
)
def test_changes_of_the_rma_that_are_events_of_all_units(change, expected):
    assert concerns_every_unit([change]) is expected

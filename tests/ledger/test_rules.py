"""Debits and credits as pairs; days and months. Pure."""

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledger.rules import (
    NotBalanced,
    booked_on,
    first_of_month,
    label_of,
    last_of_month,
    pairs,
    place_of,
    why_not_close,
)
from apps.ledger.types import Leg, Pair

accounts = st.sampled_from(["a", "b", "c", "d"])
amounts = st.lists(st.integers(0, 10**12), min_size=1, max_size=5)


@st.composite
def balanced(draw):
    """Legs of both sides that add up to the same."""
    debited = [Leg(draw(accounts), cents) for cents in draw(amounts)]
    left = sum(leg.amount_cents for leg in debited)
    credited = []
    for _ in range(draw(st.integers(0, 4))):
        part = draw(st.integers(0, left))
        credited.append(Leg(draw(accounts), part))
        left -= part
    return debited, [*credited, Leg(draw(accounts), left)]


@given(balanced())
def test_every_account_is_left_with_what_its_legs_say_and_every_pair_balances(both):
    debited, credited = both
    found = pairs(debited, credited)
    expected = Counter()
    for leg in debited:
        expected[leg.account] += leg.amount_cents
    for leg in credited:
        expected[leg.account] -= leg.amount_cents
    left = Counter()
    for pair in found:
        assert pair.amount_cents > 0
        assert pair.debit_account != pair.credit_account
        left[pair.debit_account] += pair.amount_cents
        left[pair.credit_account] -= pair.amount_cents
    assert {k: v for k, v in left.items() if v} == {k: v for k, v in expected.items() if v}


def test_a_refund_in_pairs():
    debited = [Leg("returns", 12800), Leg("tax", 256)]
    credited = [Leg("shopper", 6000), Leg("optoro", 7000), Leg("fees", 56)]
    assert pairs(debited, credited) == [
        Pair("returns", "shopper", 6000),
        Pair("returns", "optoro", 6800),
        Pair("tax", "optoro", 200),
        Pair("tax", "fees", 56),
    ]


@pytest.mark.parametrize(
    ("debited", "credited", "said"),
    [
        ([Leg("a", 2)], [Leg("b", 1)], "debits of 2 cents against credits of 1 cents"),
        ([Leg("a", 2)], [], "debits of 2 cents against credits of 0 cents"),
        ([Leg("a", -1)], [Leg("b", -1)], "a: -1 cents is negative"),
    ],
)
def test_what_does_not_balance_is_refused(debited, credited, said):
    with pytest.raises(NotBalanced, match=said):
        pairs(debited, credited)


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_nothing_is_booked_on_a_closed_day(happened, closed):
    day = booked_on(happened, closed)
    assert day > closed
    assert day == happened or happened <= closed
    assert booked_on(happened, None) == happened


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_a_month_has_a_first_and_a_last_day(day):
    first, last = first_of_month(day), last_of_month(day)
    assert first <= day <= last
    assert (first.month, first.day) == (day.month, 1)
    assert (last.month, last.toordinal() + 1) == (
        day.month,
        first_of_month(date.fromordinal(last.toordinal() + 1)).toordinal(),
    )


@pytest.mark.parametrize(
    ("month", "today", "closed", "said"),
    [
        (date(2026, 3, 1), date(2026, 4, 1), None, ""),
        (date(2026, 3, 1), date(2026, 4, 1), date(2026, 2, 28), ""),
        (date(2024, 2, 1), date(2024, 3, 1), date(2024, 1, 31), ""),
        (date(2026, 3, 2), date(2026, 5, 1), None, "2026-03-02 is not the first day of a month"),
        (
            date(2026, 3, 1),
            date(2026, 3, 31),
            None,
            "March 2026 is not over yet: close it from April 1 on",
        ),
        (date(2026, 3, 1), date(2026, 5, 1), date(2026, 3, 31), "March 2026 is closed already"),
        (
            date(2026, 3, 1),
            date(2026, 5, 1),
            date(2026, 1, 31),
            "February 2026 comes first: months are closed in their order",
        ),
    ],
)
def test_months_are_closed_when_they_are_over_and_in_their_order(month, today, closed, said):
    assert why_not_close(month=month, today=today, closed_through=closed) == said


def test_accounts_have_names_and_a_place():
    assert label_of("shopper_payable") == "Owed to shoppers"
    assert label_of("cash:stripe") == "Cash (stripe)"
    assert label_of("somebody_elses") == "somebody_elses"
    found = sorted(["cash:stripe", "sales_tax", "cash:manual", "sales_returns"], key=place_of)
    assert found == ["sales_returns", "sales_tax", "cash:manual", "cash:stripe"]

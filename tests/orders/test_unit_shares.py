"""The shares of a line's units and the figures of a refund line: for any line they add up."""

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from apps.orders.rules import (
    line_amount_cents,
    shipped_amount_cents,
    unit_amount_cents,
    units_cost,
)
from apps.refunds.calculation import LineCalculation, calculate_line


@dataclass(frozen=True)
class Line:
    quantity: int
    quantity_shipped: int
    quantity_canceled: int
    unit_price_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int


CENTS = st.integers(0, 10**9) | st.integers(0, 20)


@st.composite
def lines(draw, canceled=True):
    """Lines whose product amount is that of all units, of those kept, of those shipped, or of none
    of these."""
    quantity = draw(st.integers(1, 9) | st.integers(1, 1000))
    gone = draw(st.integers(0, quantity)) if canceled else 0
    shipped = draw(st.integers(0, quantity - gone))
    price = draw(CENTS)
    amounts = [price * quantity] * 2
    if canceled:
        amounts += [price * (quantity - gone), price * shipped, draw(CENTS)]
    product = draw(st.sampled_from(amounts))
    return Line(quantity, shipped, gone, price, product, draw(CENTS), draw(CENTS))


THIRDS = Line(3, 3, 0, 333, 999, 1, 0)
DEAR_DISCOUNT = Line(4, 4, 0, 1, 4, 2, 7)


# --- Shares ------------------------------------------------------------------------------------


@given(lines(canceled=False))
@example(THIRDS)
@example(DEAR_DISCOUNT)
def test_the_units_add_up_to_the_line_to_the_cent(line):
    units = [unit_amount_cents(line, position) for position in range(line.quantity)]
    assert sum(units) == max(0, line_amount_cents(line))


@given(lines(canceled=False))
@example(THIRDS)
def test_units_of_a_line_differ_by_no_more_than_a_cent(line):
    """Where the discount takes no unit below nothing."""
    assume(line_amount_cents(line) >= 0)
    units = [unit_amount_cents(line, position) for position in range(line.quantity)]
    assert max(units) - min(units) <= 1


@given(lines(), st.data())
@example(DEAR_DISCOUNT, None)
def test_price_less_discount_plus_tax_and_rounding_is_the_amount_of_any_units(line, data):
    first = 0 if data is None else data.draw(st.integers(0, line.quantity))
    count = line.quantity if data is None else data.draw(st.integers(0, line.quantity - first))
    cost = units_cost(line, first=first, count=count)
    added = cost.price_cents - cost.discount_cents + cost.tax_cents + cost.rounding_cents
    assert added == cost.amount_cents
    assert cost.amount_cents == sum(unit_amount_cents(line, first + n) for n in range(count))
    assert min(cost.amount_cents, cost.price_cents, cost.discount_cents, cost.tax_cents) >= 0


@given(lines(), st.data())
def test_without_a_discount_rounding_is_less_than_two_cents(line, data):
    """Each share is rounded to the nearest cent, their sum down: no more can be left over."""
    line = replace(line, discount_amount_cents=0)
    first = data.draw(st.integers(0, line.quantity))
    count = data.draw(st.integers(0, line.quantity - first))
    assert abs(units_cost(line, first=first, count=count).rounding_cents) < 2


@given(lines(), st.data())
@example(THIRDS, None)
def test_ranges_of_units_join_without_a_cent_lost_or_made(line, data):
    cuts = [0, 1, 2, 3]
    if data is not None:
        cuts = sorted(data.draw(st.lists(st.integers(0, line.quantity), min_size=2, max_size=6)))
    pieces = [
        units_cost(line, first=here, count=there - here).amount_cents
        for here, there in itertools.pairwise(cuts)
    ]
    whole = units_cost(line, first=cuts[0], count=cuts[-1] - cuts[0])
    assert sum(pieces) == whole.amount_cents


@given(lines())
def test_units_past_the_last_one_ordered_cost_nothing(line):
    assert units_cost(line, first=line.quantity, count=3).amount_cents == 0
    whole = units_cost(line, first=0, count=line.quantity)
    assert units_cost(line, first=0, count=line.quantity + 3) == whole


@given(lines())
def test_what_was_shipped_costs_what_its_units_cost(line):
    cost = units_cost(line, first=0, count=line.quantity_shipped)
    assert cost.amount_cents == shipped_amount_cents(line)


def test_check_figures_of_the_guide():
    line = Line(4, 4, 0, 12800, 51200, 1024, 0)
    cost = units_cost(line, first=1, count=2)
    assert (cost.price_cents, cost.tax_cents, cost.amount_cents) == (25600, 512, 26112)
    assert [unit_amount_cents(THIRDS, n) for n in range(3)] == [333, 333, 334]
    assert units_cost(THIRDS, first=2, count=1).rounding_cents == 1


# --- A refund line -----------------------------------------------------------------------------

ESTIMATES = st.lists(st.tuples(CENTS, CENTS | st.just(0)), min_size=1, max_size=6)


def calculated(line, estimates, before_cents, before_units, tolerance=None) -> LineCalculation:
    return calculate_line(
        line=line,
        estimates=estimates,
        refunded_before_cents=before_cents,
        refunded_before_units=before_units,
        tolerance_cents=tolerance,
    )


@st.composite
def refund_lines(draw):
    """A line, what of it is refunded before, and estimates: any, or near what there is room for."""
    line = draw(lines())
    before_units = draw(st.integers(0, line.quantity))
    before = draw(st.just(units_cost(line, first=0, count=before_units).amount_cents) | CENTS)
    room = max(0, shipped_amount_cents(line) - before)
    if draw(st.booleans()):
        return line, draw(ESTIMATES), before, before_units
    count = draw(st.integers(1, 5))
    around = max(0, room + draw(st.integers(-count - 2, count + 2)))
    optoro = draw(st.integers(0, around))
    return line, [(around - optoro, optoro)] + [(0, 0)] * (count - 1), before, before_units


@given(refund_lines())
@example((Line(1, 1, 0, 100, 100, 0, 0), [(101, 0)], 0, 0))
@example((Line(1, 1, 0, 100, 100, 0, 0), [(102, 0)], 0, 0))
def test_an_amount_is_within_the_room_or_it_is_the_whole_estimate_which_is_refused(drawn):
    """The room is the limit; only a rounding cent per unit refunded so far is ever taken off."""
    line, estimates, before, before_units = drawn
    figures = calculated(line, estimates, before, before_units)
    estimated = sum(shopper + optoro for shopper, optoro in estimates)
    room = max(0, shipped_amount_cents(line) - before)
    assert figures.room_cents == room
    assert figures.estimated_cents - figures.taken_off_cents == figures.amount_cents
    assert figures.quantity == len(estimates)
    rounding = len(estimates) + before_units
    assert 0 <= figures.taken_off_cents <= rounding
    if estimated <= room:
        assert figures.amount_cents == estimated
    elif estimated <= room + rounding:
        assert figures.amount_cents == room
    else:
        assert figures.amount_cents == estimated > room


@given(refund_lines())
def test_the_figures_of_a_refund_line_add_up_and_are_read_back_as_they_were(drawn):
    line, estimates, before, before_units = drawn
    figures = calculated(line, estimates, before, before_units, tolerance=7)
    added = figures.price_cents - figures.discount_cents + figures.tax_cents
    assert added + figures.rounding_cents == figures.paid_cents
    assert figures.shopper_estimate_cents == sum(shopper for shopper, _ in estimates)
    assert figures.optoro_estimate_cents == sum(optoro for _, optoro in estimates)
    parts = figures.shopper_estimate_cents + figures.optoro_estimate_cents
    assert parts == figures.estimated_cents
    cost = units_cost(line, first=before_units, count=len(estimates))
    assert figures.paid_cents == cost.amount_cents
    assert LineCalculation.from_content(figures.to_content()) == figures


@given(lines(canceled=False), st.integers(0, 3), st.data())
def test_refunds_of_a_line_one_after_the_other_end_at_what_its_units_cost(line, extra, data):
    """Each estimate is a unit's share and up to three cents more: what is taken is never more in
    all than the shipped units cost."""
    line = replace(line, quantity_shipped=line.quantity)
    before = units = 0
    while units < min(line.quantity, 40):
        count = data.draw(st.integers(1, min(4, line.quantity - units)))
        shares = [(unit_amount_cents(line, units + n) + extra, 0) for n in range(count)]
        figures = calculated(line, shares, before, units)
        if figures.amount_cents > figures.room_cents:
            break  # refused
        before += figures.amount_cents
        units += count
    assert before <= shipped_amount_cents(line)
    if extra == 0 and units == line.quantity:
        assert before == shipped_amount_cents(line)


@pytest.mark.parametrize(
    ("estimate", "tolerance", "is_within"),
    [
        (100, 0, True),
        (101, 0, True),
        (102, 0, False),
        (95, 5, True),
        (94, 5, False),
        (1, None, True),
    ],
)
def test_the_tolerance_is_per_unit_and_a_rounding_cent_is_no_difference(
    estimate, tolerance, is_within
):
    line = Line(2, 2, 0, 100, 200, 0, 0)
    for count in (1, 2):
        figures = calculated(line, [(estimate, 0)] * count, 0, 0, tolerance)
        assert figures.is_within_tolerance is is_within

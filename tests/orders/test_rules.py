"""What was paid for a line and its units."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.orders.rules import (
    is_publishable,
    line_amount_cents,
    shipped_amount_cents,
    unit_amount_cents,
    units_in_product_amount,
)


@dataclass(frozen=True)
class Line:
    quantity: int
    quantity_shipped: int
    quantity_canceled: int
    unit_price_amount_cents: int
    product_amount_cents: int
    tax_amount_cents: int
    discount_amount_cents: int


def line(quantity, shipped, price, tax=0, discount=0, canceled=0, product=None):
    product = price * quantity if product is None else product
    return Line(quantity, shipped, canceled, price, product, tax, discount)


CENTS = st.integers(0, 10**9) | st.integers(0, 20)


@st.composite
def lines(draw, canceled=True):
    """Lines as sources send them: the product amount of all units, of those kept, of those
    shipped, or of none of these."""
    quantity = draw(st.integers(1, 1000) | st.integers(1, 6))
    gone = draw(st.integers(0, quantity)) if canceled else 0
    shipped = draw(st.integers(0, quantity - gone))
    price = draw(CENTS)
    product = draw(
        st.sampled_from([price * quantity, price * (quantity - gone), price * shipped]) | CENTS
    )
    return Line(quantity, shipped, gone, price, product, draw(CENTS), draw(CENTS))


@given(lines(canceled=False))
@example(Line(4, 4, 0, 1, 2, 2, 3))
@example(Line(3, 3, 0, 0, 1, 1, 2))
def test_the_units_of_a_line_add_up_to_it_to_the_cent(line):
    units = [unit_amount_cents(line, position) for position in range(line.quantity)]
    if units_in_product_amount(line) == line.quantity:
        assert sum(units) == max(0, line_amount_cents(line))
    assert min(units) >= 0


@given(lines())
def test_no_unit_costs_less_than_nothing(line):
    kept = line.quantity - line.quantity_canceled
    assert all(unit_amount_cents(line, position) >= 0 for position in range(kept))


@given(lines())
@example(Line(4, 1, 0, 100, 100, 0, 40))
def test_the_shipped_units_never_cost_more_than_the_line(line):
    assert 0 <= shipped_amount_cents(line) <= max(0, line_amount_cents(line))


@given(lines())
def test_the_shipped_units_add_up_to_what_was_shipped(line):
    units = [unit_amount_cents(line, position) for position in range(line.quantity_shipped)]
    assert sum(units) == shipped_amount_cents(line)


@given(lines(), st.data())
@example(Line(4, 3, 0, 1, 2, 2, 3), None)
def test_more_shipped_units_never_cost_less(line, data):
    """Where the product amount is that of all units, or of all that are kept; that of the units
    shipped so far changes with every shipment."""
    kept = line.quantity - line.quantity_canceled
    for product in {line.unit_price_amount_cents * n for n in (kept, line.quantity)}:
        fewer = line.quantity_shipped if data is None else data.draw(st.integers(0, kept))
        more = kept if data is None else data.draw(st.integers(fewer, kept))
        if product == line.unit_price_amount_cents * fewer and fewer not in (kept, line.quantity):
            continue
        less, all_of_it = (
            shipped_amount_cents(
                Line(
                    line.quantity,
                    shipped,
                    line.quantity_canceled,
                    line.unit_price_amount_cents,
                    product,
                    line.tax_amount_cents,
                    line.discount_amount_cents,
                )
            )
            for shipped in (fewer, more)
        )
        assert less <= all_of_it


@pytest.mark.parametrize(
    ("line", "cents"),
    [
        (line(4, 4, 12800, tax=1024), 52224),
        (line(3, 3, 10000, tax=3000), 33000),
        (line(4, 1, 12800, tax=1024), 13056),
        (line(4, 1, 12800, tax=1024, product=12800, canceled=3), 13056),
        (line(4, 1, 12800, tax=1024, canceled=3), 13056),
        (line(4, 0, 12800, tax=1024), 0),
        (line(2, 2, 5000, discount=1000), 9000),
        (line(2, 1, 5000, discount=1000), 4500),
        (line(2, 1, 5000, discount=1000, canceled=1), 4000),
        (line(4, 1, 100, discount=40, product=100), 60),
        (line(1, 1, 5000, discount=6000), 0),
        (line(3, 3, 0, tax=0), 0),
        (line(3, 3, 333, tax=1), 1000),
    ],
)
def test_check_figures(line, cents):
    assert shipped_amount_cents(line) == cents


def test_the_two_lines_of_the_guide_add_up():
    both = [line(4, 4, 12800, tax=1024), line(3, 3, 10000, tax=3000)]
    assert sum(shipped_amount_cents(one) for one in both) == 85224


def test_a_cent_that_does_not_divide_is_in_one_of_the_units():
    thirds = line(3, 3, 333, tax=1)
    assert [unit_amount_cents(thirds, position) for position in range(3)] == [333, 333, 334]


@pytest.mark.parametrize(
    ("line", "units"),
    [
        (line(4, 4, 100), 4),
        (line(4, 1, 100, product=300, canceled=1), 3),
        (line(4, 2, 100, product=200), 2),
        (line(4, 2, 100, product=399), 4),
        (line(4, 0, 100, canceled=4), 4),
    ],
)
def test_the_unit_price_tells_whose_price_the_product_amount_is(line, units):
    assert units_in_product_amount(line) == units


@pytest.mark.parametrize(
    ("status", "shipped", "was_published", "publishable"),
    [
        ("Created", [], False, False),
        ("Created", [0, 0], False, False),
        ("Created", [0, 1], False, True),
        ("Shipped", [0], False, False),
        ("Canceled", [0], False, True),
        ("Created", [0], True, True),
    ],
)
def test_optoro_is_told_from_the_first_shipment_on(status, shipped, was_published, publishable):
    assert (
        is_publishable(status=status, quantities_shipped=shipped, was_published=was_published)
        is publishable
    )

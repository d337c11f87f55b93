"""Shares made to fit what is left of a line."""

from hypothesis import given
from hypothesis import strategies as st

from apps.refunds import limits
from apps.refunds.limits import LineRoom
from apps.refunds.types import UnitShare
from tests.orders.test_rules import line


def shares(*amounts):
    return [UnitShare(None, cents, cents, 0) for cents in amounts]


def fit_shares(given_shares, cents, units):
    """Fits shares into a line whose shipped units cost `cents`, with `units` not refunded yet."""
    room = LineRoom(cents, units, refunded_cents=0, refunded_units=0)
    calculation = limits.calculate(line(9, 9, 0, product=cents), given_shares, room, None)
    return limits.fit_shares(given_shares, calculation, room)


def test_what_fits_is_left_as_it_is():
    given_shares = shares(13056, 13056)
    assert fit_shares(given_shares, 26112, 2) == given_shares


def test_a_rounding_cent_each_is_taken_off():
    fitted = fit_shares(shares(3334, 3334, 3334), 10000, 3)
    assert sum(s.amount_cents for s in fitted) == 10000
    assert [s.amount_cents for s in fitted] == [3333, 3333, 3334]
    assert all(s.amount_cents == s.shopper_amount_cents for s in fitted)


def test_more_than_a_rounding_cent_each_is_for_a_person():
    assert fit_shares(shares(3334, 3334, 3335), 9999, 3) == []
    assert fit_shares(shares(100), 98, 1) == []


def test_more_units_than_are_left_is_for_a_person():
    assert fit_shares(shares(1, 1), 1000, 1) == []


def test_the_rounding_cent_is_optoros_where_the_shopper_gets_nothing():
    fitted = fit_shares([UnitShare(None, 100, 0, 100), UnitShare(None, 100, 40, 60)], 198, 2)
    assert fitted == [UnitShare(None, 99, 0, 99), UnitShare(None, 99, 39, 60)]


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=8),
    st.integers(0, 60_000),
    st.integers(0, 8),
)
def test_never_more_than_the_room(amounts, cents, units):
    fitted = fit_shares(shares(*amounts), cents, units)
    assert sum(s.amount_cents for s in fitted) <= cents
    assert len(fitted) <= units
    assert not fitted or sum(amounts) - sum(s.amount_cents for s in fitted) <= len(amounts)

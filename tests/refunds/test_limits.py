"""Shares made to fit what is left of a line."""

from hypothesis import given
from hypothesis import strategies as st

from apps.refunds.limits import LineRoom, fit_shares
from apps.refunds.types import UnitShare


def shares(*amounts):
    return [UnitShare(None, cents, cents, 0) for cents in amounts]


def test_what_fits_is_left_as_it_is():
    given_shares = shares(13056, 13056)
    assert fit_shares(given_shares, LineRoom(26112, 2)) == given_shares


def test_a_rounding_cent_each_is_taken_off():
    fitted = fit_shares(shares(3334, 3334, 3334), LineRoom(10000, 3))
    assert sum(s.amount_cents for s in fitted) == 10000
    assert [s.amount_cents for s in fitted] == [3333, 3333, 3334]
    assert all(s.amount_cents == s.shopper_amount_cents for s in fitted)


def test_more_than_a_rounding_cent_each_is_for_a_person():
    assert fit_shares(shares(3334, 3334, 3335), LineRoom(9999, 3)) == []
    assert fit_shares(shares(100), LineRoom(98, 1)) == []


def test_more_units_than_are_left_is_for_a_person():
    assert fit_shares(shares(1, 1), LineRoom(1000, 1)) == []


def test_settlement_is_never_cut():
    """The rounding cent comes off the shopper's part; where there is none, a person looks."""
    assert fit_shares([UnitShare(None, 100, 0, 100)], LineRoom(99, 1)) == []


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=8),
    st.integers(0, 60_000),
    st.integers(0, 8),
)
def test_never_more_than_the_room(amounts, cents, units):
    fitted = fit_shares(shares(*amounts), LineRoom(cents, units))
    assert sum(s.amount_cents for s in fitted) <= cents
    assert len(fitted) <= units
    assert not fitted or sum(amounts) - sum(s.amount_cents for s in fitted) <= len(amounts)

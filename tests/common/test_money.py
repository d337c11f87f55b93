"""Money: shares that add up to the cent, and amounts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.money import first_shares, share_of, show, split_by_weight

AMOUNTS = st.integers(-(10**13), 10**13)


@given(AMOUNTS, st.integers(1, 1000))
def test_equal_shares_add_up_to_the_amount_and_differ_by_a_cent_at_most(amount, parts):
    shares = [share_of(amount, position, parts) for position in range(parts)]
    assert sum(shares) == amount
    assert max(shares) - min(shares) <= 1


@given(AMOUNTS, st.integers(1, 200), st.data())
def test_the_first_shares_are_the_sum_of_the_shares(amount, parts, data):
    count = data.draw(st.integers(0, parts))
    assert first_shares(amount, count, parts) == sum(
        share_of(amount, position, parts) for position in range(count)
    )


def test_shares_of_ten_cents_among_three():
    assert [share_of(10, position, 3) for position in range(3)] == [3, 3, 4]


@pytest.mark.parametrize(("position", "parts"), [(-1, 3), (3, 3), (0, 0), (0, -1)])
def test_a_share_that_does_not_exist_is_refused(position, parts):
    with pytest.raises(ValueError, match="outside"):
        share_of(10, position, parts)


@pytest.mark.parametrize(("count", "parts"), [(4, 3), (-1, 3), (0, 0)])
def test_more_shares_than_there_are_cannot_be_taken(count, parts):
    with pytest.raises(ValueError, match="cannot be taken"):
        first_shares(10, count, parts)


@given(AMOUNTS, st.lists(st.integers(0, 10**10), min_size=1, max_size=50))
def test_weighted_parts_add_up_and_are_within_a_cent_of_the_exact_part(amount, weights):
    parts = split_by_weight(amount, weights)
    assert sum(parts) == amount
    assert len(parts) == len(weights)
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        if total:
            # |part - amount * weight / total| < 1, without fractions
            assert abs(part * total - amount * weight) < total
            assert weight or part == 0


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [3, 1], [75, 25]),
        (1, [1, 1], [1, 0]),
        (101, [1, 0, 1], [51, 0, 50]),
        (10, [0, 0, 0], [3, 3, 4]),
        (-5, [1, 1], [-2, -3]),
        (0, [5, 7], [0, 0]),
    ],
)
def test_cents_left_over_go_to_the_largest_remainder_earlier_parts_first(amount, weights, parts):
    assert split_by_weight(amount, weights) == parts


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        split_by_weight(100, weights)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (123450, "USD", "$1,234.50"),
        (5, "USD", "$0.05"),
        (-5, "USD", "-$0.05"),
        (0, "USD", "$0.00"),
        (1234, "JPY", "¥1,234"),
        (1234567, "KWD", "KWD1,234.567"),
        (10**13, "USD", "$100,000,000,000.00"),
    ],
)
def test_amounts_are_shown_with_the_currencys_own_decimals(amount, currency, shown):
    assert show(amount, currency) == shown


def test_amounts_are_shown_as_the_locale_writes_them():
    assert show(123450, "EUR", "de_DE") == "1.234,50\xa0€"

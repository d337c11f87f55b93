"""The sums: tax, rates, identifiers, differences, and what the database refuses."""

from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from apps.exchanges import rules
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.exchanges.types import OriginalLine
from tests.support.exchange_requests import post, request

amounts = st.integers(0, 10**9)
rates = st.fractions(0, 1, max_denominator=10**6)


def original(amount: int, tax: int) -> OriginalLine:
    return OriginalLine("1", "s", "p", "v", Fraction(amount), Fraction(tax))


@given(amounts, st.data())
def test_the_same_amount_bears_the_original_tax_exactly(amount, data):
    tax = data.draw(st.integers(0, amount))
    rate = rules.rate_of([original(amount, tax)])
    assert (rate is None) == (amount == 0)
    if rate is not None:
        assert rules.tax_amount_cents(amount, rate) == tax


@given(amounts, rates)
def test_tax_is_never_negative_and_off_by_half_a_cent_at_most(amount, rate):
    tax = rules.tax_amount_cents(amount, rate)
    assert 0 <= tax <= amount
    assert -Fraction(1, 2) < tax - amount * rate <= Fraction(1, 2)


@given(amounts, amounts, rates)
def test_what_costs_more_bears_no_less_tax(one, other, rate):
    less, more = sorted((one, other))
    assert rules.tax_amount_cents(less, rate) <= rules.tax_amount_cents(more, rate)


def test_half_a_cent_goes_up():
    assert rules.tax_amount_cents(51200, Fraction(1024, 51200)) == 1024
    assert [rules.tax_amount_cents(n, Fraction(1, 2)) for n in (1, 2, 3)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("amount", "tax", "rate"),
    [
        (51200, 1024, Fraction(1, 50)),
        (100, 0, 0),
        (100, 100, 1),
        (0, 0, None),
        (0, 5, None),
        (-5, 1, None),
        (100, 101, None),
        (100, -1, None),
    ],
)
def test_rates(amount, tax, rate):
    assert rules.rate_of([original(amount, tax)]) == rate


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (Fraction(1, 50), "2%"),
        (Fraction(8875, 100_000), "8.875%"),
        (Fraction(1, 3), "33.3333%"),
        (Fraction(2, 3), "66.6667%"),
        (Fraction(0), "0%"),
        (Fraction(1), "100%"),
        (Fraction(1, 10), "10%"),
    ],
)
def test_rates_in_words(rate, shown):
    assert rules.percent(rate) == shown


@given(st.text(min_size=1, max_size=255))
def test_identifiers_fit_and_differ(name):
    names = rules.identifiers_for(name)
    made = [next(names) for _ in range(12)]
    assert len(set(made)) == 12
    assert all(len(identifier) <= 255 for identifier in made)
    assert made[0].endswith("-X")
    assert made[11].endswith("-X12")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=3), json_values))
def test_nothing_differs_from_itself(content):
    assert rules.differences(content, content) == []


def test_what_both_leave_empty_is_no_difference():
    first = {"a": None, "b": "", "c": [], "d": 0, "e": False}
    assert rules.differences(first, {"a": "", "b": [], "d": 0, "e": False}) == []
    assert [d.field for d in rules.differences(first, {"d": 1, "e": True})] == ["d", "e"]
    # Nought and no are not nothing.
    assert [d.field for d in rules.differences(first, {})] == ["d", "e"]


def test_an_item_that_only_one_has_is_told_in_short():
    item = {"sku": "s", "quantity": 2, "title": "Tee"}
    [difference] = rules.differences({"items": [item]}, {"items": [item, item]})
    assert (difference.field, difference.first, difference.second) == ("items[1]", None, "2 of s")
    words = rules.in_words(rules.differences({"x_cents": 5}, {"x_cents": 1250}), "EUR")
    assert words == "x: first €0.05, now €12.50"


def test_many_differences_are_told_in_few_words():
    found = rules.differences({"n": list(range(30))}, {"n": [], "long": "x" * 99})
    told = rules.in_words(found, "USD")
    assert told.startswith(
        'long: first nothing, now "' + "x" * 59 + "…; n[0]: first 0, now nothing"
    )
    assert told.endswith("; and 21 more")


@pytest.mark.parametrize(
    ("own", "status"),
    [("", "placed"), ("Created", "placed"), ("Shipped", "shipped"), ("Canceled", "canceled")],
)
def test_the_status_is_the_own_orders(own, status):
    assert rules.status_of(own) == status


# --- What the database refuses -----------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount_cents": F("total_amount_cents") + 1},
        {"shipping_amount_cents": -1, "total_amount_cents": F("total_amount_cents") - 1},
        {"tax_amount_cents": -1, "total_amount_cents": 51199},
        {"discount_amount_cents": 51201, "total_amount_cents": 1023},
    ],
)
def test_sums_that_do_not_hold(shop, changes):
    post(request())
    with pytest.raises(IntegrityError), transaction.atomic():
        ExchangeOrder.objects.update(**changes)
    ExchangeOrder.objects.update(shipping_amount_cents=1, total_amount_cents=52225)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"product_amount_cents": 51201},
        {"quantity": 0},
        {"tax_amount_cents": -1},
        {"discount_amount_cents": 51201},
        {"bonus_credit_amount_cents": 1},
        {"is_gift_card": True},
    ],
)
def test_lines_that_do_not_hold(shop, changes):
    post(request())
    with pytest.raises(IntegrityError), transaction.atomic():
        ExchangeLine.objects.update(**changes)
    ExchangeLine.objects.update(is_gift_card=True, tax_amount_cents=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes", [{"original_order_identifier": "other"}, {"order_identifier": "other"}]
)
def test_a_second_exchange_order_of_one_order_or_one_name(shop, changes):
    post(request())
    placed = ExchangeOrder.objects.get()
    placed.pk = None
    for name, value in changes.items():
        setattr(placed, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        placed.save()
    placed.original_order_identifier = placed.order_identifier = "other"
    placed.save()


@pytest.mark.django_db
def test_a_collision_twice(shop):
    post(request())
    post(request(note="x"))
    collision = ExchangeCollision.objects.get()
    collision.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        collision.save()

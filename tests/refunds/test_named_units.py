"""Units that are named one by one: those are refunded and no others, each with its amount."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.common.errors import Refused
from apps.refunds.models import Refund, RefundUnit, Source
from apps.refunds.requests import preview_refund
from apps.refunds.wanted import LinesRefused, WantedLine, Wish
from apps.rmas.models import Rma, RmaUnit
from tests.support import builders
from tests.support.rollback import rolled_back
from tests.support.wishes import by_staff, wish

pytestmark = pytest.mark.django_db

UNIT = 13056


@pytest.fixture
def units(send_order, send_rma, drain, optoro) -> list[int]:
    """The keys of the four units of RMA-1, which come back."""
    send_order(builders.order())
    send_rma(builders.rma(units=[builders.unit()] * 4))
    drain()
    return list(RmaUnit.objects.order_by("ordinal").values_list("pk", flat=True))


def named(keys: list[int], amounts: tuple[int | None, ...] = (), why: str | None = "x") -> Wish:
    line = WantedLine("1", len(keys), None, tuple(keys), amounts)
    found = wish(rma="RMA-1")
    return Wish(found.order, found.reason, found.rma, (line,), amount_reason=why)


def previewed(wanted: Wish) -> dict[int, int]:
    seen = preview_refund(wish=wanted, source=Source.STAFF, role="administrator")
    shares = [share for line in seen.proposal.lines for share in line.shares]
    return {share.unit.pk: share.amount_cents for share in shares}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_exactly_the_named_units_get_exactly_their_amounts(units, data) -> None:
    keys = data.draw(st.lists(st.sampled_from(units), min_size=1, unique=True))
    one = st.none() | st.integers(1, UNIT + 2)
    amounts = tuple(data.draw(st.lists(one, min_size=len(keys), max_size=len(keys))))
    wanted = named(keys, amounts)
    if any(cents is not None and cents > UNIT for cents in amounts):
        with pytest.raises(Refused, match="no more than"):
            previewed(wanted)
        return
    expected = {
        key: UNIT if cents is None else cents for key, cents in zip(keys, amounts, strict=True)
    }
    assert previewed(wanted) == expected
    assert not Refund.objects.exists()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_unit_is_refunded_twice_however_they_are_named(units, data) -> None:
    with rolled_back():
        first = data.draw(st.lists(st.sampled_from(units), min_size=1, unique=True))
        second = data.draw(st.lists(st.sampled_from(units), min_size=1, unique=True))
        by_staff(named(first))
        if set(first) & set(second):
            with pytest.raises(LinesRefused, match="is refunded or under way already"):
                by_staff(named(second))
        else:
            by_staff(named(second))
        live = list(RefundUnit.objects.filter(is_live=True).values_list("rma_unit", flat=True))
        assert sorted(live) == sorted({*first, *second} if not set(first) & set(second) else first)


def test_what_is_named_wrongly_is_refused(units) -> None:
    two = tuple(units[:2])
    for line, why in (
        (WantedLine("1", 1, None, two), "1 unit.s. to refund, but 2 are named"),
        (WantedLine("1", 2, None, (units[0],) * 2), "2 unit.s. to refund, but 1 are named"),
        (WantedLine("1", 1, None, (10**9,)), "a unit that is named is not in RMA RMA-1"),
        (WantedLine("1", 2, 100, two, (1, 1)), "not both"),
        (WantedLine("1", 2, None, two, (1,)), "not both"),
        (WantedLine("1", 2, None, two, (1, 0)), "amount_cents 0 of line 1: 1 or more"),
    ):
        found = wish(rma="RMA-1")
        with pytest.raises(Refused, match=why):
            by_staff(Wish(found.order, found.reason, found.rma, (line,)))
    with pytest.raises(Refused, match="only units of a return can be named"):
        by_staff(Wish(found.order, found.reason, None, (WantedLine("1", 1, None, two[:1]),)))
    RmaUnit.objects.filter(pk=units[0]).update(is_withdrawn=True)
    with pytest.raises(Refused, match="line 1, unit 1 of RMA RMA-1 is no longer in it"):
        by_staff(named(units[:1]))
    assert not Refund.objects.exists()
    by_staff(named(units[1:2]))
    assert Refund.objects.count() == 1


def test_who_names_another_amount_says_why(units) -> None:
    assert Rma.objects.count() == 1
    with pytest.raises(
        Refused, match=r"amount_reason: write why .*unit 1: .1.00 instead of .130.56"
    ):
        by_staff(named(units[:1], (100,), why=" "))
    made = by_staff(named(units[:2], (100, UNIT), why="a stain"))
    assert made.refund.note == (
        "Amount set by hand: line 1, unit 1: $1.00 instead of $130.56. Why: a stain"
    )
    assert by_staff(named(units[2:3], (UNIT,), why="")).refund.note == ""

"""Which payout a row tells of: what must hold for any rows and payouts."""

from collections import Counter
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.statements.rules import Known, as_key, settle
from apps.statements.types import HOLDING, PayoutFacts, RowFacts, Standing, Way

DAY = date(2026, 1, 15)


def row(pk=1, reference="r1", cents=100, **changes):
    return RowFacts(
        **{
            "pk": pk,
            "statement": 1,
            "reference": reference,
            "key": "",
            "amount_cents": cents,
            "currency": "USD",
            "paid_on": DAY,
            **changes,
        }
    )


def payout(pk=1, reference="r1", cents=100, **changes):
    return PayoutFacts(
        **{
            "pk": pk,
            "reference": reference,
            "key": str(UUID(int=pk)),
            "refund_identifier": f"REF-{pk}",
            "amount_cents": cents,
            "currency": "USD",
            "is_paid": True,
            **changes,
        }
    )


def both_rounds(rows, payouts, *, chunk=0, **known):
    """What becomes of the rows, worked off in chunks as the import does."""
    state = Known(payouts, **known)
    chunk = chunk or max(len(rows), 1)
    findings = {}
    for is_last in (False, True):
        left = [one for one in rows if one.pk not in findings]
        for start in range(0, len(left), chunk):
            told = settle(left[start : start + chunk], state, is_last_round=is_last)
            findings.update((one.row, one) for one in told)
    return [findings[one.pk] for one in rows]


def told(findings):
    return [(one.standing, one.payout) for one in findings]


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({"reference": "r1"}, Way.REFERENCE),
        ({"reference": str(UUID(int=1))}, Way.KEY),
        ({"reference": UUID(int=1).hex.upper()}, Way.KEY),
        ({"reference": "x", "key": str(UUID(int=1))}, Way.KEY),
        ({"reference": "x", "key": "REF-1"}, Way.REFUND),
        ({"reference": "REF-1"}, Way.REFUND),
    ],
)
def test_the_ways_to_find_a_payout(changes, way):
    (found,) = both_rounds([row(**changes)], [payout()])
    assert (found.standing, found.payout, found.way) == (Standing.MATCHED, 1, way)


def test_nothing_is_found_by_an_empty_reference():
    findings = both_rounds([row(reference="")], [payout(reference="")])
    assert told(findings) == [(Standing.UNMATCHED, None)]


def test_what_the_desk_does_not_know_as_paid_is_the_finding():
    findings = both_rounds([row()], [payout(is_paid=False)])
    assert told(findings) == [(Standing.NOT_PAID, 1)]


def test_another_amount_or_currency_differs():
    findings = both_rounds(
        [row(cents=101), row(2, "r2", currency="EUR")], [payout(), payout(2, "r2")]
    )
    assert told(findings) == [(Standing.DIFFERS, 1), (Standing.DIFFERS, 2)]


def test_a_second_row_is_a_second_payment():
    findings = both_rounds([row(1), row(2)], [payout()])
    assert told(findings) == [(Standing.MATCHED, 1), (Standing.TWICE, 1)]


def test_the_right_amount_wins_wherever_it_stands():
    findings = both_rounds([row(1, cents=60), row(2)], [payout()], chunk=1)
    assert told(findings) == [(Standing.TWICE, 1), (Standing.MATCHED, 1)]


def test_parts_of_a_refund_find_their_payments_by_amount():
    parts = [
        payout(1, "a", 1000, refund_identifier="REF"),
        payout(2, "b", 9000, refund_identifier="REF"),
    ]
    findings = both_rounds([row(1, "REF", 9000), row(2, "REF", 1000), row(3, "REF", 1000)], parts)
    assert told(findings) == [
        (Standing.MATCHED, 2),
        (Standing.MATCHED, 1),
        (Standing.TWICE, 1),
    ]


def test_of_a_declined_and_a_paid_payment_the_paid_one_is_meant():
    payouts = [
        payout(1, "", refund_identifier="REF", is_paid=False),
        payout(2, "", refund_identifier="REF"),
    ]
    findings = both_rounds([row(1, "REF"), row(2, "REF")], payouts)
    # The second one is the declined payment, which the gateway paid after all.
    assert told(findings) == [(Standing.MATCHED, 2), (Standing.NOT_PAID, 1)]


def test_the_record_of_an_earlier_file_is_not_a_second_payment():
    earlier = row(9, statement=0)
    state = {"holders": {1: earlier}}
    assert told(both_rounds([row()], [payout()], **state)) == [(Standing.REPEATED, 1)]
    state = {"holders": {1: earlier}}
    assert told(both_rounds([row(1), row(2)], [payout()], **state)) == [
        (Standing.REPEATED, 1),
        (Standing.TWICE, 1),
    ]


@pytest.mark.parametrize(
    "changes", [{"paid_on": date(2026, 1, 16)}, {"paid_on": None}, {"amount_cents": 99}]
)
def test_where_day_or_amount_is_another_it_is_a_second_payment(changes):
    earlier = row(9, statement=0)
    found = both_rounds([row(**changes)], [payout()], holders={1: earlier})
    assert told(found) == [(Standing.TWICE, 1)]


def test_a_row_without_payout_may_repeat_an_earlier_one_once():
    likeness = row(reference="x").likeness
    found = both_rounds([row(1, "x"), row(2, "x")], [], earlier={likeness})
    assert told(found) == [(Standing.REPEATED, None), (Standing.UNMATCHED, None)]


@pytest.mark.parametrize("text", ["", "x", "REF-1", "0" * 33, "g" * 32, "1" * 400])
def test_what_is_no_key(text):
    assert as_key(text) == ""


names = st.sampled_from(["", "r1", "r2", "REF-1", "REF-2", str(UUID(int=1)), str(UUID(int=2))])
cents = st.sampled_from([100, 200])
drawn_rows = st.lists(
    st.tuples(names, names, cents, st.sampled_from(["USD", "EUR"]), st.sampled_from([DAY, None])),
    max_size=9,
).map(
    lambda told: [
        row(n, reference, amount, key=key, currency=currency, paid_on=day)
        for n, (reference, key, amount, currency, day) in enumerate(told, 1)
    ]
)
drawn_payouts = st.lists(
    st.tuples(st.sampled_from(["", "r1", "r2"]), cents, st.booleans(), st.integers(1, 2)),
    max_size=4,
).map(
    lambda told: [
        payout(n, reference, amount, is_paid=is_paid, refund_identifier=f"REF-{refund}")
        for n, (reference, amount, is_paid, refund) in enumerate(told, 1)
    ]
)


@given(drawn_rows, drawn_payouts)
def test_a_payout_is_one_rows_alone_and_nothing_is_lost(rows, payouts):
    by_pk = {one.pk: one for one in payouts}
    findings = both_rounds(rows, payouts)
    assert [one.row for one in findings] == [one.pk for one in rows]
    held = [one.payout for one in findings if one.standing in HOLDING]
    assert max(Counter(held).values(), default=1) == 1
    for one, found in zip(rows, findings, strict=True):
        if found.standing == Standing.UNMATCHED:
            assert found.payout is None
            continue
        there = by_pk[found.payout]
        is_same = (one.amount_cents, one.currency) == (there.amount_cents, there.currency)
        if found.standing == Standing.MATCHED:
            assert is_same
            assert there.is_paid
        elif found.standing == Standing.NOT_PAID:
            assert is_same
            assert not there.is_paid
        elif found.standing == Standing.DIFFERS:
            assert not is_same
        else:
            assert found.standing == Standing.TWICE
            assert found.payout in held


@given(drawn_rows, drawn_payouts, st.integers(1, 4))
def test_chunks_change_nothing(rows, payouts, chunk):
    assert both_rounds(rows, payouts, chunk=chunk) == both_rounds(rows, payouts)


@given(drawn_rows, drawn_payouts)
def test_no_payout_is_left_that_a_row_fits(rows, payouts):
    """Whatever a row names and fits in every figure is held, by it or by another one."""
    findings = both_rounds(rows, payouts)
    held = {one.payout for one in findings if one.standing in HOLDING}
    for one in rows:
        for there in payouts:
            if one.key or one.reference != there.reference or not one.reference:
                continue
            if (one.amount_cents, one.currency) == (there.amount_cents, there.currency):
                assert there.pk in held or any(
                    found.row == one.pk and found.standing in HOLDING for found in findings
                )

"""What a policy would have done: exact figures, over returns that came through the front door."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.common import clock
from apps.refunds import backtest as backtests
from apps.refunds.backtest import backtest, renewal
from apps.refunds.models import RefundPolicy
from apps.refunds.policies import OnePolicy, policy_book
from apps.refunds.policy_changes import set_policy
from apps.refunds.policy_edits import EVERY_CONDITION, PolicyValues
from apps.refunds.trials import Outcome
from apps.refunds.types import Policy
from apps.rmas.models import Rma
from apps.stores.queries import default_store
from tests.support import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

DEFAULT = Policy("default")
AUTOMATIC, APPROVAL, WAIT = Outcome.AUTOMATIC, Outcome.APPROVAL, Outcome.WAIT
PERSON, CLOSED = Outcome.PERSON, Outcome.CLOSED


def tried(after, before=DEFAULT, concept="", **options):
    return backtest(
        store_id=default_store().pk,
        concept=concept,
        before=OnePolicy(before),
        after=OnePolicy(after),
        **options,
    )


def counts(side):
    return {outcome: side.units(outcome) for outcome in Outcome if side.units(outcome)}


def figures(side, outcome, currency="USD"):
    found = side.of(outcome, currency)
    return (found.units, found.estimated_cents, found.shopper_cents)


@pytest.fixture
def returns(send_order, send_rma, drain):
    """ORD-1 with four units coming back in three returns: one moving, one received, two announced;
    everything due is refunded already."""
    send_order(builders.order())
    send_rma(builders.rma("RMA-1", units=[builders.unit()], tracking="TRANSIT"))
    received = builders.unit(receiving_status="RECEIVED", warehouse_receipt_condition="C")
    send_rma(builders.rma("RMA-2", units=[received], tracking="DELIVERED"))
    send_rma(
        builders.rma(
            "RMA-3", units=[builders.unit(), builders.unit()], return_shipping_cost_cents=700
        )
    )
    drain()


def test_the_trigger_decides_what_is_refunded(returns):
    found = tried(Policy("receipt"))
    assert (found.rmas, found.units, found.differing) == (3, 4, 1)
    assert counts(found.before) == {AUTOMATIC: 2, WAIT: 2}
    assert counts(found.after) == {AUTOMATIC: 1, WAIT: 3}
    assert figures(found.before, AUTOMATIC) == (2, 26112, 26112)
    assert figures(found.after, AUTOMATIC) == (1, 13056, 13056)
    [row] = found.differences
    assert (row.rma.rma_identifier, row.unit.label) == ("RMA-1", "line 1, unit 1")
    assert (row.before.outcome, row.before.reason) == (AUTOMATIC, "mail-back, TRANSIT")
    assert (row.after.outcome, row.after.reason) == (WAIT, "waits for receipt at the warehouse")


def test_the_same_policy_differs_in_nothing(returns):
    found = tried(DEFAULT)
    assert (found.differing, found.differences) == (0, [])
    assert found.before == found.after


def test_an_rma_that_our_refund_closed_is_judged_as_if_it_were_open(returns, send_rma, drain):
    """Without the refund Optoro would not call it REFUNDED: the unit would wait."""
    moving = builders.rma("RMA-1", units=[builders.unit()], tracking="TRANSIT", minute=9)
    send_rma({**moving, "status": "REFUNDED"})
    drain()
    assert counts(tried(Policy("receipt")).after) == {AUTOMATIC: 1, WAIT: 3}


def test_manual_proposes_and_conditions_and_shipping_count(returns):
    assert counts(tried(Policy("manual")).after) == {APPROVAL: 2, WAIT: 2}
    strict = Policy("receipt", automatic_conditions=frozenset({"N", "A", ""}))
    found = tried(strict)
    assert counts(found.after) == {WAIT: 3, PERSON: 1}
    assert found.differences[0].after.reason == (
        "received in condition C, which the policy leaves to a person"
    )


def test_return_shipping_is_kept_back_once_per_return(send_order, send_rma, drain):
    send_order(builders.order())
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="TRANSIT", return_shipping_cost_cents=700))
    drain()
    found = tried(Policy("default", charges_return_shipping=True))
    assert found.before.retained == {"USD": 0}
    assert found.after.retained == {"USD": 700}
    assert found.after.to_shoppers_cents("USD") == 26112 - 700
    assert figures(found.after, AUTOMATIC) == (2, 26112, 26112)


def test_what_is_outside_the_tolerance_goes_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    low = [builders.unit(cents=12000), builders.unit(cents=12000)]
    send_rma(builders.rma(units=low, tracking="TRANSIT"))
    drain()
    assert counts(tried(Policy("default", tolerance_cents=1056)).after) == {AUTOMATIC: 2}
    found = tried(Policy("default", tolerance_cents=1055))
    assert counts(found.after) == {PERSON: 2}
    assert "Optoro estimates $240.00 for 2 unit(s), but $261.12 was paid for them" in (
        found.differences[0].after.reason
    )


def test_more_than_was_paid_goes_to_a_person(send_order, send_rma, drain):
    send_order(builders.order())
    greedy = [builders.unit(cents=13100) for _ in range(4)]
    send_rma(builders.rma(units=greedy, tracking="TRANSIT"))
    send_rma(builders.rma("RMA-2", units=[builders.unit(cents=13100)], tracking="TRANSIT"))
    drain()
    found = tried(DEFAULT, before=Policy("receipt"))
    assert counts(found.before) == {WAIT: 5}
    assert counts(found.after) == {PERSON: 4, AUTOMATIC: 1}
    assert "$524.00 to refund, but only $522.24 of what was paid is left" in (
        found.differences[1].after.reason
    )


def test_every_currency_has_its_own_sums(send_order, send_rma, drain):
    send_order(builders.order(), builders.order("ORD-2", currency="EUR"))
    send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    send_rma(builders.rma("RMA-2", units=[builders.unit("ORD-2")] * 2, tracking="TRANSIT"))
    send_rma(builders.rma("RMA-3", units=[builders.unit("ORD-9")], tracking="TRANSIT"))
    drain()
    found = tried(DEFAULT)
    assert found.currencies == {"USD", "EUR", ""}
    assert figures(found.before, AUTOMATIC, "USD") == (1, 13056, 13056)
    assert figures(found.before, AUTOMATIC, "EUR") == (2, 26112, 26112)
    assert figures(found.before, WAIT, "") == (1, 13056, 13056)


def test_settlement_and_store_credit_are_not_paid_to_shoppers(send_order, send_rma, drain):
    send_order(builders.order())
    exchanged = builders.unit(refund_type="STANDARD_EXCHANGE")
    exchanged["refund_financials"] = {
        "estimated_refund_amount_cents": 13056,
        "optoro_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 0,
    }
    credited = builders.unit(refund_type="INSTANT_STORE_CREDIT")
    send_rma(builders.rma(units=[exchanged, credited], tracking="TRANSIT"))
    drain()
    assert figures(tried(DEFAULT).before, AUTOMATIC) == (2, 26112, 0)


def test_withdrawn_units_old_returns_and_other_stores_are_left_out(returns, send_rma, drain):
    send_rma(builders.rma("RMA-3", units=[builders.unit()], minute=30))
    drain()
    assert tried(DEFAULT).units == 3
    before = clock.now() - timedelta(days=30, minutes=1)
    Rma.objects.filter(rma_identifier="RMA-1").update(first_seen_at=before)
    assert (tried(DEFAULT).units, tried(DEFAULT, days=31).units) == (2, 3)


def test_a_brand_is_the_rmas_else_its_orders(send_order, send_rma, drain):
    send_order(builders.order("ORD-N", concept="North"), builders.order("ORD-S", concept="South"))
    send_rma(builders.rma("RMA-1", units=[builders.unit("ORD-N")], tracking="TRANSIT"))
    send_rma(
        builders.rma("RMA-2", units=[builders.unit("ORD-N")], tracking="TRANSIT", concept="South")
    )
    send_rma(
        builders.rma(
            "RMA-3", units=[builders.unit("ORD-N"), builders.unit("ORD-S")], tracking="TRANSIT"
        )
    )
    drain()
    assert (tried(DEFAULT, concept="North").units, tried(DEFAULT, concept="South").units) == (2, 2)
    assert tried(DEFAULT).units == 4
    policy = PolicyValues.of(DEFAULT).to_content()
    set_policy(
        version=RefundPolicy(store=default_store(), concept="North", **policy),
        user_id=User.objects.create_user("ana").pk,
    )
    assert tried(DEFAULT).units == 2


def test_the_newest_units_count_when_there_are_too_many(returns, monkeypatch):
    monkeypatch.setattr(backtests, "MAX_UNITS", 3)
    found = tried(DEFAULT)
    assert (found.units, found.rmas, found.is_cut) == (3, 2, True)
    monkeypatch.setattr(backtests, "MAX_UNITS", 4)
    assert tried(DEFAULT).is_cut is False


@pytest.mark.parametrize(("chunk", "queries"), [(500, 5), (1, 12)])
def test_queries_grow_with_chunks_and_not_with_returns(returns, monkeypatch, chunk, queries):
    """Own brands and the first key, then RMAs, units and paid units for each chunk; where chunks
    are full, one more that finds none."""
    monkeypatch.setattr(backtests, "CHUNK", chunk)
    store_id = default_store().pk
    with CaptureQueriesContext(connection) as captured:
        found = backtest(
            store_id=store_id,
            concept="",
            before=OnePolicy(DEFAULT),
            after=OnePolicy(Policy("receipt", tolerance_cents=0)),
        )
    assert (found.units, found.differing) == (4, 1)
    assert len(captured) == queries


def test_a_renewal_counts_only_what_is_not_decided_yet(send_order, send_rma, drain):
    store = default_store()
    user_id = User.objects.create_user("ana").pk
    receipt = PolicyValues.of(Policy("receipt")).to_content()
    set_policy(version=RefundPolicy(store=store, concept="", **receipt), user_id=user_id)
    send_order(builders.order())
    received = builders.unit(receiving_status="RECEIVED", package_tracking_status="TRANSIT")
    moving = builders.unit(package_tracking_status="TRANSIT")
    send_rma(builders.rma(units=[received, moving], return_shipping_cost_cents=700))
    drain()
    charging = PolicyValues.of(Policy("default", charges_return_shipping=True)).to_content()
    set_policy(version=RefundPolicy(store=store, concept="", **charging), user_id=user_id)
    found = renewal(store_id=store.pk, concept="", book=policy_book(store))
    assert counts(found.before) == {Outcome.DECIDED: 1, WAIT: 1}
    assert counts(found.after) == {Outcome.DECIDED: 1, AUTOMATIC: 1}
    assert figures(found.after, AUTOMATIC) == (1, 13056, 13056)
    assert found.after.to_shoppers_cents("USD") == 13056 - 700


TRIGGERS = st.sampled_from(["default", "receipt", "manual"])


@given(
    triggers=st.tuples(TRIGGERS, TRIGGERS, TRIGGERS, TRIGGERS),
    minutes=st.integers(0, 43_200),
    conditions=st.sets(st.sampled_from(EVERY_CONDITION)),
    charges=st.booleans(),
    tolerance=st.none() | st.integers(0, 10**9),
)
def test_what_is_edited_is_what_decides(triggers, minutes, conditions, charges, tolerance):
    values = PolicyValues(
        *triggers,
        payment_delay_minutes=minutes,
        automatic_conditions=tuple(word for word in EVERY_CONDITION if word in conditions),
        charges_return_shipping=charges,
        tolerance_cents=tolerance,
    )
    assert PolicyValues.of(values.to_policy()) == values
    assert PolicyValues.from_content(values.to_content()) == values


def test_what_the_warehouse_found_does_not_matter_to_what_was_refunded_at_the_scan(returns):
    """RMA-2 was received in condition C, after its scan."""
    picky = Policy("default", automatic_conditions=frozenset({"A", ""}))
    found = tried(picky)
    assert (found.differing, found.earlier, found.later) == (0, 0, 0)
    assert counts(found.after) == {AUTOMATIC: 2, WAIT: 2}
    late = tried(Policy("receipt", automatic_conditions=frozenset({"A", ""})), before=picky)
    assert counts(late.after) == {PERSON: 1, WAIT: 3}
    back = tried(picky, before=Policy("receipt", automatic_conditions=frozenset({"A", ""})))
    assert counts(back.after) == {AUTOMATIC: 2, WAIT: 2}
    assert back.differing == 2


def test_refunds_at_another_moment_are_counted(returns):
    assert (tried(Policy("receipt")).later, tried(Policy("receipt")).earlier) == (1, 0)
    sooner = tried(DEFAULT, before=Policy("receipt"))
    assert (sooner.later, sooner.earlier, sooner.differing) == (0, 1, 1)


def test_a_unit_that_never_came_was_refunded_at_its_scan_and_is_a_persons_at_receipt(
    send_order, send_rma, drain
):
    send_order(builders.order())
    missing = builders.unit(receiving_status="NOT_RECEIVED")
    send_rma(builders.rma(units=[missing], tracking="DELIVERED"))
    drain()
    found = tried(Policy("receipt"))
    assert (counts(found.before), counts(found.after)) == ({AUTOMATIC: 1}, {PERSON: 1})

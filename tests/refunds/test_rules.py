"""When a unit is refunded (flows.md), by table."""

import itertools

import pytest

from apps.refunds.models import Destination, RefundStatus
from apps.refunds.rules import (
    LIVE_STATUSES,
    TRANSITIONS,
    bonus_credit_cents,
    destination_of,
    may_move,
    retained_cents,
    unit_verdict,
)
from apps.refunds.types import Answer, PastRefunds, Policy
from apps.rmas.models import Rma, RmaUnit

DEFAULT = Policy("default")
NEVER_REFUNDED = PastRefunds()


def verdict(policy=DEFAULT, past=NEVER_REFUNDED, known=True, behind=False, rma=None, **facts):
    rma = Rma(**{"status": "CREATED", "return_method": "mail-back", **(rma or {})})
    facts = {
        "order_identifier": "ORD-1",
        "order_line_item_identifier": "1",
        "refund_type": "REFUND",
        "package_tracking_status": "TRANSIT",
        "receiving_status": "PENDING",
        "estimated_refund_amount_cents": 13056,
        "shopper_refund_amount_cents": 13056,
        "optoro_refund_amount_cents": 0,
        **facts,
    }
    return unit_verdict(
        unit=RmaUnit(**facts),
        rma=rma,
        policy=policy,
        past=past,
        is_order_known=known,
        is_order_behind=behind,
    )


TRIGGERS = [
    ("mail-back", "", Answer.WAIT),
    ("mail-back", "PRE_TRANSIT", Answer.WAIT),
    ("mail-back", "ACCEPTED", Answer.WAIT),
    ("mail-back", "TRANSIT", Answer.REFUND),
    ("mail-back", "DELIVERED", Answer.REFUND),
    ("mail-back", "FAILURE", Answer.PERSON),
    ("mail-back", "RETURNED", Answer.PERSON),
    ("mail-back", "NOT_DROPPED_OFF", Answer.PERSON),
    ("mail-back", "TELEPORTED", Answer.PERSON),
    ("express-returns", "", Answer.WAIT),
    ("express-returns", "PRE_TRANSIT", Answer.WAIT),
    ("express-returns", "ACCEPTED", Answer.REFUND),
    ("express-returns", "TRANSIT", Answer.REFUND),
    ("express-returns", "NOT_DROPPED_OFF", Answer.PERSON),
    ("home-pickup", "ACCEPTED", Answer.REFUND),
    ("customer-keep", "", Answer.REFUND),
    ("drone", "TRANSIT", Answer.PERSON),
]


@pytest.mark.parametrize(("method", "tracking", "answer"), TRIGGERS)
def test_the_trigger_depends_on_the_return_method(method, tracking, answer):
    found = verdict(rma={"return_method": method}, package_tracking_status=tracking)
    assert found.answer == answer
    assert found.reason


def test_receipt_implies_the_scan_and_is_the_trigger_where_the_policy_says_so():
    receipt = Policy("receipt")
    assert verdict(package_tracking_status="", receiving_status="RECEIVED").answer == Answer.REFUND
    assert verdict(receipt, package_tracking_status="DELIVERED").answer == Answer.WAIT
    assert verdict(receipt, receiving_status="RECEIVED").answer == Answer.REFUND


STOPPED = [
    ({"rma": {"status": "CANCELED"}}, Answer.CLOSED),
    ({"rma": {"status": "PENDING_EXCHANGE"}}, Answer.WAIT),
    ({"rma": {"status": "MELTED"}}, Answer.PERSON),
    ({"receiving_status": "NOT_RECEIVED"}, Answer.PERSON),
    ({"receiving_status": "EATEN"}, Answer.PERSON),
    ({"refund_type": "INSTANT_EXCHANGE"}, Answer.PERSON),
    ({"is_withdrawn": True}, Answer.CLOSED),
    ({"known": False}, Answer.WAIT),
    ({"behind": True}, Answer.PERSON),
    ({"past": PastRefunds(live_identifier="RD-1")}, Answer.REFUNDED),
    ({"past": PastRefunds(declined_identifier="RD-1")}, Answer.PERSON),
    ({"past": PastRefunds(canceled_identifier="RD-1")}, Answer.PERSON),
    ({"shopper_refund_amount_cents": 13055}, Answer.PERSON),
    (
        {"shopper_refund_amount_cents": 14000, "optoro_refund_amount_cents": -944},
        Answer.PERSON,
    ),
    ({"rma": {"gift_refund_only": True}}, Answer.PERSON),
    ({"rma": {"gift_refund_only": True, "giftee_email": "g@example.com"}}, Answer.REFUND),
]


@pytest.mark.parametrize(("change", "answer"), STOPPED, ids=str)
def test_what_automation_leaves_alone(change, answer):
    assert verdict().answer == Answer.REFUND
    assert verdict(**change).answer == answer


def test_a_closed_rma_is_judged_by_what_it_showed_before():
    closed = {"status": "REFUNDED"}
    assert verdict(rma=closed).answer == Answer.PERSON
    seen = {"was_seen_open": True, "open_receiving_status": "PENDING"}
    assert (
        verdict(rma=closed, **seen, open_package_tracking_status="PRE_TRANSIT").answer
        == Answer.PERSON
    )
    assert (
        verdict(rma=closed, **seen, open_package_tracking_status="TRANSIT").answer == Answer.REFUND
    )


def test_the_transition_table_is_closed():
    ends = {RefundStatus.PAID, RefundStatus.DECLINED, RefundStatus.CANCELED}
    assert set(TRANSITIONS) == set(RefundStatus)
    assert {status for status in RefundStatus if not TRANSITIONS[status]} == ends
    allowed = {
        (before, after)
        for before, after in itertools.product(RefundStatus, RefundStatus)
        if may_move(before, after)
    }
    assert len(allowed) == 11
    assert (RefundStatus.UNKNOWN, RefundStatus.CANCELED) not in allowed
    assert RefundStatus.UNKNOWN in LIVE_STATUSES


def test_where_the_money_goes():
    gift = Rma(gift_refund_only=True, giftee_email="g@example.com")
    plain, exchanged = RmaUnit(refund_type="REFUND"), RmaUnit(refund_type="INSTANT_EXCHANGE")
    credit = RmaUnit(refund_type="INSTANT_STORE_CREDIT", shopper_refund_amount_cents=0)
    paid_credit = RmaUnit(refund_type="INSTANT_STORE_CREDIT", shopper_refund_amount_cents=100)
    assert destination_of(Rma(), 100, [plain]) == (Destination.ORIGINAL_PAYMENT, "")
    assert destination_of(Rma(), 100, [plain, credit]) == (Destination.ORIGINAL_PAYMENT, "")
    assert destination_of(gift, 100, [plain]) == (Destination.GIFT_CARD, "g@example.com")
    assert destination_of(Rma(), 0, [exchanged]) == (Destination.NONE, "")
    assert destination_of(gift, 0, [exchanged]) == (Destination.NONE, "")
    assert destination_of(Rma(), 0, [credit, exchanged]) == (Destination.STORE_CREDIT, "")
    assert destination_of(Rma(), 100, [paid_credit]) == (Destination.STORE_CREDIT, "")


@pytest.mark.parametrize(
    ("charges", "before", "shopper", "kept"),
    [(False, 0, 5000, 0), (True, 0, 5000, 700), (True, 700, 5000, 0), (True, 0, 300, 300)],
)
def test_return_shipping_is_kept_back_once(charges, before, shopper, kept):
    policy = Policy("default", charges_return_shipping=charges)
    assert (
        retained_cents(
            policy=policy,
            return_shipping_cost_cents=700,
            retained_before_cents=before,
            shopper=shopper,
        )
        == kept
    )


def test_a_unit_that_was_not_dropped_off_is_over_with_its_rma():
    express = {"return_method": "express-returns"}
    still_open = verdict(rma=express, package_tracking_status="NOT_DROPPED_OFF")
    assert still_open.answer == Answer.PERSON
    closed = verdict(
        rma={**express, "status": "REFUNDED"}, package_tracking_status="NOT_DROPPED_OFF"
    )
    assert closed.answer == Answer.CLOSED


CONDITIONS = Policy("default", automatic_conditions=frozenset({"N", "A"}))


@pytest.mark.parametrize(
    ("condition", "receiving", "answer"),
    [
        ("A", "RECEIVED", Answer.REFUND),
        ("C", "RECEIVED", Answer.PERSON),
        ("C", "PENDING", Answer.PERSON),
        ("", "RECEIVED", Answer.PERSON),
        ("", "PENDING", Answer.REFUND),
    ],
)
def test_a_policy_lets_some_conditions_pass(condition, receiving, answer):
    found = verdict(CONDITIONS, warehouse_receipt_condition=condition, receiving_status=receiving)
    assert found.answer == answer


@pytest.mark.parametrize(
    ("refund_type", "shopper", "optoro", "answer"),
    [
        ("INSTANT_EXCHANGE", 0, 13056, Answer.REFUND),
        ("INSTANT_EXCHANGE", 3056, 10000, Answer.REFUND),
        ("INSTANT_EXCHANGE", 13056, 0, Answer.PERSON),
        ("STANDARD_EXCHANGE", 0, 13056, Answer.REFUND),
        ("STANDARD_EXCHANGE", 13056, 0, Answer.PERSON),
        ("UNEVEN_EXCHANGE", 3056, 10000, Answer.REFUND),
        ("INSTANT_STORE_CREDIT", 0, 13056, Answer.REFUND),
        ("INSTANT_STORE_CREDIT", 13056, 0, Answer.REFUND),
        ("BARTER", 13056, 0, Answer.PERSON),
    ],
)
def test_each_refund_type_by_its_figures(refund_type, shopper, optoro, answer):
    found = verdict(
        refund_type=refund_type,
        shopper_refund_amount_cents=shopper,
        optoro_refund_amount_cents=optoro,
    )
    assert found.answer == answer


def test_customer_keep_cannot_wait_for_receipt():
    keep = {"return_method": "customer-keep"}
    assert verdict(rma=keep, package_tracking_status="").answer == Answer.REFUND
    assert verdict(Policy("receipt"), rma=keep).answer == Answer.PERSON


@pytest.mark.parametrize(
    ("types", "before", "noted"),
    [
        (["REFUND"], 0, 0),
        (["INSTANT_STORE_CREDIT"], 0, 1306),
        (["REFUND", "INSTANT_EXCHANGE"], 0, 1306),
        (["INSTANT_STORE_CREDIT"], 1306, 0),
    ],
)
def test_bonus_credit_is_noted_once(types, before, noted):
    units = [RmaUnit(refund_type=name) for name in types]
    assert (
        bonus_credit_cents(units=units, bonus_credit_amount_cents=1306, noted_before_cents=before)
        == noted
    )

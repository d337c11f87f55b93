"""The simulated gateway keeps its promises, and its book, and misbehaves as it is told to."""

import subprocess
import sys
from dataclasses import replace

import pytest

from apps.common import fault_points
from apps.payments import simulated
from apps.payments.gateways import gateway_for, gateway_named
from apps.payments.models import SimulatedCall, SimulatedPayment
from apps.payments.simulated import SimulatedGateway
from apps.payments.types import GatewayOutcome, GatewayResult
from tests.payments.conftest import KEY, payout
from tests.project.files import ROOT, plain_environment

pytestmark = pytest.mark.django_db

PAID = GatewayResult(GatewayOutcome.PAID, "sim_11111111-222", "", 1234)
DECLINED = GatewayResult(GatewayOutcome.DECLINED, "", "insufficient funds")
PENDING = GatewayResult(GatewayOutcome.PENDING, "sim_11111111-222", "taken, not decided yet")
TIMED_OUT = GatewayResult(GatewayOutcome.UNKNOWN, "", "no answer in time")
GARBAGE = GatewayResult(GatewayOutcome.UNKNOWN, "", "the answer cannot be understood")
REQUEST = payout()


def ending(word):
    return payout(order_identifier=f"ORD-1{word}")


def book():
    return list(SimulatedPayment.objects.order_by("pk").values_list("outcome", "calls"))


def calls():
    return list(
        SimulatedCall.objects.order_by("pk").values_list("key", "method", "number", "behaviour")
    )


@pytest.fixture
def slept(monkeypatch):
    """How long the gateway slept."""
    seconds = []
    monkeypatch.setattr(simulated.time, "sleep", seconds.append)
    return seconds


def test_the_same_key_pays_once_and_gives_the_first_answer():
    gateway = SimulatedGateway()
    assert gateway.refund(REQUEST) == PAID
    assert gateway.refund(REQUEST) == PAID
    assert gateway.find(REQUEST) == PAID
    payment = SimulatedPayment.objects.get()
    assert (payment.amount_cents, payment.calls, payment.reference) == (1234, 2, PAID.reference)
    assert calls() == [
        (KEY, "refund", 1, "ok"),
        (KEY, "refund", 2, "ok"),
        (KEY, "find", 1, ""),
    ]


@pytest.mark.parametrize(
    ("change", "named"), [({"amount_cents": 999}, "999 cents"), ({"currency": "EUR"}, "1234 cents")]
)
def test_a_key_with_another_amount_is_refused_and_never_booked(change, named):
    gateway = SimulatedGateway()
    gateway.refund(REQUEST)
    again = gateway.refund(payout(**change))
    assert again.outcome == GatewayOutcome.UNKNOWN
    assert "the gateway has 1234 cents" in again.reason
    assert named in again.reason
    assert SimulatedPayment.objects.get().amount_cents == 1234
    assert gateway.find(payout(**change)) == PAID


def test_two_keys_are_two_payments():
    gateway = SimulatedGateway()
    gateway.refund(REQUEST)
    gateway.refund(payout(key="another"))
    assert book() == [("paid", 1), ("paid", 1)]


@pytest.mark.parametrize(
    ("word", "answers", "found", "booked"),
    [
        ("", [PAID, PAID], PAID, [("paid", 2)]),
        ("-DECLINE", [DECLINED, DECLINED], DECLINED, [("declined", 2)]),
        ("-TIMEOUT", [TIMED_OUT, PAID], PAID, [("paid", 2)]),
        ("-LOST", [TIMED_OUT, TIMED_OUT, TIMED_OUT], None, []),
        ("-SLOW", [PAID, PAID], PAID, [("paid", 2)]),
        ("-GARBAGE", [GARBAGE, PAID], PAID, [("paid", 1)]),
        ("-PENDING", [PENDING, PENDING], PAID, [("paid", 2)]),
    ],
)
def test_an_ending_of_the_order_chooses_what_happens(word, answers, found, booked, slept):
    gateway = SimulatedGateway()
    assert [gateway.refund(ending(word)) for _ in answers] == answers
    assert gateway.find(ending(word)) == found
    assert gateway.find(ending(word)) == found
    assert book() == booked
    assert slept == ([2.0, 2.0] if word == "-SLOW" else [])


def test_a_lost_answer_can_be_found():
    gateway = SimulatedGateway()
    assert gateway.refund(ending("-TIMEOUT")) == TIMED_OUT
    assert gateway.find(ending("-TIMEOUT")) == PAID
    assert book() == [("paid", 1)]


def test_garbage_books_nothing_until_it_is_asked_again():
    gateway = SimulatedGateway()
    assert gateway.refund(ending("-GARBAGE")) == GARBAGE
    assert gateway.find(ending("-GARBAGE")) is None
    assert book() == []


@pytest.mark.parametrize(
    ("script", "answers", "booked"),
    [
        (["ok"], [PAID, PAID], [("paid", 2)]),
        (["declined", "ok"], [DECLINED, DECLINED], [("declined", 2)]),
        (["timeout_before", "garbage", "ok"], [TIMED_OUT, GARBAGE, PAID, PAID], [("paid", 2)]),
        (["timeout_after"], [TIMED_OUT, TIMED_OUT], [("paid", 2)]),
        (["pending"], [PENDING, PENDING], [("pending", 2)]),
        (["slow", "garbage"], [PAID, GARBAGE, GARBAGE], [("paid", 1)]),
    ],
)
def test_the_nth_call_of_a_key_does_the_nth_word(account, store, script, answers, booked, slept):
    account("simulated", {"script": script, "slow_seconds": 0.5})
    gateway = gateway_named("simulated", store_id=store.pk)
    assert [gateway.refund(REQUEST) for _ in answers] == answers
    assert book() == booked
    words = script + [script[-1]] * len(answers)
    assert [call[3] for call in calls()] == words[: len(answers)]
    assert slept == ([0.5] if "slow" in script else [])


def test_calls_are_counted_by_key(account, store):
    account("simulated", {"script": ["timeout_before", "ok"]})
    gateway = SimulatedGateway(store.pk)
    assert gateway.refund(REQUEST) == TIMED_OUT
    assert gateway.refund(payout(key="another")) == TIMED_OUT
    assert gateway.refund(REQUEST) == PAID


def test_an_orders_script_goes_before_the_general_one_and_that_before_the_ending(account, store):
    account("simulated", {"script": ["ok"], "scripts": {"ORD-1-LOST": ["declined"]}})
    gateway = SimulatedGateway(store.pk)
    assert gateway.refund(ending("-LOST")) == DECLINED
    assert gateway.refund(payout(key=KEY[::-1], order_identifier="ORD-2-LOST")).outcome == "paid"
    other_store = SimulatedGateway(store.pk + 1)
    assert other_store.refund(payout(key="k", order_identifier="ORD-2-LOST")) == TIMED_OUT


def test_what_is_pending_can_be_declined_in_the_end(account, store):
    account("simulated", {"script": ["pending"], "pending_becomes": "declined"})
    gateway = SimulatedGateway(store.pk)
    assert gateway.refund(REQUEST) == PENDING
    assert gateway.find(REQUEST) == DECLINED
    assert gateway.refund(REQUEST) == DECLINED


def test_a_setting_it_does_not_know_pays_nothing(account, store):
    account("simulated", {"script": ["oops"]})
    gateway = SimulatedGateway(store.pk)
    for result in (gateway.refund(REQUEST), gateway.find(REQUEST)):
        assert (result.outcome, result.was_sent) == (GatewayOutcome.UNKNOWN, False)
        assert "script: word 1 is none of: ok, declined" in result.reason
    assert book() == []


def test_the_fault_points_stand_on_both_sides_of_the_commit(monkeypatch):
    seen = []
    monkeypatch.setattr(
        fault_points, "reach", lambda name: seen.append((name, SimulatedPayment.objects.count()))
    )
    SimulatedGateway().refund(REQUEST)
    SimulatedGateway().refund(REQUEST)
    assert seen == [("gateway.booking", 1), ("gateway.booked", 1)]


@pytest.mark.parametrize(("point", "rows"), [("gateway.booking", 0), ("gateway.booked", 1)])
def test_a_process_that_dies_there_leaves_a_whole_book(point, rows, tmp_path):
    program = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from apps.payments.models import SimulatedPayment\n"
        "import sys\n"
        "if sys.argv[1] == 'count':\n"
        "    print(SimulatedPayment.objects.count())\n"
        "else:\n"
        "    call_command('migrate', 'payments', verbosity=0)\n"
        "    from apps.payments.simulated import SimulatedGateway\n"
        "    from tests.payments.conftest import payout\n"
        "    SimulatedGateway().refund(payout())\n"
    )

    def run(what, **variables):
        return subprocess.run(
            [sys.executable, "-c", program, what],
            cwd=ROOT,
            env=plain_environment(
                DJANGO_SETTINGS_MODULE="returnsdesk.settings",
                DEBUG="1",
                DATABASE_URL=f"sqlite:///{tmp_path}/book.sqlite3",
                **variables,
            ),
            capture_output=True,
            text=True,
            timeout=120,
        )

    died = run("pay", FAULT_POINT=point)
    assert died.returncode == fault_points.EXIT_CODE, died.stderr
    assert run("count").stdout.split() == [str(rows)]


def test_an_unknown_gateway_is_named_with_those_there_are(settings):
    with pytest.raises(
        LookupError, match="'paypall' is unknown; there are: http, manual, simulated, stripe"
    ):
        gateway_named("paypall", store_id=1)
    assert [type(gateway_named(n, store_id=1)).__name__ for n in settings.PAYMENT_GATEWAYS] == [
        "SimulatedGateway",
        "ManualGateway",
        "HttpGateway",
        "StripeGateway",
    ]


@pytest.mark.parametrize(
    ("payment", "gift_card", "is_gift_card", "pays"),
    [
        ("stripe", "", False, "stripe"),
        ("stripe", "http", False, "stripe"),
        ("stripe", "", True, "manual"),
        ("stripe", "http", True, "http"),
        ("http", "", True, "http"),
        ("simulated", "", True, "simulated"),
    ],
)
def test_gift_cards_go_where_they_can_be_paid(payment, gift_card, is_gift_card, pays):
    chosen = gateway_for(
        payment_gateway=payment, gift_card_gateway=gift_card, is_gift_card=is_gift_card
    )
    assert chosen == pays


def test_the_manual_gateway_takes_note_and_is_told():
    gateway = gateway_named("manual", store_id=1)
    taken = GatewayResult(GatewayOutcome.PENDING, "", "waits for a person to pay it by hand")
    assert gateway.refund(REQUEST) == taken
    assert gateway.find(replace(REQUEST, key="never seen")) == taken
    assert gateway.is_told is True
    others = ("simulated", "http", "stripe")
    assert [gateway_named(name, store_id=1).is_told for name in others] == [False] * 3

"""Faults: what they do, how they are set, and that a seed repeats them."""

import json
import time

import pytest

from apps.common import http
from apps.sandbox.faults import KINDS, Faults, UnknownFault, parse_flags
from apps.sandbox.server import simulated_optoro
from tests.sandbox.helpers import Caller, order, wrapped


def test_flags():
    assert parse_flags(["duplicates=0.2", "delay=3"]) == {"duplicates": 0.2, "delay": 3.0}


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("doubles=0.2", "unknown fault 'doubles'; known are .*duplicates"),
        ("duplicates", "NAME=NUMBER"),
        ("duplicates=often", "'often' is not a number"),
        ("duplicates=2", "not a probability"),
        ("duplicates=nan", "not a probability"),
        ("delay=-1", "0 or more"),
        ("delay=inf", "0 or more"),
    ],
)
def test_wrong_flags_say_what_is_wrong(flag, why):
    with pytest.raises(UnknownFault, match=why):
        parse_flags([flag])


def test_a_change_with_something_wrong_in_it_changes_nothing():
    faults = Faults()
    with pytest.raises(UnknownFault):
        faults.change({"http500": 1, "nonsense": 1})
    with pytest.raises(UnknownFault):
        faults.change({"http500": True})
    assert faults.in_force() == {}


def test_a_seed_repeats_the_dice_of_each_fault():
    def throws(seed):
        faults = Faults({"http500": 0.5, "slow": 0.5}, seed)
        return [(faults.strikes("http500"), faults.strikes("slow")) for _ in range(50)]

    assert throws(7) == throws(7)
    assert throws(7) != throws(8)


def test_the_dice_of_one_fault_do_not_disturb_another():
    alone, mixed = Faults({"http500": 0.5}, 7), Faults({"http500": 0.5, "slow": 0.5}, 7)
    alone_throws = [alone.strikes("http500") for _ in range(50)]
    mixed_throws = []
    for _ in range(50):
        mixed.strikes("slow")
        mixed_throws.append(mixed.strikes("http500"))
    assert alone_throws == mixed_throws


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.is_probability])
def test_faults_that_are_off_never_strike(name):
    faults = Faults()
    assert not any(faults.strikes(name) for _ in range(100))


@pytest.mark.parametrize(("fault", "status"), [("http500", 500), ("http429", 429)])
def test_calls_are_answered_with_errors_and_nothing_is_kept(caller, fault, status):
    caller.mint()
    caller.optoro.faults.change({fault: 1})
    assert caller.send_orders(order()).status_code == status
    assert caller.mint().status_code == status
    assert caller.optoro.books.orders == {}
    assert caller.client.get("/healthz").status_code == 200
    caller.optoro.faults.change({fault: 0})
    assert caller.send_orders(order()).status_code == 202


def test_tokens_die_at_random(caller):
    caller.mint()
    caller.optoro.faults.change({"expire_tokens": 1})
    assert caller.send_orders(order()).status_code == 401
    caller.optoro.faults.change({"expire_tokens": 0})
    assert caller.send_orders(order()).status_code == 401
    caller.mint()
    assert caller.send_orders(order()).status_code == 202


def test_a_short_token_lifetime_can_be_set_while_running(caller):
    caller.optoro.faults.change({"token_lifetime": 600})
    assert caller.mint().json()["expires_in"] == 600


def test_slow_accepts_the_snapshot_but_hangs():
    with simulated_optoro(workers=0, faults={"slow": 1, "slow_seconds": 5}) as optoro:
        caller = Caller(optoro)
        caller.mint()
        caller.client.timeout = 0.2
        with pytest.raises(http.TimeoutException):
            caller.send_orders(order())
        assert "ORD1" in optoro.books.orders
        before = time.monotonic()
    assert time.monotonic() - before < 2, "an answer that hangs must not hold up the end"


def test_same_timestamps_are_shared_by_different_snapshots_on_the_usual_way(optoro):
    optoro.faults.change({"same_timestamps": 1})
    optoro.receive_orders(wrapped(order()))
    rma = optoro.start_return("ORD1", {"1": 1})
    for event in ("label", "transit", "delivered"):
        optoro.move(rma, event)
    messages = [json.loads(message.body) for message in optoro.pending_webhooks()]
    assert len({message["updated_at"] for message in messages}) == 1
    assert len({message.body for message in optoro.pending_webhooks()}) == 4
    optoro.move(rma, "failure")
    assert optoro.rma(rma)["updated_at"] > messages[0]["updated_at"]


def test_forgetful_leaves_tracking_numbers_out(optoro):
    optoro.receive_orders(wrapped(order()))
    rma = optoro.start_return("ORD1", {"1": 1})
    optoro.move(rma, "label")
    optoro.faults.change({"forgetful": 1})
    optoro.move(rma, "transit")
    numbers = [
        json.loads(message.body)["items"][0]["tracking_number"]
        for message in optoro.pending_webhooks()
    ]
    assert numbers[0] is None
    assert numbers[1]
    assert numbers[2] is None

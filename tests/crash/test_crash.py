"""The process dies at every named place, and is started again: nothing is paid twice, lost or
forgotten. Real processes, and a database of its own for each death."""

from collections import Counter, defaultdict
from typing import Any

import pytest

from apps.common.fault_points import POINTS
from tests.crash.conftest import Desk

Json = dict[str, Any]
UNIT = 13056

# A process meets this one once.
ONCE = ("cancellation.requested",)
# The payments come in this order: a part of a refund, its other part, two whose gateway does not
# answer at first, one that never does, one that is paid, one that is declined.
LATER = ("payout.called:6", "payout.recording:7", "payout.recorded:6", "payout.recorded:7")
CASES = [
    point if times == 1 else f"{point}:{times}"
    for point in POINTS
    for times in ((1,) if point in ONCE else (1, 2, 3))
] + list(LATER)
PAIRS = [
    ("payout.begun", "payout.begun"),
    ("payout.called", "payout.recording"),
    ("payout.called:2", "payout.called"),
    ("gateway.booked", "gateway.booking"),
    ("gateway.booked:3", "payout.recorded"),
    ("payout.recording", "payout.recording"),
    ("job.worked", "job.finished"),
    ("job.claimed:3", "job.claimed"),
    ("refund.decided", "refund.decided:2"),
    ("refund.requested:2", "refund.request_committed:2"),
    ("delivery.stored:2", "delivery.processing"),
    ("snapshot.sent", "snapshot.sent"),
    ("cancellation.requested", "delivery.processed"),
]

# What there is in the end, whatever happened on the way: order, kind, source, status, cents.
ENDED = [
    ("API-TIMEOUT", "goods", "api", "paid", UNIT),
    ("API-TIMEOUT", "goodwill", "api", "paid", 1000),
    ("CANCEL", "goods", "staff", "canceled", 2 * UNIT),
    ("MIXED", "goods", "staff", "paid", 2 * UNIT),
    ("ONE-DECLINE", "goods", "automatic", "declined", 2 * UNIT),
    ("ONE-LOST", "goodwill", "api", "unknown", 500),
    ("SCAN", "goods", "automatic", "paid", 2 * UNIT),
]
# The gateway's own book: order and cents, one row per payment.
PAID = [
    ("API-TIMEOUT", 1000),
    ("API-TIMEOUT", UNIT),
    ("MIXED", 10_000),
    ("MIXED", 2 * UNIT - 10_000),
    ("SCAN", 2 * UNIT),
]


@pytest.mark.parametrize("point", CASES)
def test_a_death_costs_nothing(desk, point):
    desk.dies_at(point)
    desk.finishes()
    assert_right(desk)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_death_after_a_death_costs_nothing(desk, first, second):
    desk.dies_at(first)
    desk.dies_at(second)
    desk.finishes()
    assert_right(desk)


def test_a_desk_that_dies_at_every_place_in_turn(desk):
    deaths = [point for point in POINTS if desk.play(point) != 0]
    assert len(deaths) > len(POINTS) // 2
    desk.finishes()
    assert_right(desk)


def test_a_desk_that_does_not_die(desk):
    """What the others are compared with: one life is enough."""
    desk.finishes()
    books = assert_right(desk)
    assert {row["copies"] for row in books["deliveries"]} == {1}


def assert_right(desk: Desk) -> Json:
    """Asks the books, the gateway's, Optoro's and everybody's own records."""
    books = desk.books()
    assert_paid_once(books)
    assert_every_refund_ended(books)
    assert_units_are_in_one_refund(books)
    assert_reported_once(books)
    assert_everybody_has_an_answer(books)
    return books


def assert_paid_once(books: Json) -> None:
    keys = [row["key"] for row in books["payments"]]
    assert len(keys) == len(set(keys))
    paid = [row for row in books["payments"] if row["outcome"] == "paid"]
    assert sorted((row["order_identifier"], row["amount_cents"]) for row in paid) == PAID
    payouts = [row for row in books["payouts"] if row["status"] == "paid"]
    assert sorted((row["idempotency_key"], row["amount_cents"]) for row in payouts) == sorted(
        (row["key"], row["amount_cents"]) for row in paid
    )
    declined = [row for row in books["payments"] if row["outcome"] != "paid"]
    assert [(row["order_identifier"], row["outcome"]) for row in declined] == [
        ("ONE-DECLINE", "declined")
    ]
    per_refund: Counter[str] = Counter()
    for row in payouts:
        per_refund[row["refund__identifier"]] += row["amount_cents"]
    assert per_refund == {
        row["identifier"]: row["shopper_amount_cents"]
        for row in books["refunds"]
        if row["status"] == "paid"
    }


def assert_every_refund_ended(books: Json) -> None:
    assert (
        sorted(
            (
                row["order__identifier"],
                row["kind"],
                row["source"],
                row["status"],
                row["total_refund_amount_cents"],
            )
            for row in books["refunds"]
            if row["status"] != "canceled" or row["order__identifier"] == "CANCEL"
        )
        == ENDED
    )
    names = {row["order__identifier"]: row["identifier"] for row in books["refunds"]}
    shown = {(row["kind"], row["subject"]) for row in books["items"] if not row["resolved_at"]}
    assert shown == {
        ("payment_unknown", names["ONE-LOST"]),
        ("refund_declined", names["ONE-DECLINE"]),
        ("cancellation_waits", "RMA-CANCEL"),
    }


def assert_units_are_in_one_refund(books: Json) -> None:
    live: dict[str, list[str]] = defaultdict(list)
    for row in books["units"]:
        if row["is_live"]:
            live[row["rma_unit__rma__rma_identifier"]].append(row["rma_unit"])
            assert row["amount_cents"] == UNIT
    # Those of the others are free: one was declined, one is to be canceled.
    assert {name: len(set(units)) for name, units in live.items()} == {"RMA-SCAN": 2}
    assert len(live["RMA-SCAN"]) == 2


def assert_reported_once(books: Json) -> None:
    """A snapshot may be sent again; a refund in it never changes, and none is left out of the
    last one."""
    paid = {row["identifier"]: row for row in books["refunds"] if row["status"] == "paid"}
    assert all(row["reported_at"] for row in paid.values())
    last = {snapshot["identifier"]: snapshot for snapshot in books["snapshots"]}
    reported = [
        (order, told["identifier"], told["total_refund_amount_cents"])
        for order, snapshot in last.items()
        for told in snapshot["refunds"]
    ]
    assert sorted(reported) == sorted(
        (row["order__identifier"], name, row["total_refund_amount_cents"])
        for name, row in paid.items()
    )
    seen: dict[str, Json] = {}
    for snapshot in books["snapshots"]:
        names = [told["identifier"] for told in snapshot["refunds"]]
        assert len(names) == len(set(names))
        for told in snapshot["refunds"]:
            assert seen.setdefault(told["identifier"], told) == told
    lines = {
        told["identifier"]: [item["quantity"] for item in told["refund_line_items"]]
        for told in seen.values()
    }
    assert sorted(lines.values()) == [[], [1], [2], [2]]


def assert_everybody_has_an_answer(books: Json) -> None:
    answers: dict[str, set[str]] = defaultdict(set)
    for key, answer in books["answers"]:
        answers[key].add(answer)
    assert {key: len(given) for key, given in answers.items()} == dict.fromkeys(
        ("to-cancel", "goods", "goodwill", "lost", "to-approve"), 1
    )
    assert len(books["answered"]) == 3
    # Each RMA was told twice: as announced, and as scanned.
    subjects = Counter(row["subject"] for row in books["deliveries"])
    assert subjects == dict.fromkeys((f"RMA-{name}" for name in books["answered"]), 2)
    assert {row["state"] for row in books["deliveries"]} == {"processed"}
    at_rest = [row for row in books["jobs"] if row["state"] not in ("done", "waiting")]
    assert at_rest == []
    names = {row["order__identifier"]: row["identifier"] for row in books["refunds"]}
    waiting = [(r["topic"], r["label"]) for r in books["jobs"] if r["state"] == "waiting"]
    assert waiting == [("refund.pay", names["ONE-LOST"])]

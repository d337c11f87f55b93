"""On PostgreSQL, with real threads and real commits: a hundred attempts at the money of one order.

Two people, callers of the API, automation, replayed webhooks, refunds made outside, cancellations
and gateways that do not answer: no limit is exceeded at any moment that can be seen."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError

from apps.accounts.models import Role
from apps.common.errors import Refused
from apps.inbox.models import Delivery
from apps.inbox.processing import process_due
from apps.orders import queries as order_queries
from apps.orders.models import Order, OrderLine
from apps.outbox.models import Attempt, Job, JobState
from apps.outbox.runner import run_due
from apps.payments import simulated
from apps.payments.models import SimulatedPayment
from apps.payments.types import GatewayOutcome
from apps.refunds import requests, services
from apps.refunds.cancellation import request_cancellation, withdraw_cancellation
from apps.refunds.models import ApprovalPolicy, Payout, Refund, RefundRequest, RefundUnit
from apps.refunds.outcomes import tell_outcome
from apps.refunds.requests import KeyReused
from apps.refunds.services import approve_refund, cancel_refund
from apps.rmas.models import Rma
from apps.timeline.models import Event
from tests.support import builders
from tests.support.people import actor, person
from tests.support.threads import in_parallel, spread
from tests.support.wishes import by_api, by_staff, transaction, wish

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

Json = dict[str, Any]
PAST = "2026-01-01T00:00:00Z"
FIRST, SECOND = 13_056, 5_000
WHOLE = 3 * FIRST + 4 * SECOND
GIFT = 20_000
GOODWILL = 3_000
ATTEMPTS = 100
# What the n-th call of a payment's key comes to; the last word repeats.
SCRIPTS = [
    *[("ok",)] * 4,
    ("timeout_after", "ok"),
    ("timeout_before", "ok"),
    ("garbage", "timeout_after", "ok"),
    ("pending",),
    ("declined",),
]


@pytest.fixture
def shop(store, send_order, optoro):
    """One order of two lines, paid with a gift card and by card; people who work fast."""
    ApprovalPolicy.objects.create(
        store=store,
        agent_limit_cents=20_000,
        api_limit_cents=30_000,
        goodwill_limit_cents=GOODWILL,
        staff_hold_minutes=0,
        api_hold_minutes=0,
    )
    for name, role in [("ana", Role.AGENT), ("ben", Role.AGENT), ("lea", Role.LEAD)]:
        person(name, role)
    assert send_order(order()).status_code == 200
    settle()
    return store


def order(minute: int = 0, refunds: tuple[Json, ...] = ()) -> Json:
    lines = [
        builders.line("1", quantity=3, tax_amount_cents=768),
        builders.line("2", quantity=4, unit_price_amount_cents=SECOND, tax_amount_cents=0),
    ]
    paid = [
        transaction("CARD", WHOLE - GIFT, parent_identifier="AUTH"),
        transaction("GIFT", GIFT, gateway="gift_card", type="SALE"),
    ]
    return builders.order(
        lines=lines,
        transactions=paid,
        refunds=list(refunds),
        updated_at=f"2026-02-01T00:{minute:02d}:00Z",
    )


def scanned(name: str, line: str, cents: int, units: int) -> Json:
    rows = [builders.unit(line_identifier=line, cents=cents) for _ in range(units)]
    return builders.rma(name, rows, tracking="TRANSIT")


# Together they return more of the second line than was bought.
RETURNS = {
    "RMA-1": scanned("RMA-1", "1", FIRST, 2),
    "RMA-2": scanned("RMA-2", "2", SECOND, 2),
    "RMA-3": scanned("RMA-3", "2", SECOND, 3),
}


def outside(number: int) -> Json:
    """A refund that the order system made: of one unit, or of goodwill."""
    is_goodwill = number % 3 == 2
    lines = [{"identifier": f"OUT-{number}_1", "quantity": 1, "order_item_identifier": "2"}]
    return {
        "identifier": f"OUT-{number}",
        "total_refund_amount_cents": 500 if is_goodwill else SECOND,
        "refund_line_items": [] if is_goodwill else lines,
        "created_at": "2026-01-25T10:00:00Z",
        "tags": ["ignore_refund"] if is_goodwill else [],
    }


def settle(more: Any = lambda: None) -> None:
    """Works off what is left, without waiting for its times."""
    for _ in range(40):
        more()
        Delivery.objects.filter(state="failed").update(next_attempt_at=PAST)
        Job.objects.filter(state=JobState.WAITING).update(not_before=PAST)
        if not process_due() + run_due():
            return
    raise AssertionError("the queues do not come to rest")


@dataclass
class Crowd:
    """Everybody who tries something; each attempt is drawn, and says what came of it."""

    seed: int
    send_rma: Any
    send_order: Any
    by_hand: dict[str, int] = field(default_factory=dict)
    keys: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def attempts(self) -> list[Any]:
        """A hundred attempts in a drawn order."""
        chance = random.Random(self.seed)
        counts = {
            self.works: 12,
            self.delivers: 14,
            self.asks_as_person: 20,
            self.asks_as_machine: 18,
            self.repeats_a_request: 10,
            self.approves: 8,
            self.takes_back: 5,
            self.asks_for_cancellation: 3,
            self.withdraws_cancellation: 2,
            self.tells_what_became_of_a_payment: 4,
            self.tells_of_outside_refunds: 4,
        }
        assert sum(counts.values()) == ATTEMPTS
        numbered = [(do, n) for do, count in counts.items() for n in range(count)]
        chance.shuffle(numbered)
        return [
            partial(self._try, do, number, random.Random(f"{self.seed} {place}"))
            for place, (do, number) in enumerate(numbered)
        ]

    def _try(self, do: Any, number: int, chance: random.Random) -> str:
        try:
            do(number, chance)
        except Refused:
            return "refused"
        return str(do.__name__)

    def works(self, number: int, chance: random.Random) -> None:
        idle = 0
        while idle < 3:
            idle = 0 if process_due(10) + run_due(10) else idle + 1

    def delivers(self, number: int, chance: random.Random) -> None:
        assert self.send_rma(RETURNS[f"RMA-{number % 3 + 1}"]).status_code == 200

    def _wanted(self, chance: random.Random) -> Any:
        kind = chance.choice(["goods", "goods", "goodwill", "returned"])
        if kind == "goodwill":
            return wish(goodwill=chance.choice([700, 1000, 1600]))
        if kind == "returned":
            name = chance.choice(list(RETURNS))
            if Rma.objects.filter(rma_identifier=name).exists():
                return wish(("1" if name == "RMA-1" else "2", chance.randint(1, 2)), rma=name)
        line = chance.choice(["1", "1", "2"])
        amount = chance.choice([None, None, 1234])
        return wish((line, chance.randint(1, 2), amount))

    def asks_as_person(self, number: int, chance: random.Random) -> None:
        name = ("ana", "ben")[number % 2]
        self._ask(partial(by_staff, name=name), "desk", f"{self.seed}-{number}", chance)

    def asks_as_machine(self, number: int, chance: random.Random) -> None:
        self._ask(by_api, "api", f"{self.seed}-{number}", chance)

    def _ask(self, make: Any, origin: str, key: str, chance: random.Random) -> None:
        made = make(self._wanted(chance), key=key)
        with self.writing:
            self.keys.setdefault((origin, key), []).append(made.refund.identifier)

    def repeats_a_request(self, number: int, chance: random.Random) -> None:
        """Eight times the same with one key, twice something else with it."""
        wanted = wish(goodwill=900) if number < 8 else wish(goodwill=901)
        made = by_api(wanted, key=f"{self.seed}-same")
        with self.writing:
            self.keys.setdefault(("api", f"{self.seed}-same"), []).append(made.refund.identifier)

    def approves(self, number: int, chance: random.Random) -> None:
        for refund in Refund.objects.filter(status="proposed"):
            approve_refund(refund=refund, actor=actor("lea", Role.LEAD))

    def takes_back(self, number: int, chance: random.Random) -> None:
        rows = list(Refund.objects.filter(status__in=["proposed", "approved"]))
        if rows:
            cancel_refund(refund=chance.choice(rows), actor=actor("lea"), reason="taken back")

    def asks_for_cancellation(self, number: int, chance: random.Random) -> None:
        for rma in Rma.objects.filter(rma_identifier="RMA-2"):
            request_cancellation(rma=rma, reason="kept", actor=actor("lea"), requester="lea")

    def withdraws_cancellation(self, number: int, chance: random.Random) -> None:
        for rma in Rma.objects.filter(rma_identifier="RMA-2"):
            withdraw_cancellation(rma=rma, actor=actor("lea"), reason="sent after all")

    def tells_what_became_of_a_payment(self, number: int, chance: random.Random) -> None:
        """Whoever pays by hand says so; whoever reads in the gateway's book tells what it says."""
        for payout in Payout.objects.filter(status__in=["pending", "unknown"]):
            if payout.gateway == "manual":
                reference = f"hand-{payout.pk}"
            else:
                key = str(payout.idempotency_key)
                paid = SimulatedPayment.objects.filter(key=key, outcome="paid").first()
                if paid is None:
                    continue
                reference = paid.reference
            tell_outcome(
                payout=payout,
                outcome=GatewayOutcome.PAID,
                reference=reference,
                note="",
                actor=actor("lea"),
            )
            if payout.gateway == "manual":
                with self.writing:
                    self.by_hand[str(payout.idempotency_key)] = payout.amount_cents

    def tells_of_outside_refunds(self, number: int, chance: random.Random) -> None:
        told = tuple(outside(n) for n in range(number + 1))
        assert self.send_order(order(number + 1, told)).status_code == 200


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_attempts_at_one_order_stay_within_every_limit(
    seed, shop, send_rma, send_order, monkeypatch
):
    record = simulated._record_call

    def record_call(key: str, method: str, script: Any) -> str:
        drawn = SCRIPTS[(int(key[:8], 16) + seed) % len(SCRIPTS)]
        return record(key, method, drawn if method == "refund" else script)

    monkeypatch.setattr(simulated, "_record_call", record_call)
    crowd = Crowd(seed, send_rma, send_order)
    # As many at once as the database has connections for.
    outcomes = Counter(spread(crowd.attempts(), threads=32))
    assert sum(outcomes.values()) == ATTEMPTS
    assert outcomes["refused"] > 5, outcomes
    hand = partial(_try_quietly, crowd)
    settle(hand)
    assert_nothing_failed()
    assert_one_refund_per_key(crowd)
    assert_limits_held_at_every_step()
    assert_limits_hold_at_the_end()
    assert_the_books_agree(crowd)


def _try_quietly(crowd: Crowd) -> None:
    crowd._try(crowd.tells_what_became_of_a_payment, 0, random.Random(0))


def assert_nothing_failed() -> None:
    broken = Attempt.objects.exclude(error="").exclude(error__startswith="the gateway")
    odd = broken.exclude(error__startswith="not paid, because the refund no longer stands")
    assert not odd.exists(), odd.first().error
    assert set(Delivery.objects.values_list("state", flat=True)) == {"processed"}
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def assert_one_refund_per_key(crowd: Crowd) -> None:
    assert all(len(set(names)) == 1 for names in crowd.keys.values()), crowd.keys
    made = Refund.objects.filter(source__in=["staff", "api"])
    kept = RefundRequest.objects.values_list("origin", "key", "refund__identifier")
    assert sorted(kept) == sorted((*key, names[0]) for key, names in crowd.keys.items())
    assert made.count() == len(crowd.keys)


def _sizes() -> dict[str, tuple[Json, Json]]:
    """What each refund takes of every limit, by its identifier: all of it, and its lines'."""
    found = {}
    for refund in Refund.objects.prefetch_related("lines__order_line"):
        total = refund.total_refund_amount_cents
        size = {"cash": refund.shopper_amount_cents}
        size["goodwill" if refund.kind == "goodwill" else "goods"] = total
        for line in refund.lines.all():
            name = line.order_line.identifier
            size |= {f"units of {name}": line.quantity, f"cents of {name}": line.amount_cents}
        found[refund.identifier] = size
    return found


LIMITS = {
    "cash": WHOLE,
    "goods": WHOLE,
    "goodwill": GOODWILL,
    "units of 1": 3,
    "units of 2": 4,
    "cents of 1": 3 * FIRST,
    "cents of 2": 4 * SECOND,
}
TAKES = ("refund.proposed", "refund.reported_by_oms")
FREES = ("refund.canceled", "refund.declined")
# Only what is decided, or sent to a gateway, is within the limits: others ask nobody.
DECIDES = ("refund.proposed", "refund.paying")


def assert_limits_held_at_every_step() -> None:
    """Walks through the timeline, whose rows are written under the order's lock: whenever a refund
    was decided on, or sent to a gateway, everything it takes of was within its limit."""
    sizes = _sizes()
    taken: Counter[str] = Counter()
    decided = 0
    rows = Event.objects.exclude(refund_identifier="").order_by("pk")
    for event in rows.filter(kind__in=[*TAKES, *FREES, *DECIDES]):
        size = sizes[event.refund_identifier]
        if event.kind in TAKES:
            taken.update(size)
        elif event.kind in FREES:
            taken.subtract(size)
        if event.kind in DECIDES:
            decided += 1
            beyond = {name: taken[name] for name in size if taken[name] > LIMITS[name]}
            assert not beyond, (event.pk, event.summary, beyond)
    assert decided > 3


def assert_limits_hold_at_the_end() -> None:
    """The desk's own payments alone; no unit twice, and no payment above what it captured."""
    sizes = _sizes()
    own = Refund.objects.exclude(source="external")
    taken: Counter[str] = Counter()
    for refund in own.filter(status="paid"):
        taken.update(sizes[refund.identifier])
    assert {name: cents for name, cents in taken.items() if cents > LIMITS[name]} == {}
    units = RefundUnit.objects.filter(line__refund__status="paid", rma_unit__isnull=False)
    counted = Counter(units.values_list("rma_unit", flat=True))
    assert all(count == 1 for count in counted.values())
    back: Counter[str] = Counter()
    for payout in Payout.objects.filter(status="paid"):
        back[payout.transaction_identifier] += payout.amount_cents
    assert set(back) <= {"CARD", "GIFT"}
    assert back["GIFT"] <= GIFT
    assert back["CARD"] <= WHOLE - GIFT
    assert own.exclude(status__in=["paid", "declined", "canceled", "proposed"]).count() == 0


def assert_the_books_agree(crowd: Crowd) -> None:
    book = dict(SimulatedPayment.objects.filter(outcome="paid").values_list("key", "amount_cents"))
    assert not book.keys() & crowd.by_hand.keys()
    paid = Payout.objects.filter(status="paid").values_list("idempotency_key", "amount_cents")
    assert {str(key): cents for key, cents in paid} == book | crowd.by_hand
    refunds = Refund.objects.filter(status="paid").exclude(source="external")
    shoppers = sum(refunds.values_list("shopper_amount_cents", flat=True))
    assert shoppers == sum(book.values()) + sum(crowd.by_hand.values()) > 0
    sent = [attempt.idempotency_key for p in Payout.objects.all() for attempt in p.attempts.all()]
    assert set(sent) <= set(Payout.objects.values_list("idempotency_key", flat=True))


# --- The lock is what does it ---------------------------------------------------------------------


def without_lock(order_ids: Any) -> dict[int, Order]:
    return {row.pk: row for row in Order.objects.filter(pk__in=set(order_ids))}


@pytest.mark.parametrize("is_locked", [True, False])
@pytest.mark.parametrize("wanted", ["goodwill", "goods"])
def test_it_is_the_lock_of_the_order_that_keeps_the_limits(is_locked, wanted, shop, monkeypatch):
    """Eight at once who each take the whole of a limit, and are slow after they have looked: one of
    them gets it. Without the lock it is more than one, so these tests can fail."""
    check = services.check_limits

    def slowly(proposal: Any) -> None:
        check(proposal)
        time.sleep(0.15)

    monkeypatch.setattr(services, "check_limits", slowly)
    if not is_locked:
        for module in (requests, services):
            monkeypatch.setattr(module, "lock_orders", without_lock)
        monkeypatch.setattr(order_queries, "lock_orders", without_lock)

    def ask(number: int) -> bool:
        whole = {"goodwill": GOODWILL} if wanted == "goodwill" else {}
        lines = [] if whole else [("2", 4)]
        try:
            by_api(wish(*lines, **whole), key=f"key-{number}")
        except Refused:
            return False
        return True

    made = sum(in_parallel(8, ask))
    assert Refund.objects.count() == made
    settle()
    book = sum(SimulatedPayment.objects.values_list("amount_cents", flat=True))
    limit = GOODWILL if wanted == "goodwill" else 4 * SECOND
    if is_locked:
        assert (made, book) == (1, limit)
    else:
        assert made > 1
        reserved = sum(Refund.objects.values_list("total_refund_amount_cents", flat=True))
        assert reserved == made * limit


def test_one_key_at_once_for_two_orders_makes_one_refund(shop, send_order):
    """Those two share no lock: the database's own constraint decides."""
    second = {**order(), "identifier": "ORD-2"}
    second["transactions"] = [
        {**row, "identifier": f"2-{row['identifier']}"} for row in second["transactions"]
    ]
    assert send_order(second).status_code == 200
    settle()

    def ask(number: int) -> str:
        try:
            made = by_api(wish(goodwill=500, order=f"ORD-{number % 2 + 1}"), key="one")
        except KeyReused:
            return ""
        except IntegrityError:
            return "broken"
        return str(made.refund.identifier)

    names = set(in_parallel(16, ask))
    assert len(names - {""}) == 1
    assert Refund.objects.get().identifier in names
    assert OrderLine.objects.count() == 4
    settle()
    assert SimulatedPayment.objects.get().amount_cents == 500

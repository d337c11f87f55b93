"""What others do with the desk: those who send, ask, decide and work, each of whom may die."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from apps.common.errors import Refused
from apps.inbox.models import Delivery
from apps.inbox.processing import process_due
from apps.outbox.runner import run_due
from apps.payments.types import GatewayOutcome
from apps.refunds.cancellation import request_cancellation, withdraw_cancellation
from apps.refunds.models import Payout, Refund, Source
from apps.refunds.outcomes import tell_outcome
from apps.refunds.requests import KeyReused, Made, make_refund
from apps.refunds.services import approve_refund, cancel_refund
from apps.refunds.wanted import Wish
from apps.rmas.models import Rma
from apps.timeline.types import machine, staff
from tests.stateful.checks import Known, within
from tests.stateful.weather import Killed
from tests.stateful.world import Order, Return
from tests.support import builders, wishes


@dataclass(frozen=True)
class Request:
    """A refund that somebody asks for, under a key; `who` is empty for a machine."""

    key: str
    who: str
    order: str
    rma: str = ""
    lines: tuple[tuple[str, int, int | None], ...] = ()
    goodwill: int | None = None
    destination: str = ""
    reason: str = "the shopper called"

    @property
    def origin(self) -> str:
        """Keys of machines and of the desk's forms are told apart."""
        return "desk" if self.who else "api"

    def wish(self) -> Wish:
        """What is wanted, as the forms and the API put it."""
        more: dict[str, Any] = {"destination": self.destination}
        return wishes.wish(
            *self.lines,
            order=self.order,
            rma=self.rma,
            goodwill=self.goodwill,
            reason=self.reason,
            **more,
        )


@dataclass
class Kept:
    """What the first request with a key was, and what it was answered (None: nobody heard)."""

    request: Request
    answer: dict[str, Any] | None = None
    refund: str = ""


@dataclass
class Desk:
    """The ways into the desk, and what was asked of it."""

    known: Known
    send_order: Callable[..., Any]
    send_rma: Callable[..., Any]
    shift: Callable[[float], None]
    people: dict[str, tuple[int, str]]
    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    is_late: bool = False

    # --- Messages ------------------------------------------------------------------------------

    def tell_order(self, order: Order, snapshot: dict[str, Any]) -> None:
        """The order system sends a snapshot."""
        answer = self.send_order(snapshot)
        assert answer.status_code == 200, answer.content
        self.known.orders[order.identifier] = order

    def tell_return(self, told: Return, message: dict[str, Any]) -> None:
        """Optoro sends a message of a return."""
        body = builders.body(message)
        self.known.returns[told.identifier] = told
        self.known.sent[body] += 1
        with self.may_die():
            assert self.send_rma(message).status_code == 200
            self.known.answered[body] += 1

    # --- Work ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def may_die(self) -> Iterator[None]:
        """Whoever does this may die of it, and the others go on."""
        try:
            yield
        except Killed:
            self.known.weather.seen["died"] += 1

    def process(self, limit: int) -> int:
        """A worker takes in messages."""
        with self.may_die():
            return process_due(limit)
        return 1

    def work(self, limit: int) -> int:
        """A worker does jobs."""
        with self.may_die():
            return run_due(limit)
        return 1

    def meanwhile(self) -> None:
        """While a call of the gateway takes longer than its job's lease, others go on."""
        if self.is_late:
            return
        self.is_late = True
        try:
            self.shift(200)
            self.process(10)
            self.work(10)
            self.tell_what_is_unknown()
        finally:
            self.is_late = False

    # --- Refunds that somebody asks for --------------------------------------------------------

    def ask(self, request: Request) -> None:
        """Asks for a refund, and compares the answer with the first one of its key."""
        first = self.kept.get((request.origin, request.key))
        self.known.weather.died_at = ""
        try:
            made = self._made(request)
        except KeyReused:
            assert first is not None
            assert first.request != replace(request, who=first.request.who)
            self.known.weather.seen["key reused"] += 1
        except Refused:
            assert first is None, f"{request} was met before, and is refused now"
            self.known.weather.seen["request refused"] += 1
        except Killed:
            if self.known.weather.died_at == "refund.request_committed":
                self.kept[request.origin, request.key] = Kept(request)
        else:
            self._compare(request, first, made)

    def _made(self, request: Request) -> Made:
        user_id = self.people[request.who][0] if request.who else None
        return make_refund(
            wish=request.wish(),
            key=request.key,
            origin=request.origin,
            source=Source.STAFF if user_id else Source.API,
            actor=staff(user_id) if user_id else machine("oms"),
            answer_of=lambda refund: {"identifier": refund.identifier, "status": refund.status},
        )

    def _compare(self, request: Request, first: Kept | None, made: Made) -> None:
        assert made.answer["identifier"] == made.refund.identifier
        assert made.is_new == (first is None), request
        if first is None:
            kept = Kept(request, made.answer, made.refund.identifier)
            self.kept[request.origin, request.key] = kept
            self.known.weather.seen[f"{request.origin} refund made"] += 1
            return
        assert first.request == replace(request, who=first.request.who), "another wish was met"
        self.known.weather.seen["key repeated"] += 1
        if first.answer is None:
            first.answer, first.refund = made.answer, made.refund.identifier
        assert (made.answer, made.refund.identifier) == (first.answer, first.refund)

    # --- People who decide ---------------------------------------------------------------------

    def approve(self, refund: Refund, who: str) -> None:
        """A person approves; who may not, is refused."""
        user_id, role = self.people[who]
        is_own = refund.source == Source.STAFF and refund.author_id == user_id
        cents = refund.total_refund_amount_cents
        may = not is_own and within(cents, self.known.limits.of(role))
        seen = self.known.weather.seen
        try:
            approve_refund(refund=refund, actor=staff(user_id))
        except Refused:
            seen["own approval refused" if is_own else "approval refused"] += 1
        except Killed:
            assert may
        else:
            assert may, f"{who} approved {refund} of {cents}"
            seen["approved by a person"] += 1

    def cancel(self, refund: Refund, who: str) -> None:
        """A person takes a refund back, as long as its payment has not begun."""
        may = refund.status in ("proposed", "approved")
        try:
            cancel_refund(refund=refund, actor=staff(self.people[who][0]), reason="a mistake")
        except Refused:
            assert not may
        else:
            assert may
            self.known.weather.seen["canceled by a person"] += 1

    def ask_for_cancellation(self, told: Return) -> None:
        """A person asks for a return's cancellation."""
        rma = Rma.objects.filter(rma_identifier=told.identifier).first()
        if rma is None:
            return
        user_id = self.people["ana"][0]
        with self.may_die(), contextlib.suppress(Refused):
            request_cancellation(
                rma=rma, reason="changed her mind", actor=staff(user_id), requester="ana"
            )
            told.is_asked = True
            self.known.stopped.add(told.identifier)
            self.known.weather.seen["cancellation asked for"] += 1

    def withdraw_cancellation(self, told: Return) -> None:
        """A person takes that back."""
        rma = Rma.objects.filter(rma_identifier=told.identifier).first()
        if rma is None:
            return
        with self.may_die(), contextlib.suppress(Refused):
            withdraw_cancellation(rma=rma, reason="no", actor=staff(self.people["ana"][0]))
            told.is_asked = False
            self.note_what_is_stopped()

    def note_what_is_stopped(self) -> None:
        """Notes of which returns nothing may begin to be paid from now on."""
        processed = Delivery.objects.filter(state="processed").values_list("body", flat=True)
        bodies = {bytes(body) for body in processed}
        for told in self.known.returns.values():
            is_canceled = any(
                message["status"] == "CANCELED" and builders.body(message) in bodies
                for message in told.messages
            )
            if told.is_asked or is_canceled:
                self.known.stopped.add(told.identifier)
            else:
                self.known.stopped.discard(told.identifier)

    # --- The word of a person ------------------------------------------------------------------

    def tell(self, payout: Payout, *, is_paid: bool) -> None:
        """A person says what became of a payment: the truth by the gateway's book, and of one that
        is to be made by hand, what they did."""
        key = str(payout.idempotency_key)
        weather = self.known.weather
        booked = weather.book.get(key)
        if payout.gateway == "manual":
            outcome = GatewayOutcome.PAID if is_paid else GatewayOutcome.DECLINED
            reference = f"hand-{key[:8]}"
        elif booked:
            outcome, reference = booked.outcome, booked.reference
        else:
            outcome, reference = GatewayOutcome.DECLINED, ""
        if outcome not in (GatewayOutcome.PAID, GatewayOutcome.DECLINED):
            return
        may = payout.status in ("pending", "unknown")
        with contextlib.suppress(Refused):
            told = self._tell(payout, outcome, reference)
            assert told.status == outcome.value
            assert may or payout.status == outcome.value
            weather.seen[f"told {outcome}"] += 1
            if payout.gateway == "manual" and may and is_paid:
                self.known.told[key] = payout.amount_cents, reference
            assert self._tell(payout, outcome, reference).status == outcome.value
            return
        assert not may, f"the truth about {payout} was refused"

    def _tell(self, payout: Payout, outcome: GatewayOutcome, reference: str) -> Payout:
        return tell_outcome(
            payout=payout,
            outcome=outcome,
            reference=reference,
            note="looked it up",
            actor=staff(self.people["lea"][0]),
        )

    def tell_what_is_unknown(self) -> None:
        """A person looks up every payment that is unknown."""
        for payout in Payout.objects.filter(status="unknown").order_by("pk"):
            self.tell(payout, is_paid=True)

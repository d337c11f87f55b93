"""A gateway that moves no money: it keeps a book, honours keys, and can be told to misbehave.

What the n-th refund call of a key does is the n-th word of a script; the last word repeats. The
script is the order's own in the account's `scripts`, else the account's `script`, else the one that
belongs to the ending of the order identifier, else `ok`.
"""

import time
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.common import fault_points
from apps.common.http import refuse_open_transaction
from apps.payments.answers import not_sent, other_amount, unknown
from apps.payments.models import SimulatedCall, SimulatedPayment
from apps.payments.queries import Account, NotSetUp, account_of
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest

# For demos: what an order identifier may end in. A lost order stays lost for ever; the others that
# give no clear answer give one when they are asked again.
ENDINGS: dict[str, tuple[str, ...]] = {
    "-DECLINE": ("declined",),
    "-TIMEOUT": ("timeout_after", "ok"),
    "-LOST": ("timeout_before",),
    "-SLOW": ("slow",),
    "-GARBAGE": ("garbage", "ok"),
    "-PENDING": ("pending",),
}
_SLOW_SECONDS = 2.0
_TIMED_OUT = unknown("no answer in time")
_GARBAGE = unknown("the answer cannot be understood")
_OUTCOMES = {"declined": GatewayOutcome.DECLINED, "pending": GatewayOutcome.PENDING}


class SimulatedGateway:
    """Stands in for a payment provider; its book is the test of "exactly one payment"."""

    is_told = False
    account = ""

    def __init__(self, store_id: int = 0) -> None:
        self.store_id = store_id

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Pays by writing into the book, once per key, unless it is told to misbehave."""
        refuse_open_transaction("a call of the payment gateway")
        try:
            account = account_of(store_id=self.store_id, gateway="simulated")
        except NotSetUp as error:
            return not_sent(str(error))
        behaviour = _record_call(request.key, "refund", _script(account, request.order_identifier))
        if behaviour == "timeout_before":
            return _TIMED_OUT
        if behaviour == "garbage":
            return _GARBAGE
        if behaviour == "slow":
            time.sleep(float(account.settings.get("slow_seconds", _SLOW_SECONDS)))
        result = self._pay_once(request, behaviour)
        return _TIMED_OUT if behaviour == "timeout_after" else result

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Looks the key up in the book; what was pending is decided now."""
        refuse_open_transaction("a call of the payment gateway")
        try:
            account = account_of(store_id=self.store_id, gateway="simulated")
        except NotSetUp as error:
            return not_sent(str(error))
        _record_call(request.key, "find", ("",))
        SimulatedPayment.objects.filter(key=request.key, outcome=GatewayOutcome.PENDING).update(
            outcome=account.settings.get("pending_becomes", GatewayOutcome.PAID)
        )
        payment = SimulatedPayment.objects.filter(key=request.key).first()
        return _answer(payment) if payment else None

    def _pay_once(self, request: PayoutRequest, behaviour: str) -> GatewayResult:
        payment = SimulatedPayment.objects.filter(key=request.key).first()
        if payment is None:
            payment = self._book(request, _OUTCOMES.get(behaviour, GatewayOutcome.PAID))
        else:
            SimulatedPayment.objects.filter(pk=payment.pk).update(calls=F("calls") + 1)
        if (payment.amount_cents, payment.currency) != (request.amount_cents, request.currency):
            return unknown(
                other_amount(
                    ours_cents=request.amount_cents,
                    theirs_cents=payment.amount_cents,
                    currency=payment.currency,
                )
            )
        return _answer(payment)

    def _book(self, request: PayoutRequest, outcome: GatewayOutcome) -> SimulatedPayment:
        declined = outcome == GatewayOutcome.DECLINED
        try:
            with transaction.atomic():
                payment = SimulatedPayment.objects.create(
                    key=request.key,
                    outcome=outcome,
                    reference="" if declined else f"sim_{request.key[:12]}",
                    amount_cents=request.amount_cents,
                    currency=request.currency,
                    destination=request.destination,
                    recipient_email=request.recipient_email,
                    order_identifier=request.order_identifier,
                    refund_identifier=request.refund_identifier,
                )
                fault_points.reach("gateway.booking")
        except IntegrityError:
            # A call of the same key was quicker.
            return SimulatedPayment.objects.get(key=request.key)
        fault_points.reach("gateway.booked")
        return payment


def _script(account: Account, order_identifier: str) -> Sequence[str]:
    scripts = account.settings.get("scripts", {})
    if order_identifier in scripts:
        return list(scripts[order_identifier])
    if "script" in account.settings:
        return list(account.settings["script"])
    return next(
        (script for ending, script in ENDINGS.items() if order_identifier.endswith(ending)),
        ("ok",),
    )


def _record_call(key: str, method: str, script: Sequence[str]) -> str:
    """Writes the call down and returns the word of `script` that is its turn."""
    while True:
        number = SimulatedCall.objects.filter(key=key, method=method).count() + 1
        behaviour = script[min(number, len(script)) - 1]
        try:
            with transaction.atomic():
                SimulatedCall.objects.create(
                    key=key, number=number, method=method, behaviour=behaviour
                )
        except IntegrityError:
            continue  # another call of the same key took this number
        return behaviour


def _answer(payment: SimulatedPayment) -> GatewayResult:
    outcome = GatewayOutcome(payment.outcome)
    if outcome == GatewayOutcome.DECLINED:
        return GatewayResult(outcome, reason="insufficient funds")
    if outcome == GatewayOutcome.PENDING:
        return GatewayResult(outcome, payment.reference, "taken, not decided yet")
    return GatewayResult(outcome, payment.reference, amount_cents=payment.amount_cents)

"""A gateway that moves no money: it keeps a book, honours keys, and can be told to misbehave.

For demos and tests an order identifier that ends in one of these words chooses what happens:
`-DECLINE` is declined, `-TIMEOUT` is paid but the answer gets lost, `-LOST` never arrives and the
answer gets lost.
"""

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.common.http import refuse_open_transaction
from apps.payments.models import SimulatedPayment
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest

_TIMED_OUT = GatewayResult(GatewayOutcome.UNKNOWN, reason="no answer in time")


class SimulatedGateway:
    """Stands in for a payment provider; its book is the test of "exactly one payment"."""

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Pays by writing into the book, once per key."""
        refuse_open_transaction("a call of the payment gateway")
        known = SimulatedPayment.objects.filter(key=request.key).first()
        if known:
            SimulatedPayment.objects.filter(pk=known.pk).update(calls=F("calls") + 1)
            return self._answer(known)
        if request.order_identifier.endswith("-LOST"):
            return _TIMED_OUT
        payment = self._book(request)
        if request.order_identifier.endswith("-TIMEOUT"):
            return _TIMED_OUT
        return self._answer(payment)

    def find(self, key: str) -> GatewayResult | None:
        """Looks the key up in the book."""
        refuse_open_transaction("a call of the payment gateway")
        payment = SimulatedPayment.objects.filter(key=key).first()
        return self._answer(payment) if payment else None

    def _book(self, request: PayoutRequest) -> SimulatedPayment:
        declined = request.order_identifier.endswith("-DECLINE")
        try:
            with transaction.atomic():
                return SimulatedPayment.objects.create(
                    key=request.key,
                    outcome=GatewayOutcome.DECLINED if declined else GatewayOutcome.PAID,
                    reference="" if declined else f"sim_{request.key[:12]}",
                    amount_cents=request.amount_cents,
                    currency=request.currency,
                    destination=request.destination,
                    recipient_email=request.recipient_email,
                    order_identifier=request.order_identifier,
                    refund_identifier=request.refund_identifier,
                )
        except IntegrityError:
            return SimulatedPayment.objects.get(key=request.key)

    def _answer(self, payment: SimulatedPayment) -> GatewayResult:
        reason = "insufficient funds" if payment.outcome == GatewayOutcome.DECLINED else ""
        return GatewayResult(GatewayOutcome(payment.outcome), payment.reference, reason)

"""A gateway that only takes note: a person, or the order system, pays and says so."""

from apps.common.http import refuse_open_transaction
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest

_TAKEN = GatewayResult(GatewayOutcome.PENDING, reason="waits for a person to pay it by hand")


class ManualGateway:
    """Moves no money. What became of a payment is told to the desk, never asked here."""

    is_told = True
    account = ""

    def __init__(self, store_id: int = 0) -> None:
        self.store_id = store_id

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Takes the payment for somebody to make."""
        refuse_open_transaction("a call of the payment gateway")
        return _TAKEN

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Knows no more than when it took it."""
        refuse_open_transaction("a call of the payment gateway")
        return _TAKEN

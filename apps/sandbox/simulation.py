"""The simulated Optoro without its HTTP: takes snapshots, runs returns, sends webhooks."""

import hashlib
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from apps.common import http
from apps.common.clock import now
from apps.sandbox import returns
from apps.sandbox.closing import newly_refunded, note_overpaid
from apps.sandbox.courier import Courier, Message
from apps.sandbox.faults import Faults
from apps.sandbox.fields import Problem
from apps.sandbox.options import Options
from apps.sandbox.refund_rules import check_against_books
from apps.sandbox.returns import ReturnItem, ReturnRequest
from apps.sandbox.state import Books, JsonObject, Rma
from apps.sandbox.tokens import Tokens
from apps.sandbox.validation import validate_orders

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IDENTIFIER_LENGTH = 10


class Simulation:
    """One simulated Optoro. Its methods may be called from any thread."""

    def __init__(self, options: Options, desk_transport: http.BaseTransport | None = None) -> None:
        self.options = options
        self.books = Books()
        self.faults = Faults(options.faults, options.seed)
        self.tokens = Tokens(
            options.client_id, options.client_secret, self.faults, options.token_lifetime
        )
        self.courier = Courier(self.books, self.faults, options, desk_transport)
        self.stopping = threading.Event()
        self.play_report: JsonObject = {}
        # A second run against the same desk must not repeat the identifiers of the first one.
        self.run_identifier = f"{time.time_ns() // 1_000_000:x}"
        self._rmas_named = 0
        self._answering = 0

    # --- what the desk sends ----------------------------------------------------------------

    def receive_orders(self, body: object) -> list[Problem]:
        """Takes the body of `POST /returns_portal_orders`: all its orders or, if wrong, none.

        Returns what is wrong with it. Refunds that complete a return close its RMA.
        """
        problems = validate_orders(body)
        if problems:
            return problems
        orders: list[JsonObject] = body["returns_portal_order"]["orders"]  # type: ignore[index]
        with self.books.lock:
            problems = check_against_books(orders, self.books)
            if problems:
                return problems
            for order in orders:
                self.books.store_order(order)
                note_overpaid(self.books, order["identifier"])
            for order in orders:
                for rma in newly_refunded(self.books, order["identifier"]):
                    rma.status = "REFUNDED"
                    self._tell(rma, "refunded")
        return []

    # --- what shoppers, carriers and warehouses do ------------------------------------------

    def start_return(
        self,
        order_identifier: str,
        items: Mapping[str, int] | Sequence[Mapping[str, object]],
        return_method: str = "mail-back",
        *,
        gift_refund_only: bool = False,
        giftee_email: str | None = None,
        return_reason: str = "Changed Mind",
        return_shipping_cost_cents: int = 0,
        unseen_orders: dict[str, JsonObject] | None = None,
    ) -> str:
        """Starts a return and sends its first webhook; returns the RMA's identifier.

        `items` is quantity by line, or the list that `POST /control/rmas` takes. Raises
        ReturnRefused for what the portal would not offer.
        """
        request = ReturnRequest(
            items=_return_items(order_identifier, items),
            return_method=return_method,
            gift_refund_only=gift_refund_only,
            giftee_email=giftee_email,
            return_reason=return_reason,
            return_shipping_cost_cents=return_shipping_cost_cents,
        )
        with self.books.lock:
            rma = returns.build_rma(self.books, request, self._new_identifier(), unseen_orders)
            self.books.store_rma(rma)
            self._send(rma, "created")
            return rma.identifier

    def move(self, rma_identifier: str, event: str, units: Iterable[int] | None = None) -> None:
        """Lets something happen to a return and sends the webhook; see `returns.EVENTS`.

        `units` are places in the RMA's items; without it all units are meant. Raises KeyError for
        an unknown RMA and ReturnRefused for an event that cannot be.
        """
        with self.books.lock:
            rma = self.books.rmas[rma_identifier]
            returns.move(rma, event, units)
            self._tell(rma, event)

    def rma(self, rma_identifier: str) -> JsonObject:
        """Returns an RMA as the next webhook would send it."""
        with self.books.lock:
            return returns.snapshot(self.books.rmas[rma_identifier])

    def _new_identifier(self) -> str:
        self._rmas_named += 1
        text = f"{self.options.seed}:{self.run_identifier}:{self._rmas_named}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
        letters = []
        for _ in range(_IDENTIFIER_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return "".join(letters)

    def _tell(self, rma: Rma, event: str) -> None:
        """Dates a change of an RMA and sends it. Holds the lock."""
        if not (event in returns.PROGRESS and self.faults.strikes("same_timestamps")):
            returns.touch(rma, now())
        self._send(rma, event)

    def _send(self, rma: Rma, event: str) -> None:
        document = returns.snapshot(rma, forget_tracking=self.faults.strikes("forgetful"))
        self.courier.post(json.dumps(document).encode(), event, rma.identifier)

    # --- webhooks by hand -------------------------------------------------------------------

    def send_webhook(self, body: bytes | str | JsonObject, what: str = "raw") -> Message:
        """Queues a webhook with any body at all, well formed or not."""
        if isinstance(body, dict):
            body = json.dumps(body)
        return self.courier.post(body.encode() if isinstance(body, str) else body, what)

    def pending_webhooks(self) -> list[Message]:
        """Returns the webhooks that the desk has not taken yet, in the order they were made."""
        return self.courier.pending()

    def deliver(self, message: Message) -> int | None:
        """Tries once, now and in this thread, to deliver a webhook; returns the answer's status.

        None means that no answer came. A webhook already taken is delivered again: a duplicate.
        """
        return self.courier.deliver(message)

    # --- waiting ----------------------------------------------------------------------------

    def answering(self, change: int) -> None:
        """Counts the desk's calls that are being answered just now."""
        with self.books.lock:
            self._answering += change

    def wait_until_idle(self, timeout: float = 10.0, quiet: float = 0.0) -> bool:
        """Waits until every webhook is taken or lost; tells whether that came about in time.

        With `quiet` it also has to have stayed so for that many seconds, without a call of the
        desk: the desk may need a moment before it answers a webhook with a snapshot.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if not self.courier.wait_for(self._is_idle, max(0.0, left)):
                return False
            if not quiet:
                return True
            before = self._activity()
            if self.stopping.wait(quiet) or time.monotonic() > deadline:
                return self._is_idle() and self._activity() == before
            if self._is_idle() and self._activity() == before:
                return True

    def _is_idle(self) -> bool:
        with self.books.lock:
            return not self.courier.pending() and self._answering == 0

    def _activity(self) -> tuple[int, int]:
        with self.books.lock:
            return self.books.counters["requests"], self.books.counters["webhooks"]


def _return_items(
    order_identifier: str, items: Mapping[str, int] | Sequence[Mapping[str, object]]
) -> list[ReturnItem]:
    if isinstance(items, Mapping):
        return [ReturnItem(order_identifier, line, count) for line, count in items.items()]
    return [_return_item(order_identifier, item) for item in items]


def _return_item(order_identifier: str, item: Mapping[str, object]) -> ReturnItem:
    quantity = item.get("quantity", 1)
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise returns.ReturnRefused(f"quantity {quantity!r} is not a whole number")
    line = item.get("order_line_item_identifier")
    if not isinstance(line, str):
        raise returns.ReturnRefused("order_line_item_identifier is missing")
    # A return can hold goods of several orders; each element may name its own.
    return ReturnItem(str(item.get("order_identifier", order_identifier)), line, quantity)

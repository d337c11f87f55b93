"""The simulated Optoro without its HTTP: takes snapshots, runs returns, sends webhooks."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from apps.common import http
from apps.common.clock import now
from apps.sandbox import exchanging, returns, watching
from apps.sandbox.closing import is_complete, newly_refunded, note_overpaid
from apps.sandbox.courier import Courier, Message
from apps.sandbox.desk_calls import DeskFailed
from apps.sandbox.exchanging import ExchangeTerms
from apps.sandbox.faults import Faults
from apps.sandbox.fields import Problem
from apps.sandbox.messages import overview, snapshot
from apps.sandbox.options import Options
from apps.sandbox.portal import Portal
from apps.sandbox.refund_rules import check_against_books
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.returns import ReturnItem, ReturnRequest
from apps.sandbox.state import REFUND, Books, JsonObject, Rma
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
        self.portal = Portal(self.books, options, desk_transport)
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
                for refund in self.books.store_order(order):
                    watching.note_new_refund(self.books, order["identifier"], refund)
                note_overpaid(self.books, order["identifier"])
            for order in orders:
                for rma in newly_refunded(self.books, order["identifier"]):
                    self._close(rma)
        return []

    # --- what shoppers, carriers and warehouses do ------------------------------------------

    def start_return(
        self,
        order_identifier: str,
        items: Mapping[str, int] | Sequence[Mapping[str, object]],
        return_method: str = "mail-back",
        *,
        terms: ExchangeTerms | None = None,
        is_told_first: bool = False,
        does_place: bool = True,
        unseen_orders: dict[str, JsonObject] | None = None,
        **details: Any,
    ) -> str:
        """Starts a return and sends its first webhook; returns the RMA's identifier.

        `items` is quantity by line, or the list that `POST /control/rmas` takes; `details` are
        further fields of ReturnRequest. The order of an instant exchange is placed first, unless
        `is_told_first`; without `does_place` that is left to `place_exchange`. Raises
        ReturnRefused for what the portal would not offer, DeskFailed where the desk did not say.
        """
        request = ReturnRequest(
            items=_return_items(order_identifier, items), return_method=return_method, **details
        )
        chosen: dict[str, JsonObject] = {}
        order = self._exchanged_order(request, unseen_orders or {})
        if order:
            chosen = self.portal.choices(order, request.exchange_items)
        with self.books.lock:
            rma = returns.build_rma(self.books, request, self._new_identifier(), unseen_orders)
            if order:
                self._plan_exchange(rma, order, chosen, terms or ExchangeTerms())
                rma.is_draft = rma.status == "CREATED" and not is_told_first
            self.books.store_rma(rma)
            if not rma.is_draft:
                self._send(rma, "created")
        if order and rma.status == "CREATED" and does_place:
            self._place_patiently(rma.identifier)
        return rma.identifier

    def _exchanged_order(
        self, request: ReturnRequest, unseen: dict[str, JsonObject]
    ) -> JsonObject | None:
        """Returns the order of which something is exchanged, if anything is."""
        if not request.exchange_items:
            return None
        with self.books.lock:
            return returns.find_order(self.books, request.exchange_items[0], unseen)

    def _plan_exchange(
        self, rma: Rma, order: JsonObject, chosen: dict[str, JsonObject], terms: ExchangeTerms
    ) -> None:
        rma.plan = exchanging.make_plan(order, rma, chosen, terms)
        rma.bonus_credit_cents = rma.plan.bonus_cents
        exchanging.set_figures(rma, rma.plan, rma.plan.quote_cents)
        if exchanging.is_standard(rma):
            rma.status = "PENDING_EXCHANGE"

    def _place_patiently(self, rma_identifier: str) -> None:
        """Places an exchange order as the portal does: the same request again, with growing
        pauses, where the desk fails."""
        for attempt in range(1, self.options.exchange_attempts + 1):
            try:
                self.place_exchange(rma_identifier)
            except DeskFailed:
                pause = self.options.retry_base * 2 ** (attempt - 1)
                is_last = attempt == self.options.exchange_attempts
                if is_last or self.stopping.wait(min(pause, self.options.retry_cap)):
                    raise
            else:
                return

    def place_exchange(self, rma_identifier: str) -> None:
        """Asks the desk once for an RMA's exchange order, and tells the desk of the RMA then.

        Raises DeskFailed where the same request may be made again. Where the desk refuses, raises
        ReturnRefused, and a return of which nobody was told is forgotten.
        """
        rma = self.books.rmas[rma_identifier]
        if rma.status == "CANCELED":
            raise ReturnRefused(f"RMA {rma_identifier} is canceled")
        try:
            self.portal.place(rma)
        except ReturnRefused:
            with self.books.lock:
                if rma.is_draft:
                    self.books.drop_rma(rma)
            raise
        with self.books.lock:
            if rma.is_draft:
                rma.is_draft = False
                self._send(rma, "created")
            else:
                self._tell(rma, "exchange")
            self._close_if_complete(rma)

    def repeat_exchange(self, rma_identifier: str, is_other: bool = False) -> None:
        """Makes the request for an exchange order again, or another one for the same order."""
        with self.books.lock:
            rma = self.books.rmas[rma_identifier]
            names = [unit.exchange_order_identifier for unit in rma.exchange_units]
            exchange = self.books.exchange_orders.get(names[0] or "") if names else None
        if exchange is None:
            raise ReturnRefused(f"RMA {rma_identifier} has no exchange order")
        if is_other:
            self.portal.ask_another(exchange)
        else:
            self.portal.repeat(exchange)

    def move(self, rma_identifier: str, event: str, units: Iterable[int] | None = None) -> None:
        """Lets something happen to a return and sends the webhook; see `returns.EVENTS`.

        `units` are places in the RMA's items; without it all units are meant. Raises KeyError for
        an unknown RMA and ReturnRefused for an event that cannot be. Those of PORTAL_EVENTS may
        ask the desk, and raise DeskFailed where it does not answer.
        """
        if event in PORTAL_EVENTS:
            PORTAL_EVENTS[event](self, rma_identifier)
            return
        with self.books.lock:
            rma = self.books.rmas[rma_identifier]
            returns.move(rma, event, units)
            self._tell(rma, event)
            self._close_if_complete(rma)

    def convert(self, rma_identifier: str) -> None:
        """Turns an exchange that does not come about into a refund, and tells the desk."""
        with self.books.lock:
            rma = self.books.rmas[rma_identifier]
            exchanging.convert(rma)
            self._tell(rma, "converted")
            self._close_if_complete(rma)

    def note_overdue(self) -> None:
        """Writes down what the desk should have sent by now."""
        with self.books.lock:
            watching.note_overdue(self.books, now(), self.options.snapshot_patience)

    def rma(self, rma_identifier: str) -> JsonObject:
        """Returns an RMA as `/state` shows it: what the messages say, and nothing forgotten."""
        with self.books.lock:
            return overview(self.books.rmas[rma_identifier])

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

    def _close_if_complete(self, rma: Rma) -> None:
        if is_complete(self.books, rma):
            self._close(rma)

    def _close(self, rma: Rma) -> None:
        rma.status = "REFUNDED"
        self._tell(rma, "refunded")

    def _send(self, rma: Rma, event: str) -> None:
        document = snapshot(rma, forget_tracking=self.faults.strikes("forgetful"))
        rma.messages += 1
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
        raise ReturnRefused(f"quantity {quantity!r} is not a whole number")
    line = item.get("order_line_item_identifier")
    if not isinstance(line, str):
        raise ReturnRefused("order_line_item_identifier is missing")
    # A return can hold goods of several orders; each element may name its own.
    return ReturnItem(
        str(item.get("order_identifier", order_identifier)),
        line,
        quantity,
        str(item.get("refund_type", REFUND)),
        str(item.get("variant", exchanging.EVEN)),
    )


PORTAL_EVENTS: dict[str, Callable[[Simulation, str], None]] = {
    "exchange": Simulation.place_exchange,
    "exchange_again": Simulation.repeat_exchange,
    "exchange_other": lambda simulation, rma: simulation.repeat_exchange(rma, is_other=True),
    "convert": Simulation.convert,
}

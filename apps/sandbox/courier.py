"""Carries webhooks to the desk: several at once, each until it is taken, however often that needs.

Delivery is at-least-once, as with Optoro (contract §4): 5xx, time-outs and broken connections are
tried again with growing pauses for up to 32 hours, 401 a few times with fresh credentials, and any
other answer loses the message.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from apps.common import http
from apps.common.clock import now
from apps.sandbox.desk_calls import webhook_client
from apps.sandbox.faults import Faults, dice
from apps.sandbox.options import Options
from apps.sandbox.state import Books

PATH = "/optoro/rmas"
API_VERSION = "3"
KEPT_ATTEMPTS = 1000
KEPT_PARKED = 500
ATTEMPTS_AT_401 = 4


@dataclass
class Message:
    """One webhook on its way. `due` and `born` are on the monotonic clock."""

    number: int
    body: bytes
    what: str
    rma_identifier: str | None
    created_at: datetime
    born: float
    due: float
    state: str = "waiting"
    attempts: int = 0
    unauthorized: int = 0
    last_answer: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try to deliver, and what came of it. `status` is None when no answer came."""

    at: datetime
    number: int
    attempt: int
    what: str
    rma_identifier: str | None
    status: int | None
    answer: str
    milliseconds: int


@dataclass
class _Queue:
    """Messages by when they are due. An entry whose time no longer matches is stale."""

    heap: list[tuple[float, int, Message]] = field(default_factory=list)

    def push(self, message: Message) -> None:
        heapq.heappush(self.heap, (message.due, message.number, message))

    def next(self) -> Message | None:
        """Returns the message due first, without taking it."""
        while self.heap:
            due, _, message = self.heap[0]
            if message.state == "waiting" and message.due == due:
                return message
            heapq.heappop(self.heap)
        return None


class Courier:
    """Queue, worker threads and log of the webhooks. Shares the one lock of the books."""

    def __init__(
        self,
        books: Books,
        faults: Faults,
        options: Options,
        transport: http.BaseTransport | None = None,
    ) -> None:
        self._books = books
        self._faults = faults
        self._options = options
        self._changed = threading.Condition(books.lock)
        self._queue = _Queue()
        self._open: dict[int, Message] = {}
        self._held: dict[int, Message] = {}
        self._count = 0
        self._dice = dice(options.seed, "retry pauses")
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.attempts: deque[Attempt] = deque(maxlen=KEPT_ATTEMPTS)
        self.parked: deque[Message] = deque(maxlen=KEPT_PARKED)
        self._client = webhook_client(options, transport)

    # --- putting in -----------------------------------------------------------------------

    def post(self, body: bytes, what: str, rma_identifier: str | None = None) -> Message:
        """Queues a webhook, or two where the fault of duplicates strikes; returns the first."""
        held = rma_identifier is not None and self._faults.strikes("reorder")
        message = self._add(body, what, rma_identifier, held)
        if self._faults.strikes("duplicates"):
            self._add(body, f"{what}, again", rma_identifier, held=False)
        return message

    def _add(self, body: bytes, what: str, rma_identifier: str | None, held: bool) -> Message:
        moment = time.monotonic()
        wait = self._faults.amount("hold_seconds") if held else self._faults.up_to("delay")
        with self._changed:
            self._count += 1
            message = Message(
                number=self._count,
                body=body,
                what=what,
                rma_identifier=rma_identifier,
                created_at=now(),
                born=moment,
                due=moment + wait,
            )
            self._open[message.number] = message
            if held:
                self._held[message.number] = message
            self._queue.push(message)
            self._books.counters["webhooks"] += 1
            self._changed.notify_all()
        return message

    # --- carrying -------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the worker threads; none of them keeps the process alive."""
        for n in range(self._options.workers):
            thread = threading.Thread(target=self._work, name=f"courier-{n}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stops carrying. What is under way is abandoned rather than waited for."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=0.2)
        self._client.close()

    def _work(self) -> None:
        while (message := self._take()) is not None:
            try:
                self.deliver(message)
            except RuntimeError:  # the client was closed under a call: the sandbox is stopping
                if not self._stopping:
                    raise

    def _take(self) -> Message | None:
        """Waits for a message that is due and takes it; None means that the courier stops."""
        with self._changed:
            while not self._stopping:
                message = self._queue.next()
                if message is None:
                    self._changed.wait()
                    continue
                pause = message.due - time.monotonic()
                if pause <= 0:
                    message.state = "flying"
                    return message
                self._changed.wait(pause)
            return None

    def deliver(self, message: Message) -> int | None:
        """Tries once to deliver a message and returns the status of the answer, if one came.

        A message that was taken already may be delivered again: that is a duplicate.
        """
        started = time.monotonic()
        status, answer = self._call(message)
        milliseconds = round((time.monotonic() - started) * 1000)
        with self._changed:
            message.attempts += 1
            message.last_answer = answer
            self._books.counters["attempts"] += 1
            self.attempts.append(
                Attempt(
                    at=now(),
                    number=message.number,
                    attempt=message.attempts,
                    what=message.what,
                    rma_identifier=message.rma_identifier,
                    status=status,
                    answer=answer,
                    milliseconds=milliseconds,
                )
            )
            if message.number in self._open:
                self._settle(message, status)
            self._changed.notify_all()
        return status

    def _call(self, message: Message) -> tuple[int | None, str]:
        try:
            response = self._client.post(
                PATH, content=message.body, headers={"X-Optiturn-Api-Version": API_VERSION}
            )
        except http.TimeoutException:
            return None, "no answer in time"
        except http.TransportError as error:
            return None, f"{type(error).__name__}: {error}"
        return response.status_code, str(response.status_code)

    def _settle(self, message: Message, status: int | None) -> None:
        """Decides what becomes of a message after an attempt. Holds the lock."""
        if status is not None and 200 <= status < 300:
            self._finish(message, "delivered")
            self._release_overtaken(message)
        elif status == 401:
            message.unauthorized += 1
            if message.unauthorized >= ATTEMPTS_AT_401:
                self._park(message)
            else:
                self._retry(message)
        elif status is None or status >= 500:
            if time.monotonic() - message.born >= self._options.retry_for:
                self._park(message)
            else:
                self._retry(message)
        else:
            self._park(message)

    def _finish(self, message: Message, state: str) -> None:
        message.state = state
        del self._open[message.number]
        self._held.pop(message.number, None)
        self._books.counters[state] += 1

    def _park(self, message: Message) -> None:
        self._finish(message, "lost")
        self.parked.append(message)

    def _retry(self, message: Message) -> None:
        """Puts a message back with a pause that doubles each time, a bit random, up to a cap."""
        pause = self._options.retry_base * 2 ** min(message.attempts - 1, 30)
        pause = min(pause, self._options.retry_cap) * self._dice.uniform(0.8, 1.2)
        message.state = "waiting"
        message.due = time.monotonic() + pause
        self._queue.push(message)
        self._books.counters["retries"] += 1

    def _release_overtaken(self, passed: Message) -> None:
        """Lets go of held messages that a later one of the same RMA has now overtaken."""
        for message in list(self._held.values()):
            is_overtaken = message.number < passed.number
            if is_overtaken and message.rma_identifier == passed.rma_identifier:
                del self._held[message.number]
                if message.state == "waiting":
                    message.due = time.monotonic()
                    self._queue.push(message)

    # --- looking --------------------------------------------------------------------------

    def pending(self) -> list[Message]:
        """Returns the messages that have not been taken, in the order they were made."""
        with self._changed:
            return list(self._open.values())

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Waits until `condition`, looked at after every attempt, holds; tells whether it did."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

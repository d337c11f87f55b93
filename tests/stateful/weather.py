"""What goes wrong around the desk: a gateway with a book and moods of its own, workers that die at
named points, and an Optoro that loses answers."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from apps.common import fault_points
from apps.common.http import OpenTransaction, Response, TransportError, refuse_open_transaction
from apps.payments import gateways
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest
from tests.support.optoro import FakeOptoro

# What the gateway does at its next calls. "before" and "after" it has written into its book.
MOODS = (
    "ok",
    "declined",
    "pending",
    "lost_before",
    "lost_after",
    "breaks_before",
    "breaks_after",
    "dies_before",
    "dies_after",
    "late_before",
    "late_after",
)
OPTORO_MOODS = ("refuses", "loses_answer", "dies_before", "dies_after")
# The gateway here has a book of its own: its moods die where the simulated one's points are.
POINTS = tuple(name for name in fault_points.POINTS if not name.startswith("gateway."))


class Killed(BaseException):
    """The process dies here; nothing under test may catch it."""


@dataclass
class Booked:
    """One line of the gateway's book."""

    request: PayoutRequest
    outcome: GatewayOutcome
    reference: str


@dataclass
class Weather:
    """What will go wrong next, what the gateway's book holds, and what has been seen."""

    seen: Counter[str]
    moods: list[str] = field(default_factory=list)
    pending_becomes: GatewayOutcome = GatewayOutcome.PAID
    book: dict[str, Booked] = field(default_factory=dict)
    asked: dict[str, PayoutRequest] = field(default_factory=dict)
    dies_at: str = ""
    died_at: str = ""
    meanwhile: Callable[[], None] = lambda: None
    faults: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """From now on everything works."""
        self.moods, self.dies_at, self.pending_becomes = [], "", GatewayOutcome.PAID

    def reach(self, name: str) -> None:
        """Stands in for `fault_points.reach`."""
        if name == self.dies_at:
            self.dies_at, self.died_at = "", name
            self.seen[f"died at {name}"] += 1
            raise Killed

    def note_call(self, request: PayoutRequest) -> None:
        """Looks at how the desk calls; the desk would swallow an error that is raised here."""
        if self.asked.setdefault(request.key, request) != request:
            self.faults.append(f"key {request.key} changed its meaning: {request}")
        try:
            refuse_open_transaction("a call of the gateway")
        except OpenTransaction as error:
            self.faults.append(str(error))

    def next_mood(self) -> str:
        """The mood of this call."""
        mood = self.moods.pop(0) if self.moods else "ok"
        self.seen[f"gateway {mood}"] += 1
        return mood

    def paid_cents(self, key: str) -> int:
        """What the book says was paid with a key."""
        booked = self.book.get(key)
        is_paid = booked is not None and booked.outcome == GatewayOutcome.PAID
        return booked.request.amount_cents if booked and is_paid else 0


class BookedGateway:
    """Pays once per key, in its own book, and answers as its mood is."""

    is_told = False
    account = ""
    weather: Weather

    def __init__(self, store_id: int = 0) -> None:
        self.store_id = store_id

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Pays, once per key."""
        weather = self.weather
        weather.note_call(request)
        mood = weather.next_mood()
        self._go_wrong(mood, "before")
        outcome = {"declined": GatewayOutcome.DECLINED, "pending": GatewayOutcome.PENDING}.get(
            mood, GatewayOutcome.PAID
        )
        if mood != "lost_before":
            weather.book.setdefault(request.key, Booked(request, outcome, f"ref-{request.key[:8]}"))
        self._go_wrong(mood, "after")
        if mood.startswith("lost"):
            return GatewayResult(GatewayOutcome.UNKNOWN, reason="no answer in time")
        return self._answer(request.key)

    def _go_wrong(self, mood: str, when: str) -> None:
        if mood == f"dies_{when}":
            raise Killed
        if mood == f"breaks_{when}":
            raise ValueError("the gateway's answer is garbage")
        if mood == f"late_{when}":
            self.weather.meanwhile()

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Looks a key up; what was pending is decided now."""
        weather = self.weather
        weather.note_call(request)
        if weather.moods and weather.moods[0] in ("lost_before", "breaks_before", "dies_before"):
            mood = weather.next_mood()
            self._go_wrong(mood, "before")
            return GatewayResult(GatewayOutcome.UNKNOWN, reason="no answer in time")
        booked = weather.book.get(request.key)
        if booked is None:
            return None
        if booked.outcome == GatewayOutcome.PENDING:
            booked.outcome = weather.pending_becomes
        return self._answer(request.key)

    def _answer(self, key: str) -> GatewayResult:
        booked = self.weather.book[key]
        if booked.outcome == GatewayOutcome.DECLINED:
            return GatewayResult(booked.outcome, reason="card expired")
        if booked.outcome == GatewayOutcome.PENDING:
            return GatewayResult(booked.outcome, booked.reference)
        cents = booked.request.amount_cents
        return GatewayResult(booked.outcome, booked.reference, amount_cents=cents)


def set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the gateway and the fault points of an example's weather in place."""
    monkeypatch.setitem(gateways._GATEWAYS, "simulated", BookedGateway)

    def reach(name: str) -> None:
        BookedGateway.weather.reach(name)

    for name, module in list(sys.modules.items()):
        if name.startswith("apps.") and getattr(module, "reach", None) is fault_points.reach:
            monkeypatch.setattr(module, "reach", reach)


class BadOptoro:
    """Decides on each snapshot as it is told."""

    def __init__(self, optoro: FakeOptoro, weather: Weather) -> None:
        self.optoro, self.weather = optoro, weather
        self.moods: list[str] = []
        optoro.snapshots.clear()
        optoro.requests.clear()
        optoro.answer = self.answer

    def answer(self, order: dict[str, Any]) -> Response:
        """Takes a snapshot, unless the mood is bad."""
        mood = self.moods.pop(0) if self.moods else "ok"
        self.weather.seen[f"optoro {mood}"] += 1
        if mood == "refuses":
            return Response(503, json={})
        if mood == "dies_before":
            raise Killed
        if mood != "ok":
            self.optoro.snapshots.append(order)  # taken, but nobody hears of it
            if mood == "dies_after":
                raise Killed
            raise TransportError("the connection was lost")
        return Response(202, json={"message": "Accepted"})

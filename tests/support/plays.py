"""Sequences of messages, played through the front doors in order, shuffled, doubled, with the
queues worked off now and then."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from tests.support import builders

Json = dict[str, Any]
LIVE = ("proposed", "approved", "paying", "paid", "unknown")


@dataclass(frozen=True)
class Step:
    """One message: an `order` or `variants` of the order system, an `rma` or `exchange` of
    Optoro."""

    kind: str
    body: Json
    key: str = ""


@dataclass
class Stage:
    """Sends steps, and keeps what exchange orders were answered."""

    api: Client
    authorization: str
    drain: Callable[[], str]
    answers: list[Json] = field(default_factory=list)

    def play(self, steps: list[Step]) -> None:
        """Sends the steps in order and works the queues off after each."""
        for step in steps:
            assert self.send(step)
            self.drain()

    def play_shuffled(self, steps: list[Step], seed: int) -> None:
        """Sends every step twice, in any order, with the queues worked off at random points. An
        exchange order that is refused because its original order has not come is asked for again,
        as Optoro's portal would."""
        chance = random.Random(seed)
        coming = steps * 2
        chance.shuffle(coming)
        while coming:
            step = coming.pop(0)
            if not self.send(step):
                coming.append(step)
            if chance.random() < 0.4:
                self.drain()
        self.drain()

    def send(self, step: Step) -> bool:
        """Sends one step; tells whether it was taken."""
        if step.kind == "order":
            # The order system learns of an exchange order from the desk, never before it is placed.
            if step.body["identifier"].endswith("-X") and not self.answers:
                return False
            return self._sent("/api/v1/orders", {"orders": [step.body]})
        if step.kind == "variants":
            return self._sent(f"/api/v1/variants/{step.key}", step.body, put=True)
        path = "/optoro/rmas" if step.kind == "rma" else "/optoro/exchange_orders"
        answer = Client().post(
            path,
            builders.body(step.body),
            content_type="application/json",
            headers={"Authorization": self.authorization},
        )
        if step.kind == "exchange" and answer.status_code == 422:
            assert {error["field"] for error in answer.json()["errors"]} == {"original_order_id"}
            return False
        assert answer.status_code == 200, answer.content
        if step.kind == "exchange":
            self.answers.append(answer.json())
        return True

    def _sent(self, path: str, content: Json, *, put: bool = False) -> bool:
        call = self.api.put if put else self.api.post
        answer = call(path, content, content_type="application/json")
        assert answer.status_code in (200, 201), answer.content
        return True


def live_refunds() -> list[tuple[Any, ...]]:
    """Every refund that stands: order, RMA, total, shopper, Optoro, retained, destination, whose
    payment."""
    rows = Refund.objects.filter(status__in=LIVE).values_list(
        "order__identifier",
        "rma_identifier",
        "total_refund_amount_cents",
        "shopper_amount_cents",
        "optoro_amount_cents",
        "retained_amount_cents",
        "destination",
        "paid_order__identifier",
    )
    return sorted(rows)


def money_moved() -> list[tuple[Any, ...]]:
    """What the gateway's own book holds: order, amount, destination, recipient."""
    rows = SimulatedPayment.objects.values_list(
        "order_identifier", "amount_cents", "destination", "recipient_email"
    )
    return sorted(rows)


def open_kinds() -> list[str]:
    """The kinds of what waits for a person."""
    return sorted(Item.objects.filter(resolved_at=None).values_list("kind", flat=True))

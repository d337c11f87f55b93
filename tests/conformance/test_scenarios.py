"""Plays the sample message sequences of Optoro's integration guide, where they are at hand beside
the project, and compares what the desk sends with what the samples send."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.exchanges.models import ExchangeOrder
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from tests.conftest import basic
from tests.support.plays import Stage, Step

pytestmark = pytest.mark.django_db

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "optoro" / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.json"))
BY_PATH = pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)

# The samples' name of the exchange order, and the one that the desk gives it.
SAMPLE_EXCHANGE, EXCHANGE = "EXCH12345", "ORD1234567-X"
LINE_FIELDS = (
    "quantity",
    "quantity_shipped",
    "quantity_canceled",
    "product_amount_cents",
    "tax_amount_cents",
    "discount_amount_cents",
    "unit_price_amount_cents",
)


class Play:
    """One scenario: what comes in, and what is expected to go out or to be answered."""

    def __init__(self, path: Path) -> None:
        steps = json.loads(path.read_text().replace(SAMPLE_EXCHANGE, EXCHANGE))["steps"]
        self.incoming: list[Step] = []
        self.snapshots: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        for step in steps:
            self._add(step["kind"], step["path"], step["body"])

    def _add(self, kind: str, path: str, body: dict[str, Any]) -> None:
        if kind == "rma":
            self.incoming.append(Step("rma", body))
        elif kind == "variants_response":
            self.incoming.insert(0, Step("variants", body, path.split("/")[2]))
        elif kind == "exchange_order":
            self.incoming.append(Step("exchange", body))
        elif kind == "exchange_order_response":
            self.answers.append(body)
        else:
            [order] = body["returns_portal_order"]["orders"]
            self.snapshots.append(order)
            if not order["refunds"]:
                self.incoming.append(Step("order", order))

    @property
    def last_snapshots(self) -> dict[str, dict[str, Any]]:
        """The last snapshot of each order."""
        return {order["identifier"]: order for order in self.snapshots}

    @property
    def variants(self) -> list[Step]:
        """What the order system has put on offer."""
        return [step for step in self.incoming if step.kind == "variants"]

    def shopper_cents(self) -> int:
        """What Optoro's figures give the shoppers of the RMAs that end refunded."""
        last = {s.body["rma_identifier"]: s.body for s in self.incoming if s.kind == "rma"}
        return sum(
            item["refund_financials"]["shopper_refund_amount_cents"]
            for message in last.values()
            if message["status"] == "REFUNDED"
            for item in message["items"]
        )


def lines_of(order: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {item["identifier"]: tuple(item[f] for f in LINE_FIELDS) for item in order["items"]}


def refunds_of(order: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            refund["total_refund_amount_cents"],
            refund["rma_identifier"],
            sorted(
                (line["order_item_identifier"], line["quantity"])
                for line in refund["refund_line_items"]
            ),
        )
        for refund in order["refunds"]
    ]


@pytest.fixture
def stage(api, drain) -> Stage:
    """Where the scenarios are played."""
    return Stage(api, basic(), drain)


def test_the_samples_are_all_there():
    assert len(SCENARIOS) in (0, 14)


@BY_PATH
def test_played_in_order_every_snapshot_and_answer_is_the_samples(path, stage, optoro):
    play = Play(path)
    stage.play(play.incoming)
    assert stage.answers == play.answers or not play.answers
    assert len(optoro.snapshots) == len(play.snapshots)
    for sent, expected in zip(optoro.snapshots, play.snapshots, strict=True):
        assert sent["identifier"] == expected["identifier"]
        assert lines_of(sent) == lines_of(expected)
        assert refunds_of(sent) == refunds_of(expected)


@BY_PATH
def test_the_variants_on_offer_are_answered_as_in_the_samples(path, stage):
    play = Play(path)
    stage.play(play.variants)
    for step in play.variants:
        answer = Client(headers={"Authorization": basic()}).get(f"/optoro/sku/{step.key}/variants")
        assert answer.json() == step.body


@BY_PATH
@pytest.mark.parametrize("seed", range(6))
def test_shuffled_and_doubled_the_end_is_the_same(path, seed, stage, optoro):
    play = Play(path)
    stage.play(play.variants)
    stage.play_shuffled([step for step in play.incoming if step.kind != "variants"], seed)
    for identifier, expected in play.last_snapshots.items():
        final = optoro.last(identifier)
        assert lines_of(final) == lines_of(expected)
        assert refunds_of(final) == refunds_of(expected)
    assert all(answer == stage.answers[0] for answer in stage.answers)
    assert stage.answers[:1] == play.answers[: len(stage.answers)] or not play.answers
    assert ExchangeOrder.objects.count() == len(stage.answers[:1])
    assert sum(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == (
        play.shopper_cents()
    )
    assert {payment.order_identifier for payment in SimulatedPayment.objects.all()} <= {
        "ORD1234567"
    }
    closed = {s.body["rma_identifier"] for s in play.incoming if s.body.get("status") == "REFUNDED"}
    assert Refund.objects.filter(confirmed_at__isnull=False).count() == len(closed)


def test_a_gift_refund_goes_to_the_giftee_only(stage, optoro):
    for path in SCENARIOS:
        if path.name.startswith("01"):
            stage.play_shuffled(Play(path).incoming, random.Random(1).randint(0, 9))
            [payment] = SimulatedPayment.objects.all()
            assert payment.destination == "gift_card"
            assert payment.recipient_email == "email@email.com"

"""Plays the sample message sequences of Optoro's integration guide, where they are at hand beside
the project, and compares what the desk sends with what the samples send."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund

pytestmark = pytest.mark.django_db

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "optoro" / "scenarios"
PLAYED = ("01", "02", "07", "08", "10", "11", "16", "18", "19", "21", "22")
SCENARIOS = [path for path in sorted(FOLDER.glob("*.json")) if path.name[:2] in PLAYED]

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
    """One scenario: what comes in, and what is expected to go out."""

    def __init__(self, path: Path) -> None:
        steps = json.loads(path.read_text())["steps"]
        self.incoming: list[tuple[str, dict[str, Any]]] = []
        self.expected: list[dict[str, Any]] = []
        for step in steps:
            if step["kind"] == "rma":
                self.incoming.append(("rma", step["body"]))
                continue
            [order] = step["body"]["returns_portal_order"]["orders"]
            self.expected.append(order)
            if not order["refunds"]:
                self.incoming.append(("order", order))


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


def send(kind: str, message: dict[str, Any], send_order: Any, send_rma: Any) -> None:
    if kind == "rma":
        assert send_rma(message).status_code == 200
    else:
        assert send_order(message).status_code == 200


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_played_in_order_every_snapshot_is_the_samples(path, send_order, send_rma, optoro, drain):
    play = Play(path)
    for kind, message in play.incoming:
        send(kind, message, send_order, send_rma)
        drain()
    assert len(optoro.snapshots) == len(play.expected)
    for sent, expected in zip(optoro.snapshots, play.expected, strict=True):
        assert lines_of(sent) == lines_of(expected)
        assert refunds_of(sent) == refunds_of(expected)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", range(6))
def test_shuffled_and_doubled_the_end_is_the_same(path, seed, send_order, send_rma, optoro, drain):
    play = Play(path)
    chance = random.Random(seed)
    incoming = play.incoming * 2
    chance.shuffle(incoming)
    for kind, message in incoming:
        send(kind, message, send_order, send_rma)
        if chance.random() < 0.4:
            drain()
    drain()
    final, expected = optoro.snapshots[-1], play.expected[-1]
    assert lines_of(final) == lines_of(expected)
    assert refunds_of(final) == refunds_of(expected)
    owed = sum(refund[0] for refund in refunds_of(expected))
    assert sum(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == owed
    was_refunded = any(m.get("status") == "REFUNDED" for _, m in play.incoming)
    assert Refund.objects.filter(confirmed_at__isnull=False).count() == int(was_refunded)


def test_a_gift_refund_goes_to_the_giftee_only(send_order, send_rma, optoro, drain):
    gift = [path for path in SCENARIOS if path.name.startswith("01")]
    for path in gift:
        for kind, message in Play(path).incoming:
            send(kind, message, send_order, send_rma)
        drain()
        [payment] = SimulatedPayment.objects.all()
        assert payment.destination == "gift_card"
        assert payment.recipient_email == "email@email.com"

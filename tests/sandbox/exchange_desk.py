"""A desk that answers variants and exchange orders as told, and what tests of exchanges share."""

import json
from contextlib import contextmanager

from apps.common import http
from apps.sandbox.fulfilment import exchange_snapshot
from apps.sandbox.server import simulated_optoro
from tests.sandbox.helpers import ITEM, order, wrapped

LATER = "2023-01-28T19:42:49.23Z"
EVEN = {
    "attributes": [{"name": "Color", "value": "Blue"}, {"name": "Size", "value": "XL"}],
    "quantity_in_stock": 10,
    "sku": "sku1236",
    "title": "Blue T-Shirt",
    "unit_price_amount_cents": 12800,
}
LESS = EVEN | {"sku": "sku1240", "title": "Sale T-Shirt", "unit_price_amount_cents": 10000}
DEARER = EVEN | {"sku": "sku1250", "unit_price_amount_cents": 12801}
FEW = EVEN | {"sku": "sku1260", "quantity_in_stock": 1}
SECOND = ITEM | {
    "identifier": "2",
    "sku": "sku1235",
    "quantity": 3,
    "quantity_shipped": 3,
    "product_amount_cents": 30000,
    "tax_amount_cents": 3000,
    "unit_price_amount_cents": 10000,
}


class PricingDesk:
    """Answers variants and exchange orders; `script` holds statuses to fail with."""

    def __init__(self):
        self.variants = [DEARER, EVEN, LESS, FEW]
        self.answer = {
            "order_identifier": "EXCH12345",
            "total_amount_cents": 52224,
            "product_amount_cents": 51200,
            "tax_amount_cents": 1024,
        }
        self.script = []
        self.asked = []
        self.posted = []
        self.told = []

    def handle(self, request):
        if request.url.path == "/optoro/rmas":
            self.told.append(json.loads(request.content))
            return http.Response(200, json={})
        if request.method == "GET":
            self.asked.append(request)
            if self.script:
                return http.Response(self.script.pop(0))
            return http.Response(200, json={"variants": self.variants})
        self.posted.append(request)
        status = self.script.pop(0) if self.script else 200
        if status == 422:
            error = {"field": "items[0].sku", "code": "invalid", "message": "unknown"}
            return http.Response(422, json={"message": "no", "errors": [error]})
        return http.Response(status, json=self.answer)


@contextmanager
def sandbox_at(desk):
    """Runs a sandbox that holds order ORD1 and delivers nothing by itself."""
    with simulated_optoro(
        desk_url="http://desk.example",
        desk_transport=http.MockTransport(desk.handle),
        workers=0,
        seed=1,
        webhook_username="optoro",
        webhook_password="secret",
        optiturn_id="Modrno",
        retry_base=0.01,
        snapshot_patience=0.0,
    ) as running:
        receive(running, order())
        yield running


def receive(optoro, *orders):
    assert optoro.receive_orders(wrapped(*orders)) == []


def exchange(optoro, quantity=4, kind="INSTANT_EXCHANGE", line="1", **more):
    item = {"order_line_item_identifier": line, "quantity": quantity, "refund_type": kind}
    variant = more.pop("variant", None)
    if variant:
        item["variant"] = variant
    return optoro.start_return("ORD1", [item], **more)


def figures(document):
    items = document["items"]
    return [
        tuple(
            unit["refund_financials"][f"{whose}_refund_amount_cents"]
            for whose in ("estimated", "optoro", "shopper")
        )
        for unit in (items if isinstance(items, list) else [items])
    ]


def sent(optoro):
    return [json.loads(message.body) for message in optoro.pending_webhooks()]


def kinds(optoro):
    return [violation.kind for violation in optoro.books.violations]


def shipped(optoro, identifier="EXCH12345"):
    """The snapshot of an exchange order that has shipped."""
    return exchange_snapshot(optoro.books.exchange_orders[identifier])

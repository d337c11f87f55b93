"""A small desk: keeps orders and variants, places exchange orders, reports what has come in, and
takes what the retailer asks for."""

import json
import threading
from collections import Counter, defaultdict
from urllib.parse import unquote

from apps.common.clock import now, wire_time
from tests.sandbox.helpers import Caller

AT_DROP_OFF = ("ACCEPTED", "TRANSIT", "DELIVERED")
PAYS_AT = {
    "mail-back": ("TRANSIT", "DELIVERED"),
    "express-returns": AT_DROP_OFF,
    "home-pickup": AT_DROP_OFF,
    "customer-keep": (None,),
}
API_LIMIT_CENTS = 100_000


class SmallDesk:
    """Does at once what a desk does, and nothing else. It trusts every figure it is told."""

    def __init__(self, desk):
        self.lock = threading.RLock()
        self.orders = {}
        self.variants = {}
        self.exchanges = {}
        self.exchange_requests = []
        self.refunds = defaultdict(list)
        self.waiting = defaultdict(list)
        self.paid = set()
        self.asked = {}
        self.refund_requests = []
        self.cancellations = []
        self.versions = 0
        self.rmas = []
        self.order_posts = []
        self.reports = True
        desk.on_request = self.take

    def connect(self, optoro):
        self.caller = Caller(optoro)

    def take(self, delivery):
        body = json.loads(delivery.body) if delivery.body else None
        with self.lock:
            if delivery.path == "/api/v1/orders":
                self.take_order(delivery, body)
            elif delivery.path.startswith("/api/v1/variants/"):
                assert delivery.headers["authorization"] == "Api-Key shop-key"
                self.variants[delivery.path.rsplit("/", 1)[1]] = body["variants"]
            elif delivery.path.startswith("/optoro/sku/"):
                delivery.answer = self.answer_variants(delivery)
            elif delivery.path in ("/optoro/exchange_orders", "/optoro/orders"):
                delivery.answer = self.place(delivery, body)
            elif delivery.path == "/api/v1/refunds":
                return self.take_refund(delivery, body)
            elif delivery.path.startswith("/api/v1/rmas/"):
                return self.take_cancellation(delivery, body)
            else:
                self.rmas.append(body)
                self.look(body)
        return None

    def take_refund(self, delivery, body):
        """Makes a refund once per key; those above the limit wait, and nobody approves them."""
        assert delivery.headers["authorization"] == "Api-Key shop-key"
        self.refund_requests.append(body)
        key = delivery.headers["idempotency-key"]
        if key in self.asked:
            first, delivery.answer = self.asked[key]
            return 200 if first == body else 409
        order = self.orders[body["order_identifier"]]
        name = f"RA-{len(self.asked) + 1}"
        total = body.get("goodwill_amount_cents") or sum(
            self.worth(order, line) for line in body["lines"]
        )
        is_waiting = total > API_LIMIT_CENTS
        answer = {
            "identifier": name,
            "status": "proposed" if is_waiting else "approved",
            "total_refund_amount_cents": total,
        }
        delivery.answer = json.dumps(answer).encode()
        self.asked[key] = body, delivery.answer
        if not is_waiting:
            self.refunds[order["identifier"]].append(self.asked_refund(name, total, body))
            self.publish(order["identifier"])
        return 201

    def worth(self, order, line):
        (item,) = (
            one for one in order["items"] if one["identifier"] == line["order_item_identifier"]
        )
        cost = item["product_amount_cents"] + item["tax_amount_cents"]
        return (cost - item["discount_amount_cents"]) * line["quantity"] // item["quantity"]

    def asked_refund(self, name, total, body):
        lines = [
            {"identifier": f"{name}-{number}", **line}
            for number, line in enumerate(body.get("lines", []))
        ]
        refund = {
            "identifier": name,
            "total_refund_amount_cents": total,
            "refund_line_items": lines,
            "created_at": wire_time(now()),
        }
        return refund if lines else refund | {"tags": ["ignore_refund"]}

    def take_cancellation(self, delivery, body):
        assert delivery.headers["authorization"] == "Api-Key shop-key"
        assert body["reason"]
        self.cancellations.append(unquote(delivery.path.split("/")[4]))
        return 202

    def take_order(self, delivery, body):
        assert delivery.headers["authorization"] == "Api-Key shop-key"
        (order,) = body["returns_portal_order"]["orders"]
        self.order_posts.append(order["identifier"])
        self.orders[order["identifier"]] = order
        for item in order["items"]:
            if item.get("variants"):
                self.variants[item["variant_identifier"]] = item["variants"]
        has_shipped = any(item["quantity_shipped"] for item in order["items"])
        if has_shipped or order["status"] == "Canceled":
            self.publish(order["identifier"])
        for rma in self.waiting.pop(order["identifier"], []):
            self.look(rma)

    def answer_variants(self, delivery):
        assert delivery.headers["x-optiturn-api-version"] == "1"
        assert delivery.headers["x-optiturn-id"]
        variants = self.variants.get(unquote(delivery.path.split("/")[3]), [])
        offered = [dict(one) for one in variants if one["quantity_in_stock"]]
        for one in offered:
            named = [
                part for part in one["attributes"] if part["name"] not in ("Color", "all_size")
            ]
            if len(named) > 1:
                joined = " | ".join(part["value"] for part in named)
                color = one["attributes"][:1]
                one["attributes"] = [*color, *named, {"name": "all_size", "value": joined}]
        return json.dumps({"variants": offered}).encode()

    def place(self, delivery, body):
        version = delivery.headers["x-optiturn-api-version"]
        assert delivery.path == ("/optoro/orders" if version == "1" else "/optoro/exchange_orders")
        self.exchange_requests.append(body)
        original = body["original_order_id"]
        if original not in self.exchanges:
            items = body["items"]
            product, tax = (
                sum(item[f"{name}_amount_cents"] for item in items) for name in ("product", "tax")
            )
            less = sum(item["discount_amount_cents"] for item in items)
            bonus = sum(item.get("bonus_credit_amount_cents", 0) for item in items)
            answer = {
                "order_identifier": f"{original}-X",
                "total_amount_cents": product - less + tax + bonus,
                "product_amount_cents": product,
                "tax_amount_cents": tax,
            }
            self.exchanges[original] = json.dumps(answer).encode()
        return self.exchanges[original]

    def look(self, rma):
        """Reports the units that have come far enough and were not reported before."""
        items = rma["items"] if isinstance(rma["items"], list) else [rma["items"]]
        if rma["status"] not in ("CREATED", "PARTIAL_REFUND") or not self.reports:
            return
        is_declined = any(unit["order_identifier"].endswith("-DECLINE") for unit in items)
        if is_declined or rma["rma_identifier"] in self.cancellations:
            return
        due = defaultdict(list)
        for place, unit in enumerate(items):
            if unit["order_identifier"] not in self.orders:
                self.waiting[unit["order_identifier"]].append(rma)
                return
            is_far = unit["package_tracking_status"] in PAYS_AT[rma["return_method"]]
            if is_far and (rma["rma_identifier"], place) not in self.paid:
                self.paid.add((rma["rma_identifier"], place))
                due[unit["order_identifier"]].append(unit)
        for identifier, units in due.items():
            self.refunds[identifier].append(self.refund(rma, units))
            self.publish(identifier)

    def refund(self, rma, units):
        name = f"RF-{len(self.paid)}"
        lines = Counter(unit["order_line_item_identifier"] for unit in units)
        return {
            "identifier": name,
            "total_refund_amount_cents": sum(
                unit["refund_financials"]["estimated_refund_amount_cents"] for unit in units
            ),
            "refund_line_items": [
                {"identifier": f"{name}-{line}", "quantity": n, "order_item_identifier": line}
                for line, n in lines.items()
            ],
            "created_at": wire_time(now()),
            "rma_identifier": rma["rma_identifier"],
        }

    def publish(self, identifier):
        self.versions += 1
        document = self.orders[identifier] | {
            "refunds": self.refunds[identifier],
            "updated_at": f"2030-01-01T00:00:00.{self.versions:06d}Z",
        }
        answer = self.caller.send_orders(document)
        assert answer.status_code == 202, answer.text

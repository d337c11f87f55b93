"""Messages as the order system and Optoro would send them; each call returns a fresh one."""

import copy
import json
from typing import Any

Json = dict[str, Any]

_ADDRESS = {
    "name": "Ada Example",
    "street1": "1 Example Street",
    "city": "Springfield",
    "state": "IL",
    "zip_code": "62701",
    "country_code": "US",
    "phone": "5550100",
}


def line(identifier: str = "1", **changes: Any) -> Json:
    """One order line: by default 4 shipped units at 12800 with 1024 tax in all."""
    quantity = changes.get("quantity", 4)
    price = changes.get("unit_price_amount_cents", 12800)
    return {
        "identifier": identifier,
        "sku": f"sku-{identifier}",
        "upc": f"upc-{identifier}",
        "quantity": quantity,
        "quantity_shipped": quantity,
        "quantity_canceled": 0,
        "tracking_number": "1Z999",
        "product_identifier": "32174",
        "variant_identifier": "96027",
        "title": "Black T-Shirt",
        "product_amount_cents": price * quantity,
        "tax_amount_cents": 1024,
        "discount_amount_cents": 0,
        "unit_price_amount_cents": price,
        "tags": [],
        **changes,
    }


def order(identifier: str = "ORD-1", lines: list[Json] | None = None, **changes: Any) -> Json:
    """One order whose header agrees with its lines."""
    lines = [line()] if lines is None else lines
    product = sum(item["product_amount_cents"] for item in lines)
    tax = sum(item["tax_amount_cents"] for item in lines)
    discount = sum(item["discount_amount_cents"] for item in lines)
    shipping = changes.get("shipping_amount_cents", 0)
    shipping_tax = changes.get("shipping_tax_amount_cents", 0)
    return {
        "identifier": identifier,
        "raw_status": "fulfilled",
        "status": "Shipped",
        "total_amount_cents": product + tax - discount + shipping + shipping_tax,
        "product_amount_cents": product,
        "tax_amount_cents": tax,
        "discount_amount_cents": discount,
        "shipping_amount_cents": shipping,
        "shipping_tax_amount_cents": shipping_tax,
        "currency": "USD",
        "tags": [],
        "created_at": "2026-01-22T11:24:21+00:00",
        "updated_at": "2026-01-23T13:37:19+00:00",
        "items": copy.deepcopy(lines),
        "customer": {
            "identifier": "219299",
            "first_name": "Ada",
            "last_name": "Example",
            "email": "ada@example.com",
            "phone": "5550100",
        },
        "shipping_address": dict(_ADDRESS),
        "billing_address": dict(_ADDRESS),
        "transactions": [],
        "refunds": [],
        "discounts": [],
        **changes,
    }


def unit(
    order_identifier: str = "ORD-1", line_identifier: str = "1", cents: int = 13056, **changes: Any
) -> Json:
    """One element of an RMA's items, a REFUND unit worth `cents`."""
    return {
        "order_line_item_identifier": line_identifier,
        "order_identifier": order_identifier,
        "exchange_order_identifier": None,
        "original_order_identifier": None,
        "return_reason": "Changed Mind",
        "is_exchange": False,
        "sku": f"sku-{line_identifier}",
        "tracking_number": None,
        "package_tracking_status": None,
        "receiving_status": "PENDING",
        "refund_financials": {
            "estimated_refund_amount_cents": cents,
            "optoro_refund_amount_cents": 0,
            "shopper_refund_amount_cents": cents,
        },
        "refund_type": "REFUND",
        **changes,
    }


def rma(
    identifier: str = "RMA-1",
    units: list[Json] | None = None,
    tracking: str | None = None,
    minute: int = 0,
    **changes: Any,
) -> Json:
    """One RMA message; `tracking` sets every unit's status, `minute` its `updated_at`."""
    units = [unit() for _ in range(4)] if units is None else copy.deepcopy(units)
    if tracking is not None:
        for item in units:
            item["package_tracking_status"] = tracking
            item["tracking_number"] = item["tracking_number"] or "92023909899840543401202533"
    return {
        "rma_identifier": identifier,
        "status": "CREATED",
        "created_at": "2026-01-27T23:25:09Z",
        "updated_at": f"2026-01-28T{10 + minute // 60:02d}:{minute % 60:02d}:00Z",
        "items": units,
        "return_method": "mail-back",
        "return_shipping_cost_cents": 0,
        "gift_refund_only": False,
        **changes,
    }


def body(content: Any) -> bytes:
    """The message as it goes over the wire."""
    return json.dumps(content).encode()

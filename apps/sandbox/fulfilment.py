"""What the order system makes of an exchange order: an order of its own, that ships."""

from zlib import crc32

from apps.common.clock import now, wire_time
from apps.common.money import split_by_weight
from apps.sandbox.catalogue import articles_by_sku
from apps.sandbox.state import ExchangeOrder, JsonObject

CREATED, SHIPPED, CANCELED = "Created", "Shipped", "Canceled"
RAW_STATUS = {CREATED: "exchange placed", SHIPPED: "fulfilled", CANCELED: "sold out"}


def exchange_snapshot(exchange: ExchangeOrder, status: str = SHIPPED) -> JsonObject:
    """Returns an exchange order as the order system sends it on: entered, shipped or given up.

    It has the desk's name and total; nothing was captured for it.
    """
    request, answer = exchange.plan.body, exchange.answer
    total = answer["total_amount_cents"]
    items = [_exchange_item(exchange, n, status) for n in range(len(request["items"]))]
    product, tax, discount = (
        sum(item[f"{name}_amount_cents"] for item in items)
        for name in ("product", "tax", "discount")
    )
    moment = wire_time(now())
    return {
        "identifier": exchange.identifier,
        "status": status,
        "raw_status": RAW_STATUS[status],
        "total_amount_cents": total,
        "product_amount_cents": product,
        "tax_amount_cents": tax,
        "discount_amount_cents": discount,
        # What is in the total and on no line.
        "shipping_amount_cents": max(0, total - product - tax + discount),
        "shipping_tax_amount_cents": 0,
        "currency": request["currency"],
        "tags": [],
        "created_at": wire_time(exchange.placed_at),
        "updated_at": moment,
        "items": items,
        "customer": request["customer"],
        "shipping_address": _address_of(request["shipping_address"]),
        "billing_address": _address_of(request["billing_address"]),
        "transactions": [],
        "refunds": [],
        "discounts": [],
    }


def _exchange_item(exchange: ExchangeOrder, place: int, status: str) -> JsonObject:
    asked = exchange.plan.body["items"][place]
    is_card = "return_items" in asked
    bonus = asked.get("bonus_credit_amount_cents", 0)
    item: JsonObject = {
        "identifier": str(place + 1),
        "sku": asked["sku"],
        "quantity": asked["quantity"],
        "quantity_shipped": asked["quantity"] if status == SHIPPED else 0,
        "quantity_canceled": asked["quantity"] if status == CANCELED else 0,
        "product_identifier": asked.get("product_identifier", asked["sku"]),
        "variant_identifier": asked.get("variant_identifier", asked["sku"]),
        "title": asked["title"],
        "tags": ["gift-card"] if is_card else [],
        "product_amount_cents": asked["product_amount_cents"] + bonus,
        "tax_amount_cents": _shares(exchange, "tax")[place],
        "discount_amount_cents": _shares(exchange, "discount")[place],
        "unit_price_amount_cents": asked["unit_price_amount_cents"] + bonus,
    }
    article = articles_by_sku().get(asked["sku"])
    if article:
        item |= {"upc": article.upc, "weight": article.product.weight_lb}
    if asked.get("concept"):
        item["concept"] = asked["concept"]
    if status == SHIPPED:
        serial = crc32(f"{exchange.identifier}/{place}".encode())
        item |= {"tracking_number": f"1Z{serial:016d}", "shipped_date": wire_time(now())}
    return item


def _shares(exchange: ExchangeOrder, name: str) -> list[int]:
    """Returns what each line has of the tax, or of the discount, that the desk has answered.

    The discount is not told: it is what the products with their tax come to above the total.
    """
    asked = [item[f"{name}_amount_cents"] for item in exchange.plan.body["items"]]
    answer = exchange.answer
    amount: int = answer["tax_amount_cents"]
    if name == "discount":
        products = sum(
            item["product_amount_cents"] + item.get("bonus_credit_amount_cents", 0)
            for item in exchange.plan.body["items"]
        )
        amount = max(0, products + answer["tax_amount_cents"] - answer["total_amount_cents"])
    return split_by_weight(amount, asked) if any(asked) or amount else asked


def _address_of(address: JsonObject) -> JsonObject:
    renamed = {"province": "state", "postal_code": "zip_code"}
    return {renamed.get(field, field): value for field, value in address.items()}

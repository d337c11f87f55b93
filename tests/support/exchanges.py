"""Exchange orders as Optoro asks for them; each call returns a fresh one."""

from typing import Any

Json = dict[str, Any]

ADDRESS = {
    "name": "Ada Example",
    "street1": "1 Example Street",
    "city": "Springfield",
    "province": "IL",
    "postal_code": "62701",
    "country_code": "US",
    "phone": "5550100",
}


def item(sku: str = "sku-blue", quantity: int = 1, price: int = 12800, **changes: Any) -> Json:
    """One line of exchanged goods."""
    return {
        "sku": sku,
        "quantity": quantity,
        "title": "Blue T-Shirt",
        "unit_price_amount_cents": price,
        "product_amount_cents": price * quantity,
        "discount_amount_cents": 0,
        "product_identifier": "32175",
        "variant_identifier": "96027",
        "original_item_identifier": "1",
        **changes,
    }


def gift_card(cents: int, bonus: int = 0, quantity: int = 1, **changes: Any) -> Json:
    """A gift card line for `quantity` returned units."""
    return {
        "sku": "OPTOROGIFTCARD",
        "quantity": 1,
        "title": "Gift card",
        "unit_price_amount_cents": cents,
        "product_amount_cents": cents,
        "bonus_credit_amount_cents": bonus,
        "return_items": [
            {"original_sku": "sku-1", "original_item_identifier": "1", "quantity": quantity}
        ],
        **changes,
    }


def exchange_order(
    original: str = "ORD-1", items: list[Json] | None = None, **changes: Any
) -> Json:
    """One exchange order."""
    return {
        "currency": "USD",
        "rma_identifier": "RMA-1",
        "original_order_id": original,
        "is_gift": False,
        "items": [item()] if items is None else items,
        "customer": {
            "identifier": "219299",
            "email": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Example",
            "phone": "5550100",
        },
        "shipping_address": dict(ADDRESS),
        "billing_address": dict(ADDRESS),
        "payment": {"transaction_id": "8ef05fb8-283e-4edd-a3d7-47f9fe520cfe"},
        **changes,
    }

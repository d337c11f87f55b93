"""Exchange order requests as in Optoro's guide, and sending them; each call returns a fresh one."""

from typing import Any

from django.test import Client

from apps.catalog.models import Variant
from apps.common import clock
from apps.stores.models import Store
from tests.support import builders

Json = dict[str, Any]
URL = "/optoro/exchange_orders"

_ADDRESS = {
    "name": "Ada Example",
    "street1": "1 Example Street",
    "city": "Springfield",
    "province": "IL",
    "postal_code": "62701",
    "country_code": "US",
    "phone": "5550100",
}


def item(sku: str = "sku1236", **changes: Any) -> Json:
    """One item: by default four of sku1236 at 12800, as in the guide's even exchange."""
    quantity, price = changes.get("quantity", 4), changes.get("unit_price_amount_cents", 12800)
    return {
        "sku": sku,
        "quantity": quantity,
        "title": "Blue T-Shirt",
        "unit_price_amount_cents": price,
        "product_amount_cents": quantity * (price or 0),
        "discount_amount_cents": 0,
        "tax_amount_cents": 1024,
        "product_identifier": "32175",
        "variant_identifier": "96027",
        **changes,
    }


def gift_card(**changes: Any) -> Json:
    """A gift card item worth 10000 with 500 of bonus credit."""
    return {
        "sku": "OPTOROGIFTCARD",
        "quantity": 1,
        "product_amount_cents": 10000,
        "bonus_credit_amount_cents": 500,
        "return_items": [
            {"original_sku": "sku-1", "original_item_identifier": "1", "quantity": 1},
        ],
        **changes,
    }


def request(original: str = "ORD-1", items: list[Json] | None = None, **changes: Any) -> Json:
    """One exchange order request."""
    return {
        "currency": "USD",
        "note": "order note",
        "rma_identifier": "RMA-1",
        "original_order_id": original,
        "is_gift": False,
        "items": [item()] if items is None else items,
        "customer": {
            "identifier": "219299",
            "first_name": "Ada",
            "last_name": "Example",
            "email": "ada@example.com",
            "phone": "5550100",
        },
        "shipping_address": dict(_ADDRESS),
        "billing_address": dict(_ADDRESS),
        "payment": {"transaction_id": "8ef05fb8-283e-4edd-a3d7-47f9fe520cfe"},
        **changes,
    }


def post(message: Any, path: str = URL, **headers: str) -> Any:
    """Posts a request (or raw bytes) as Optoro does, and returns the answer."""
    from tests.conftest import basic

    body = message if isinstance(message, bytes) else builders.body(message)
    headers = {"Authorization": basic(), **headers}
    return Client().post(path, body, content_type="application/json", headers=headers)


def variant(store: Store, sku: str = "sku1236", price: int = 12800, **changes: Any) -> Variant:
    """Puts a variant into the catalog."""
    values = {
        "variant_identifier": "96027",
        "title": "Blue T-Shirt",
        "unit_price_amount_cents": price,
        "quantity_in_stock": 10,
        "source": Variant.Source.API,
        "updated_at": clock.now(),
        **changes,
    }
    return Variant.objects.create(store=store, sku=sku, **values)

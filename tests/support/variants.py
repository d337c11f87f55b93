"""Variants as shop systems tell of them, and callers of the exchange portal's addresses."""

from typing import Any

from django.test import Client

from tests.conftest import basic

Json = dict[str, Any]


def variant(sku: str = "TEE-S", **changes: Any) -> Json:
    """One variant on offer: a size S for 12800, 5 in stock."""
    return {
        "attributes": [{"name": "Size", "value": "S"}],
        "unit_price_amount_cents": 12800,
        "quantity_in_stock": 5,
        "sku": sku,
        "title": "Black T-Shirt",
        **changes,
    }


def attributes(**values: str) -> list[Json]:
    """Attributes in the order given."""
    return [{"name": name, "value": value} for name, value in values.items()]


def ask(identifier: str = "96027", path: str = "variants", **headers: str) -> Any:
    """Asks for variants as Optoro does; the identifier goes into the path as it is."""
    headers = {"Authorization": basic(), **headers}
    return Client().get(f"/optoro/sku/{identifier}/{path}", headers=headers)


def put(api: Client, identifier: str, *variants: Json) -> Any:
    """Puts a product's whole set as a shop system does."""
    return api.put(
        f"/api/v1/variants/{identifier}",
        {"variants": list(variants)},
        content_type="application/json",
    )

"""What the portal makes of an exchange: the variant chosen, the request to the desk, the figures.

Nothing here speaks HTTP; the caller holds the lock where the books are used.
"""

import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.common.clock import now
from apps.common.money import share_of, split_by_weight
from apps.sandbox.fields import cents, name
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.state import (
    INSTANT_STORE_CREDIT,
    REFUND,
    STANDARD_EXCHANGE,
    Books,
    ExchangeOrder,
    ExchangePlan,
    JsonObject,
    Rma,
    Unit,
)

GIFT_CARD_SKU = "OPTOROGIFTCARD"
EVEN, CHEAPER = "even", "cheaper"
PATHS = {"1": "/optoro/orders", "2": "/optoro/exchange_orders"}
SIZE_WORDS = ("Size", "Variant", "Length", "Width", "Inseam")


@dataclass(frozen=True)
class ExchangeTerms:
    """How a return is exchanged. `rest_on_card` puts what is left over onto a gift card."""

    api_version: str = "2"
    bonus_percent: int = 0
    rest_on_card: bool = False


def read_variants(document: object) -> list[JsonObject]:
    """Returns the variants of an answer; raises ValueError with what is wrong with them (§6)."""
    variants = document.get("variants") if isinstance(document, dict) else None
    if not isinstance(variants, list):
        raise ValueError("variants is not a list")
    for variant in variants:
        _check_variant(variant)
    return variants


def _check_variant(variant: object) -> None:
    if not isinstance(variant, dict):
        raise ValueError("a variant is not an object")
    for field in ("sku", "title"):
        if name(variant.get(field)):
            raise ValueError(f"variant {variant.get('sku')}: {field} is missing")
    if cents(variant.get("unit_price_amount_cents")):
        raise ValueError(f"variant {variant['sku']}: unit_price_amount_cents is not in cents")
    if type(variant.get("quantity_in_stock")) is not int:
        raise ValueError(f"variant {variant['sku']}: quantity_in_stock is not a number")
    attributes = variant.get("attributes")
    if not isinstance(attributes, list) or not all(
        isinstance(one, dict) and {"name", "value"} <= one.keys() for one in attributes
    ):
        raise ValueError(f"variant {variant['sku']}: attributes need name and value")
    sizes = [one["value"] for one in attributes if one["name"] in SIZE_WORDS]
    joined = [one["value"] for one in attributes if one["name"] == "all_size"]
    if len(sizes) > 1 and joined != [" | ".join(map(str, sizes))]:
        raise ValueError(f"variant {variant['sku']}: all_size does not join {sizes}")


def choose(variants: Sequence[JsonObject], line: JsonObject, count: int, wish: str) -> JsonObject:
    """Returns the variant a shopper takes for `count` units of a line; raises ReturnRefused.

    The portal hides those that are dearer than the unit or out of stock. `wish` is EVEN, CHEAPER
    or a SKU; where nothing costs the same or less, the other of the two will do.
    """
    price = line["unit_price_amount_cents"]
    shown = [
        variant
        for variant in variants
        if variant["unit_price_amount_cents"] <= price and variant["quantity_in_stock"] >= count
    ]
    named = [variant for variant in shown if variant["sku"] == wish]
    even = [variant for variant in shown if variant["unit_price_amount_cents"] == price]
    other = [variant for variant in even if variant["sku"] != line.get("sku")] or even
    cheaper = [variant for variant in shown if variant not in even]
    if wish in (EVEN, CHEAPER):
        found = (cheaper or other) if wish == CHEAPER else (other or cheaper)
    else:
        found = named
    if not found:
        raise ReturnRefused(f"line {line['identifier']}: no exchange is on offer")
    return found[zlib.crc32(str(line.get("sku")).encode()) % len(found)]


def make_plan(
    order: JsonObject, rma: Rma, chosen: Mapping[str, JsonObject], terms: ExchangeTerms
) -> ExchangePlan:
    """Returns the exchange order to ask for; `chosen` is the variant by line."""
    items, on_card, quotes = [], [], {}
    for line in order["items"]:
        units = [unit for unit in rma.exchange_units if unit.line_identifier == line["identifier"]]
        if units and units[0].refund_type == INSTANT_STORE_CREDIT:
            on_card.append((line, len(units), sum(unit.estimated_cents for unit in units)))
        elif units:
            item = _goods(line, units, chosen[line["identifier"]])
            items.append(item)
            quotes[line["identifier"]] = _worth(item)
            rest = sum(unit.estimated_cents for unit in units) - _worth(item)
            if terms.rest_on_card and rest > 0:
                on_card.append((line, len(units), rest))
    card = sum(amount for _, _, amount in on_card)
    bonus = card * terms.bonus_percent // 100
    if on_card:
        items.append(_gift_card(on_card, card, bonus))
    worth = sum(unit.estimated_cents for unit in rma.exchange_units)
    return ExchangePlan(
        body=_request(order, rma, items, terms),
        api_version=terms.api_version,
        path=PATHS[terms.api_version],
        quote_cents=sum(quotes.values()) + card + bonus,
        is_even=sum(quotes.values()) + card == worth and not terms.rest_on_card,
        gift_card_cents=card,
        bonus_cents=bonus,
        quotes=quotes,
    )


def _worth(item: JsonObject) -> int:
    worth: int = (
        item["product_amount_cents"] - item["discount_amount_cents"] + item["tax_amount_cents"]
    )
    return worth


def _goods(line: JsonObject, units: Sequence[Unit], variant: JsonObject) -> JsonObject:
    """Returns the item for exchange goods: the discount and tax of the units, scaled to its price.

    At the same price it is worth what the units are, to the cent.
    """
    count, quantity = len(units), line["quantity"]
    was = line["unit_price_amount_cents"] * count
    product = variant["unit_price_amount_cents"] * count
    reduction = sum(share_of(line["discount_amount_cents"], u.ordinal, quantity) for u in units)
    tax = sum(unit.estimated_cents for unit in units) - was + reduction
    if product != was:
        net = was - reduction
        reduction = reduction * product // was
        tax = (tax * (product - reduction) * 2 + net) // (2 * net) if net else 0
    item = {
        "sku": variant["sku"],
        "quantity": count,
        "title": variant["title"],
        "unit_price_amount_cents": variant["unit_price_amount_cents"],
        "product_amount_cents": product,
        "discount_amount_cents": reduction,
        "tax_amount_cents": max(0, tax),
        "product_identifier": line["product_identifier"],
        "variant_identifier": line["variant_identifier"],
        "original_sku": units[0].sku,
        "original_item_identifier": line["identifier"],
    }
    return item | _concept(line)


def _concept(line: JsonObject) -> JsonObject:
    return {"concept": line["concept"]} if line.get("concept") else {}


def _gift_card(on_card: list[tuple[JsonObject, int, int]], card: int, bonus: int) -> JsonObject:
    return {
        "sku": GIFT_CARD_SKU,
        "quantity": 1,
        "title": "Gift card",
        "unit_price_amount_cents": card,
        "product_amount_cents": card,
        "discount_amount_cents": 0,
        "tax_amount_cents": 0,
        "bonus_credit_amount_cents": bonus,
        "return_items": [
            {
                "original_sku": line.get("sku") or line["upc"],
                "original_item_identifier": line["identifier"],
                "quantity": count,
                "title": line["title"],
                **_concept(line),
            }
            for line, count, _ in on_card
        ],
    }


def _request(
    order: JsonObject, rma: Rma, items: list[JsonObject], terms: ExchangeTerms
) -> JsonObject:
    known = ("identifier", "email", "first_name", "last_name", "phone")
    customer = {field: order["customer"][field] for field in known if order["customer"].get(field)}
    request: JsonObject = {
        "currency": order["currency"],
        "rma_identifier": rma.identifier,
        "original_order_id": order["identifier"],
        "note": f"Exchange for return {rma.identifier}",
        "is_gift": rma.gift_refund_only,
        "items": items,
        "customer": customer,
        "shipping_address": _address(order["shipping_address"], terms),
        "billing_address": _address(order["billing_address"], terms),
        "payment": {"transaction_id": str(uuid.uuid5(uuid.NAMESPACE_OID, rma.identifier))},
    }
    if order.get("secondary_identifier"):
        request["original_secondary_order_id"] = order["secondary_identifier"]
    return request


def _address(address: JsonObject, terms: ExchangeTerms) -> JsonObject:
    """Returns an address with the field names of this API; version 1 has those of the guide."""
    code = "zip_code" if terms.api_version == "1" else "postal_code"
    renamed = {"state": "province", "zip_code": code}
    return {renamed.get(field, field): value for field, value in address.items()}


def request_bytes(plan: ExchangePlan) -> bytes:
    """Returns the request as it is sent, the same bytes each time."""
    return json.dumps(plan.body).encode()


def set_figures(rma: Rma, plan: ExchangePlan, total_cents: int) -> None:
    """Divides the worth of the exchange units between what the shopper has and is still owed.

    What exchange goods cost, as the desk answered, is Optoro's, up to the estimate; the rest is
    the shopper's. Where all of it is exchanged nothing is left.
    """
    units = rma.exchange_units
    for unit in units:
        unit.optoro_cents = unit.estimated_cents
    if plan.is_even or sum(unit.estimated_cents for unit in units) == _without_bonus(plan):
        return
    goods = max(0, total_cents - plan.gift_card_cents - plan.bonus_cents)
    parts = split_by_weight(goods, list(plan.quotes.values()))
    for line, part in zip(plan.quotes, parts, strict=True):
        of_line = [unit for unit in units if unit.line_identifier == line]
        worths = [unit.estimated_cents for unit in of_line]
        shares = split_by_weight(min(part, sum(worths)), worths)
        for unit, share in zip(of_line, shares, strict=True):
            unit.optoro_cents = share


def _without_bonus(plan: ExchangePlan) -> int:
    return plan.quote_cents - plan.bonus_cents


def read_answer(body: bytes) -> JsonObject:
    """Returns the desk's answer to an exchange order; raises ValueError with what is wrong."""
    answer = json.loads(body)
    if not isinstance(answer, dict) or name(answer.get("order_identifier")):
        raise ValueError("order_identifier is missing")
    for field in ("total_amount_cents", "product_amount_cents", "tax_amount_cents"):
        if cents(answer.get(field)):
            raise ValueError(f"{field} is not an amount in cents")
    return answer


def take_answer(books: Books, rma: Rma, plan: ExchangePlan, body: bytes) -> ExchangeOrder:
    """Keeps the exchange order that the desk has named; the RMA is open from here on."""
    answer = read_answer(body)
    if answer["total_amount_cents"] < plan.gift_card_cents + plan.bonus_cents:
        books.violation(
            "bonus_not_in_total",
            answer["order_identifier"],
            f"total {answer['total_amount_cents']} is less than the gift card of "
            f"{plan.gift_card_cents} with its bonus of {plan.bonus_cents}",
        )
    exchange = ExchangeOrder(
        identifier=answer["order_identifier"],
        original_order_identifier=plan.body["original_order_id"],
        rma_identifier=rma.identifier,
        plan=plan,
        answer=answer,
        answer_bytes=body,
        placed_at=now(),
    )
    known = books.exchange_orders.get(exchange.identifier)
    if known:
        books.violation(
            "exchange_identifier_twice",
            exchange.identifier,
            f"names the exchange orders of {exchange.original_order_identifier} and "
            f"{known.original_order_identifier}",
        )
    books.store_exchange(exchange)
    for unit in rma.exchange_units:
        unit.exchange_order_identifier = exchange.identifier
    set_figures(rma, plan, answer["total_amount_cents"])
    rma.status = "CREATED" if rma.status == "PENDING_EXCHANGE" else rma.status
    return exchange


def convert(rma: Rma) -> None:
    """Turns the exchange units into refunds: the shopper is owed all of it."""
    if not rma.exchange_units or rma.status not in ("PENDING_EXCHANGE", "CREATED"):
        raise ReturnRefused(f"RMA {rma.identifier} has no exchange that could be converted")
    for unit in rma.exchange_units:
        unit.refund_type = REFUND
        unit.optoro_cents = 0
        unit.exchange_order_identifier = None
    rma.bonus_credit_cents = 0
    rma.plan = None
    rma.status = "CREATED"


def is_standard(rma: Rma) -> bool:
    """Whether the exchange order is placed only once the parcel is under way."""
    return any(unit.refund_type == STANDARD_EXCHANGE for unit in rma.units)

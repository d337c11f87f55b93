"""Pure decisions about exchange orders. Fractions of cents are exact, and only on the way."""

import json
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import zip_longest
from math import floor
from typing import Any

from apps.common import money
from apps.common.hashing import canonical_json
from apps.exchanges.types import Difference, OriginalLine
from apps.orders import rules as order_rules
from apps.orders.rules import (
    PricedLine,
    units_in_discount_amount,
    units_in_product_amount,
    units_in_tax_amount,
)

IDENTIFIER_LENGTH = 255
# What the order system says of an order that has ended (contract §8).
SHIPPED = "Shipped"
CANCELED = order_rules.CANCELED
ENDED = (SHIPPED, CANCELED)
# Where a difference is told in words, longer values are cut.
_SHOWN_CHARACTERS = 60
_SHOWN_DIFFERENCES = 10
_ITEM = re.compile(r"items?\[(\d+)\]")
_NOTHING: tuple[Any, ...] = (None, "", [], ())


def round_half_up(amount_cents: Fraction) -> int:
    """Returns whole cents; half a cent goes up. For amounts that are not negative."""
    return floor(amount_cents + Fraction(1, 2))


def tax_amount_cents(amount_cents: int, rate: Fraction) -> int:
    """Returns the tax on `amount_cents` in cents, rounded half up, once per line.

    At the rate that a line was taxed, goods of the same amount bear exactly the same tax: 51200 at
    1024/51200 bear 1024 (scenario 03).
    """
    return round_half_up(amount_cents * rate)


def unit_figures(line: PricedLine) -> tuple[Fraction, Fraction]:
    """Returns what one kept unit of an order line cost before tax, and its tax, in exact cents.

    Product, discount and tax of a partly canceled line can be of different numbers of units
    (contract §10.5): each is divided by its own.
    """
    amount = Fraction(line.product_amount_cents, units_in_product_amount(line)) - Fraction(
        line.discount_amount_cents, units_in_discount_amount(line)
    )
    return amount, Fraction(line.tax_amount_cents, units_in_tax_amount(line))


def rate_of(lines: Sequence[OriginalLine]) -> Fraction | None:
    """Returns the rate at which these lines together were taxed, tax / (product - discount); None
    where they have none.

    Tax on goods that cost nothing is no rate, and tax above the price (of goods discounted to
    almost nothing) is none that could be carried over to other goods.
    """
    amount = sum((line.amount_cents for line in lines), Fraction(0))
    tax = sum((line.tax_amount_cents for line in lines), Fraction(0))
    if amount <= 0 or not 0 <= tax <= amount:
        return None
    return tax / amount


def percent(rate: Fraction) -> str:
    """Returns the rate as people write it, to four decimals: `2%`, `8.875%`."""
    ten_thousandths = round_half_up(rate * 1_000_000)
    whole, rest = divmod(ten_thousandths, 10_000)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{whole}.{decimals}%" if decimals else f"{whole}%"


def identifiers_for(original_order_identifier: str) -> Iterator[str]:
    """Yields what the exchange order of this order may be called, the first choice first: ORD-X,
    ORD-X2, ORD-X3 and on; cut where it would not fit."""
    number = 1
    while True:
        suffix = "-X" if number == 1 else f"-X{number}"
        yield original_order_identifier[: IDENTIFIER_LENGTH - len(suffix)] + suffix
        number += 1


def status_of(own_order_status: str) -> str:
    """Returns `placed`, `shipped` or `canceled`, from what the order system last said of the order
    that it carries an exchange order as (empty: it has sent none)."""
    if own_order_status == CANCELED:
        return "canceled"
    return "shipped" if own_order_status == SHIPPED else "placed"


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    """Returns the fields in which two requests' contents differ, in the order of their names. An
    item that only one of them has is one difference; what both leave empty is none."""
    return sorted(_differences(first, second, ""), key=lambda difference: difference.field)


def _differences(first: Any, second: Any, path: str) -> Iterator[Difference]:
    if isinstance(first, dict) and isinstance(second, dict):
        for name in first.keys() | second.keys():
            below = f"{path}.{name}" if path else name
            yield from _differences(first.get(name), second.get(name), below)
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple):
        for index, (one, other) in enumerate(zip_longest(first, second)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif first != second and not (first in _NOTHING and second in _NOTHING):
        yield Difference(path, _in_short(first), _in_short(second))


def _in_short(value: Any) -> Any:
    """An item that only one request has is told by its quantity and SKU."""
    if not isinstance(value, dict):
        return value
    sku = value.get("sku") or value.get("original_sku")
    return f"{value.get('quantity')} of {sku}" if sku else canonical_json(value)


def in_words(found: Sequence[Difference], currency: str) -> str:
    """Returns differences as a sentence: each field with its first and its second value."""
    told = [
        f"{_named(d.field)}: first {_shown(d.field, d.first, currency)}, "
        f"now {_shown(d.field, d.second, currency)}"
        for d in found
    ]
    more = len(told) - _SHOWN_DIFFERENCES
    return "; ".join(told[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _named(path: str) -> str:
    """`items[0].product_amount_cents` is the product amount of item 1."""
    words = _ITEM.sub(lambda found: f"item {int(found[1]) + 1} ", path).replace(".", " ")
    return " ".join(words.removesuffix("_cents").replace("_", " ").split())


def _shown(field: str, value: Any, currency: str) -> str:
    if value is None or value == "":
        return "nothing"
    if field.endswith("_cents") and isinstance(value, int):
        return money.show(value, currency)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"

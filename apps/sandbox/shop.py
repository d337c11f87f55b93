"""The simulated shop: makes up orders as a web shop would send them to the desk.

Each order comes as one snapshot, or as two where a line ships later. Amounts add up: lines to the
header, the header to what was captured; taxes and discounts need not divide by the quantity. Some
are paid with a gift card and a card, and some cards are authorized before they are charged.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from apps.common.clock import now, wire_time
from apps.common.money import split_by_weight
from apps.sandbox.catalogue import (
    CARDS,
    FIRST_NAMES,
    IN_ORDERS,
    LAST_NAMES,
    MIN_STOCK,
    NOWHERE,
    PLACES,
    PRODUCTS,
    Article,
    Place,
    Product,
)
from apps.sandbox.state import JsonObject

DISCOUNTS = (("WELCOME10", "percentage", 10), ("SPRING15", "percentage", 15),
             ("FIVEOFF", "fixed_amount", 500))  # fmt: skip
SHIPPING_CENTS = (0, 0, 495, 795, 1250)
TAGS = ("FinalSale", "gift-card", "Thirdparty", "cs-required")
OLDEST_DAYS, NEWEST_DAYS = 92, 6
EVERYDAY, AWAY = 10, 8  # how many of the places are at home, and abroad


GIFT_CARD_CENTS = (2500, 5000, 10_000)
DEAR_CENTS = 20_000

# What the first line of an order is to be, for the sake of an exchange, or of its worth.
SAME_PRICE, HAS_CHEAPER, MANY_SIZES, NO_VARIANTS = "same", "cheaper", "sizes", "none"
DEAR = "dear"


@dataclass(frozen=True)
class Wish:
    """What an order should have in it, where the story it is for needs something certain.

    `first` is what the first line is: of a product with variants at its price, with cheaper ones,
    with several size attributes, without any variants at all, or of a dear one.
    `min_worth_cents` is what its units cost at least, before discount and tax.
    """

    min_units: int = 1
    min_lines: int = 1
    split: bool = False
    partly_canceled: bool = False
    tagged: bool = False
    first: str = ""
    min_worth_cents: int = 0


@dataclass
class ShopOrder:
    """An order and the snapshots of it that the shop sends, oldest first."""

    identifier: str
    snapshots: list[JsonObject] = field(default_factory=list)
    products: tuple[Product, ...] = ()

    @property
    def final(self) -> JsonObject:
        """The order when everything has shipped."""
        return self.snapshots[-1]


@dataclass
class _Line:
    article: Article
    ordered: int
    shipped: int
    canceled: int
    discount_cents: int = 0
    tax_cents: int = 0
    tags: Sequence[str] = ()


class Shop:
    """Makes orders, always the same ones for the same dice and `run`."""

    def __init__(self, dice: random.Random, run: str = "") -> None:
        self._dice = dice
        self._run = run
        self._count = 0

    def new_order(self, wish: Wish | None = None, ending: str = "") -> ShopOrder:
        """Returns a new order that has what `wish` asks for, and is otherwise by chance.

        `ending` is what its identifier ends in: the desk's simulated gateway goes by that.
        """
        wish = wish or Wish()
        self._count += 1
        identifier = f"SO-{self._run}{self._count:04d}{ending}"
        place = self._place()
        lines = self._lines(wish)
        discount = self._discount(lines)
        for line in lines:
            worth = line.article.price_cents * line.ordered - line.discount_cents
            line.tax_cents = (worth * place.tax + 5000) // 10_000
        ordered_at = now() - timedelta(
            days=self._dice.randint(NEWEST_DAYS, OLDEST_DAYS), seconds=self._dice.randint(0, 86_400)
        )
        shipped_at = ordered_at + timedelta(hours=self._dice.randint(8, 60))
        frame = self._frame(identifier, place, ordered_at)
        frame["concept"] = lines[0].article.product.concept
        shipping = self._dice.choice(SHIPPING_CENTS)
        order = ShopOrder(identifier, products=tuple(line.article.product for line in lines))
        if wish.split and len(lines) > 1:
            first = _snapshot(frame, lines, len(lines) - 1, discount, shipping, shipped_at, [])
            order.snapshots.append(first)
            shipped_at += timedelta(hours=self._dice.randint(20, 40))
        paid = order.snapshots[-1]["transactions"] if order.snapshots else []
        order.snapshots.append(
            _snapshot(frame, lines, len(lines), discount, shipping, shipped_at, paid)
        )
        return order

    def _place(self) -> Place:
        weights = [4] * EVERYDAY + [1] * AWAY
        return self._dice.choices(PLACES, weights)[0]

    def _lines(self, wish: Wish) -> list[_Line]:
        count = max(wish.min_lines, self._dice.choice((1, 1, 2, 2, 3, 4)))
        if wish.split or wish.tagged:
            count = max(2, count)
        products = self._dice.sample(PRODUCTS, count)
        if wish.first:
            fitting = [one for one in PRODUCTS if _fits(one, wish.first) and one not in products]
            products[0] = self._dice.choice(fitting)
        lines = [self._line(product) for product in products]
        if wish.first == HAS_CHEAPER:
            lines[0].article = self._dice.choice(_at_full_price(products[0]))
        units = max(wish.min_units, -(-wish.min_worth_cents // lines[0].article.price_cents))
        lines[0].ordered = lines[0].shipped = max(lines[0].ordered, units)
        if wish.partly_canceled:
            lines[0].ordered += self._dice.randint(1, 3)
            lines[0].canceled = lines[0].ordered - lines[0].shipped
        if wish.tagged:
            lines[-1].tags = (self._dice.choice(TAGS),)
        return lines

    def _line(self, product: Product) -> _Line:
        quantity = self._dice.choice((1, 1, 1, 2, 2, 3, 4))
        return _Line(
            self._dice.choice(product.articles),
            ordered=quantity,
            shipped=quantity,
            canceled=0,
        )

    def _discount(self, lines: list[_Line]) -> tuple[str, str] | None:
        """Spreads a discount over the lines by their worth; returns its code and type."""
        if self._dice.random() < 0.45:
            return None
        code, kind, amount = self._dice.choice(DISCOUNTS)
        # None on a line that is partly canceled: its discount would be that of all ordered units,
        # and the units kept would be estimated above what was paid.
        worths = [0 if line.canceled else line.article.price_cents * line.ordered for line in lines]
        if not any(worths):
            return None
        total = sum(worths) * amount // 100 if kind == "percentage" else amount
        for line, part in zip(lines, split_by_weight(total, worths), strict=True):
            line.discount_cents = part
        return code, kind

    def _frame(self, identifier: str, place: Place, ordered_at: datetime) -> JsonObject:
        """Returns the parts of an order that stay the same over its snapshots."""
        first, last = self._dice.choice(FIRST_NAMES), self._dice.choice(LAST_NAMES)
        phone = f"{place.phone}{self._dice.randint(10, 99)}"
        address = {
            "name": f"{first} {last}",
            "street1": f"{self._dice.randint(1, 899)} {place.street}",
            "city": place.city,
            "state": place.state,
            "zip_code": place.zip_code,
            "country_code": place.country_code,
            "phone": phone,
        }
        if self._dice.random() < 0.25:
            address["street2"] = f"Apt {self._dice.randint(1, 40)}"
        return {
            "identifier": identifier,
            "currency": place.currency,
            "tags": [],
            "created_at": wire_time(ordered_at),
            "customer": {
                "identifier": f"C{self._dice.randint(100_000, 999_999)}",
                "first_name": first,
                "last_name": last,
                "email": f"{_plain(first)}.{_plain(last)}@example.com",
                "phone": phone,
            },
            "shipping_address": address,
            "billing_address": dict(address),
        }


def _at_full_price(product: Product) -> list[Article]:
    return [one for one in product.articles if one.colour != product.sale_colour]


def _fits(product: Product, wish: str) -> bool:
    """Tells whether a product is what a wish asks of the first line."""
    if wish == DEAR:
        return product.price_cents >= DEAR_CENTS
    if wish == NO_VARIANTS:
        return product.variants_are_told == NOWHERE
    if product.variants_are_told == NOWHERE or len(product.articles) < MIN_STOCK:
        return False
    if wish == MANY_SIZES:
        return bool(product.more_sizes)
    return (product.sale_colour is not None) == (wish == HAS_CHEAPER)


def _plain(name: str) -> str:
    letters = name.lower().translate(str.maketrans("éëèáíøäå", "eeeaioaa", "'"))
    return "".join(letter for letter in letters if letter.isascii())


def _snapshot(
    frame: JsonObject,
    lines: list[_Line],
    shipped_lines: int,
    discount: tuple[str, str] | None,
    shipping_cents: int,
    moment: datetime,
    paid: list[JsonObject],
) -> JsonObject:
    """Builds a snapshot in which the first `shipped_lines` lines have shipped.

    A line that has not shipped yet has no amounts: the header is what was charged so far, and
    each shipment adds its payments to those in `paid`.
    """
    when = wire_time(moment)
    items = [
        _item(frame["identifier"], n, line, when, has_shipped=n <= shipped_lines)
        for n, line in enumerate(lines, start=1)
    ]
    product, tax, reduction = (
        sum(item[name] for item in items)
        for name in ("product_amount_cents", "tax_amount_cents", "discount_amount_cents")
    )
    total = product + tax - reduction + shipping_cents
    is_full = shipped_lines == len(lines)
    return {
        **frame,
        "status": "Shipped" if is_full else "Created",
        "raw_status": "fulfilled" if is_full else "Partially Fulfilled",
        "total_amount_cents": total,
        "product_amount_cents": product,
        "tax_amount_cents": tax,
        "discount_amount_cents": reduction,
        "shipping_amount_cents": shipping_cents,
        "shipping_tax_amount_cents": 0,
        "updated_at": when,
        "items": items,
        "transactions": [*paid, *_payments(frame, total, when, paid)],
        "refunds": [],
        "discounts": _discounts(frame, discount, reduction, when),
    }


def _item(order: str, number: int, line: _Line, when: str, has_shipped: bool) -> JsonObject:
    article = line.article
    product = article.product
    item: JsonObject = {
        "identifier": str(number),
        "sku": article.sku,
        "upc": article.upc,
        "quantity": line.ordered,
        "quantity_shipped": line.shipped if has_shipped else 0,
        "quantity_canceled": line.canceled if has_shipped else 0,
        "product_identifier": str(product.number),
        "variant_identifier": product.variant_identifier,
        "title": article.title,
        "concept": product.concept,
        "tags": list(line.tags),
        # What was canceled is not charged, but its tax and discount stay in the line's amounts,
        # as contract §10.5 has seen it.
        "product_amount_cents": article.price_cents * line.shipped if has_shipped else 0,
        "tax_amount_cents": line.tax_cents if has_shipped else 0,
        "discount_amount_cents": line.discount_cents if has_shipped else 0,
        "unit_price_amount_cents": article.price_cents,
        "weight": product.weight_lb,
    }
    if product.variants_are_told == IN_ORDERS:
        item["variants"] = product.variants()
    if has_shipped:
        serial = sum(ord(letter) * 31**n for n, letter in enumerate(f"{order}/{number}"))
        item["tracking_number"] = f"1Z{serial % 10**16:016d}"
        item["shipped_date"] = when
    return item


def _payments(frame: JsonObject, total: int, when: str, paid: list[JsonObject]) -> list[JsonObject]:
    """Returns what a shipment adds to the payments in `paid`: what is not charged yet of `total`.

    About every fourth order is paid with a gift card first, and the rest with a card. Which ones
    they are goes by the identifier, so that all else of an order does not depend on it.
    """
    captured = [payment for payment in paid if payment["type"] != "AUTHORIZATION"]
    charged = total - sum(payment["amount_cents"] for payment in captured)
    choice = crc32(frame["identifier"].encode())
    on_card = charged
    payments = []
    if choice % 4 == 0 and not paid and charged > 1:
        gift = min(GIFT_CARD_CENTS[choice // 4 % len(GIFT_CARD_CENTS)], charged // 2)
        details = {"method": "gift_card", "last_digits": f"{choice % 10_000:04d}"}
        name = f"PAY-{frame['identifier']}-1"
        payments.append(_transaction(name, gift, when) | {"gateway": "gift_card",
                                                          "payment_details": details})  # fmt: skip
        on_card -= gift
    number = len(captured) + len(payments) + 1
    return [*payments, *_card_payments(frame, number, on_card, when, choice // 16 % 3 == 0)]


def _card_payments(
    frame: JsonObject, number: int, cents: int, when: str, is_authorized: bool
) -> list[JsonObject]:
    """Returns a sale, or the authorization of so many cents and its capture."""
    brand, digits = CARDS[sum(frame["identifier"].encode()) % len(CARDS)]
    details = {"method": "card", "card_brand": brand, "last_digits": digits}
    charge = _transaction(f"PAY-{frame['identifier']}-{number}", cents, when)
    charge["payment_details"] = details
    if not is_authorized:
        return [charge]
    authorization = charge | {
        "identifier": f"AUTH-{frame['identifier']}-{number}",
        "type": "AUTHORIZATION",
        "payment_details": dict(details),
    }
    parent = authorization["identifier"]
    return [authorization, charge | {"type": "CAPTURE", "parent_identifier": parent}]


def _transaction(identifier: str, cents: int, when: str) -> JsonObject:
    return {
        "identifier": identifier,
        "parent_identifier": None,
        "amount_cents": cents,
        "status": "SUCCESS",
        "type": "SALE",
        "gateway": "credit_card",
        "is_online": True,
        "is_test": True,
        "created_at": when,
        "updated_at": when,
        "payment_details": {},
    }


def _discounts(
    frame: JsonObject, discount: tuple[str, str] | None, amount: int, when: str
) -> list[JsonObject]:
    if discount is None or amount == 0:
        return []
    return [
        {
            "identifier": f"DISC-{frame['identifier']}",
            "code": discount[0],
            "type": discount[1],
            "amount_cents": amount,
            "created_at": frame["created_at"],
            "updated_at": when,
        }
    ]

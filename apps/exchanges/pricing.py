"""What an exchange order costs. The retailer prices it, tax and shipping included (contract §7).

Tax is worked out by a tax service: `OriginalRate`, or any other that settings name in
EXCHANGE_TAX_SERVICES and a store chooses. A quote is made with no transaction open, because a
service may ask another system.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.catalog.models import Variant
from apps.catalog.queries import variants_by_sku
from apps.common import money
from apps.common.errors import FieldError, InvalidMessage
from apps.common.http import refuse_open_transaction
from apps.exchanges.models import PriceSource
from apps.exchanges.rules import percent, rate_of, tax_amount_cents, unit_figures
from apps.exchanges.types import (
    Address,
    ExchangeRequest,
    LineTax,
    OriginalLine,
    PricedLine,
    Quote,
    RequestedItem,
    Sale,
    SaleLine,
)
from apps.orders.models import Order, OrderLine
from apps.orders.queries import lines_of
from apps.rmas.models import RmaUnit
from apps.rmas.queries import units_naming
from apps.rmas.rules import REFUND
from apps.stores.models import Store

MAX_CENTS = 10**13
# Of a SKU that is on offer for very many products; a person needs no more.
PRICES_TOLD = 10


class TaxService(Protocol):
    """Works out the tax of an exchange order. It may ask another system; it must then set itself a
    time-out, and raise whatever it likes where it has no answer: nothing is placed then."""

    def quote(self, sale: Sale) -> Sequence[LineTax]:
        """Returns the tax of each of `sale.lines`, in their order, in cents."""


class TaxUnavailable(Exception):
    """A tax service gave no answer, or none that can be used: Optoro is to ask again."""


class OriginalRate:
    """Taxes goods at the rate at which the goods were taxed that they are exchanged for."""

    def quote(self, sale: Sale) -> Sequence[LineTax]:
        """Returns for each line amount times rate, rounded half up. The rate is tax / (product -
        discount) of the first of these that has one: the original line that the item names; the
        original lines of its original SKU, variant or product; what the RMA returns; the order."""
        return [self._tax(sale, line) for line in sale.lines]

    def _tax(self, sale: Sale, line: SaleLine) -> LineTax:
        for basis, lines in self._candidates(sale, line):
            rate = rate_of(lines)
            if rate is not None:
                tax_cents = tax_amount_cents(line.amount_cents, rate)
                return LineTax(tax_cents, self._explain(sale, line, basis, lines, rate), rate)
        return LineTax(0, "Nothing on the original order tells a tax rate: no tax.", Fraction(0))

    def _candidates(self, sale: Sale, line: SaleLine) -> list[tuple[str, tuple[OriginalLine, ...]]]:
        def like(name: str, value: str) -> tuple[OriginalLine, ...]:
            found = (o for o in sale.original_lines if value and getattr(o, name) == value)
            return tuple(found)

        return [
            ("the item's original line", like("identifier", line.original_item_identifier)),
            ("of the item's original SKU", like("sku", line.original_sku)),
            ("of the item's variant", like("variant_identifier", line.variant_identifier)),
            ("of the item's product", like("product_identifier", line.product_identifier)),
            (f"what return {sale.rma_identifier} brings back", sale.returned_lines),
            ("the whole order", sale.original_lines),
        ]

    def _explain(
        self,
        sale: Sale,
        line: SaleLine,
        basis: str,
        lines: tuple[OriginalLine, ...],
        rate: Fraction,
    ) -> str:
        def shown(amount: Fraction) -> str:
            return money.show(round(amount), sale.currency)

        names = ", ".join(dict.fromkeys(original.identifier for original in lines))
        tax = shown(sum((original.tax_amount_cents for original in lines), Fraction(0)))
        amount = shown(sum((original.amount_cents for original in lines), Fraction(0)))
        return (
            f"{percent(rate)} of {money.show(line.amount_cents, sale.currency)}, rounded half up. "
            f"The rate is that of order {sale.original_order_identifier}, "
            f"{'line' if len(lines) == 1 else 'lines'} {names} ({basis}): {tax} tax on {amount}."
        )


def service_named(name: str) -> TaxService:
    """Returns the tax service of that name; raises LookupError with the names there are."""
    paths: dict[str, str] = settings.EXCHANGE_TAX_SERVICES
    if name not in paths:
        raise LookupError(
            f"exchange tax service {name!r} is unknown; EXCHANGE_TAX_SERVICES has: "
            f"{', '.join(sorted(paths))}"
        )
    make = cast(Callable[[], TaxService], import_string(paths[name]))
    return make()


def quote_for(*, store: Store, order: Order, request: ExchangeRequest) -> Quote:
    """Returns what the exchange order costs, in cents; writes nothing.

    Raises InvalidMessage for an item that has no price or amounts that contradict each other
    (contract §7), TaxUnavailable where the store's tax service does not answer. Call it with no
    transaction open.
    """
    refuse_open_transaction("pricing an exchange order")
    priced = _priced(store, request)
    taxed = [line for line in priced if not line.is_gift_card]
    taxes = iter(_taxes(store, _sale(store, order, request, taxed)) if taxed else ())
    return Quote(
        lines=tuple(line if line.is_gift_card else _with_tax(line, next(taxes)) for line in priced),
        shipping_amount_cents=store.exchange_shipping_amount_cents,
        tax_service=store.exchange_tax_service,
    )


def _priced(store: Store, request: ExchangeRequest) -> list[PricedLine]:
    catalog = variants_by_sku(store_id=store.pk, skus={item.sku for item in request.items})
    errors: list[FieldError] = []
    lines = []
    for index, item in enumerate(request.items):
        if item.sku == store.gift_card_sku:
            line = _gift_card(item, f"items[{index}]", errors)
        else:
            offers = catalog.get(item.sku, [])
            line = _goods(item, f"items[{index}]", offers, request.currency, errors)
        lines.append(line)
        if item.discount_amount_cents > line.product_amount_cents:
            message = (
                f"is {item.discount_amount_cents}: more than the item's price of "
                f"{line.product_amount_cents}"
            )
            _add(errors, f"items[{index}].discount_amount_cents", "invalid", message)
    if errors:
        raise InvalidMessage(errors[:100])
    return lines


def _add(errors: list[FieldError], name: str, code: str, message: str) -> None:
    """Notes an error, one per item at most: what follows from the first would only distract."""
    item = name.split(".")[0]
    if not any(error.field.split(".")[0] == item for error in errors):
        errors.append(FieldError(name, code, message))


def _goods(
    item: RequestedItem,
    path: str,
    offers: Sequence[Variant],
    currency: str,
    errors: list[FieldError],
) -> PricedLine:
    variant = _offered(item, offers)
    if item.bonus_credit_amount_cents:
        message = "is for gift cards only: this item's SKU is not that of the store's gift card"
        _add(errors, f"{path}.bonus_credit_amount_cents", "invalid", message)
    asked = item.unit_price_amount_cents
    source = PriceSource.CATALOG if variant else PriceSource.REQUEST
    price = variant.unit_price_amount_cents if variant else asked
    if price is None:
        message = (
            f"is {item.sku!r}: the catalog has no such variant and the request no "
            "unit_price_amount_cents; add the variant to the catalog or send its price"
        )
        _add(errors, f"{path}.sku", "invalid", message)
        price = 0
    product = price * item.quantity
    if product > MAX_CENTS:
        message = f"of {item.quantity} at {price} is too large an amount"
        _add(errors, f"{path}.quantity", "invalid", message)
    return PricedLine(
        item=item,
        title=item.title or (variant.title if variant else ""),
        is_gift_card=False,
        price_source=source,
        unit_price_amount_cents=price,
        product_amount_cents=product,
        tax_amount_cents=0,
        calculation={
            "price": f"{money.show(price, currency)} a piece, "
            + (
                "the catalog's price." if variant else "the request's: the catalog has no such SKU."
            ),
            "requested_unit_price_amount_cents": asked,
            "requested_tax_amount_cents": item.tax_amount_cents,
        },
        doubt=_doubt(item, offers, currency) if variant else "",
    )


def _offered(item: RequestedItem, offers: Sequence[Variant]) -> Variant | None:
    """Returns the variant that the shopper was shown: that of the product whose variants were asked
    for (its id is the item's `variant_identifier`), else the one told last of its SKU."""
    shown = [offer for offer in offers if offer.variant_identifier == item.variant_identifier]
    candidates = shown or offers
    return candidates[-1] if candidates else None


def _doubt(item: RequestedItem, offers: Sequence[Variant], currency: str) -> str:
    """Returns why the price may be another product's; empty where it cannot be."""
    prices = {
        offer.variant_identifier: money.show(offer.unit_price_amount_cents, currency)
        for offer in reversed(offers)
    }
    if item.variant_identifier in prices or len(set(prices.values())) < 2:
        return ""
    told = [f"{price} for product {name}" for name, price in prices.items()]
    more = f" and {len(told) - PRICES_TOLD} more" if len(told) > PRICES_TOLD else ""
    return (
        f"The catalog has {item.sku} at several prices: {', '.join(told[:PRICES_TOLD])}{more}. The "
        "request names none of these products; the first price, told last, was taken."
    )


def _gift_card(item: RequestedItem, path: str, errors: list[FieldError]) -> PricedLine:
    amount, price = item.product_amount_cents, item.unit_price_amount_cents
    told = "The amount in the request."
    if amount is None and price is not None:
        amount, told = price * item.quantity, "The request's unit price times the quantity."
    if amount is not None and price is not None and amount != price * item.quantity:
        message = (
            f"is {amount}, but {item.quantity} at a unit_price_amount_cents of {price} are "
            f"{price * item.quantity}: send amounts that agree, or one of the two"
        )
        _add(errors, f"{path}.product_amount_cents", "invalid", message)
    if amount is None:
        message = "is required for a gift card: this, or unit_price_amount_cents"
        _add(errors, f"{path}.product_amount_cents", "missing_field", message)
        amount = 0
    if amount > MAX_CENTS:
        message = f"of {item.quantity} at {price} is too large an amount"
        _add(errors, f"{path}.quantity", "invalid", message)
    return PricedLine(
        item=item,
        title=item.title or "Gift card",
        is_gift_card=True,
        price_source=PriceSource.REQUEST,
        unit_price_amount_cents=price,
        product_amount_cents=amount,
        tax_amount_cents=0,
        calculation={
            "price": told,
            "tax": "A gift card bears no tax.",
            "requested_unit_price_amount_cents": price,
            "requested_tax_amount_cents": item.tax_amount_cents,
        },
    )


def _sale(store: Store, order: Order, request: ExchangeRequest, lines: list[PricedLine]) -> Sale:
    shared = ("sku", "quantity", "product_identifier", "variant_identifier", "original_sku")
    return Sale(
        store_identifier=store.identifier,
        currency=order.currency,
        original_order_identifier=order.identifier,
        rma_identifier=request.rma_identifier,
        ship_to=Address(**asdict(request.shipping_address)),
        lines=tuple(
            SaleLine(
                title=line.title,
                amount_cents=line.product_amount_cents - line.item.discount_amount_cents,
                original_item_identifier=line.item.original_item_identifier,
                **{name: getattr(line.item, name) for name in shared},
            )
            for line in lines
        ),
        original_lines=tuple(_original(line, _kept(line)) for line in lines_of(order)),
        returned_lines=_returned(order, request.rma_identifier),
    )


def _kept(line: OrderLine) -> int:
    """A line that was canceled whole still tells its rate."""
    return max(line.quantity - line.quantity_canceled, 1)


def _original(line: OrderLine, units: int) -> OriginalLine:
    amount, tax = unit_figures(line)
    return OriginalLine(
        identifier=line.identifier,
        sku=line.sku,
        product_identifier=line.product_identifier,
        variant_identifier=line.variant_identifier,
        amount_cents=amount * units,
        tax_amount_cents=tax * units,
    )


def _returned(order: Order, rma_identifier: str) -> tuple[OriginalLine, ...]:
    """Returns what the RMA brings back of this order: its exchanged units, or all where none is
    called so."""
    if not rma_identifier:
        return ()
    units: list[RmaUnit] = list(
        units_naming(order)
        .filter(rma__rma_identifier=rma_identifier, is_withdrawn=False, order_line__isnull=False)
        .select_related("order_line")
    )
    exchanged = [unit for unit in units if unit.refund_type != REFUND]
    counts: dict[int, int] = {}
    lines: dict[int, OrderLine] = {}
    for unit in exchanged or units:
        assert unit.order_line is not None
        lines[unit.order_line.pk] = unit.order_line
        counts[unit.order_line.pk] = counts.get(unit.order_line.pk, 0) + 1
    return tuple(_original(lines[pk], counts[pk]) for pk in sorted(lines))


def _taxes(store: Store, sale: Sale) -> list[LineTax]:
    """Asks the store's tax service; whatever is wrong with its answer is TaxUnavailable."""
    name = store.exchange_tax_service
    try:
        taxes = list(service_named(name).quote(sale))
    except Exception as error:
        raise TaxUnavailable(f"tax service {name!r} failed: {error}") from error
    if len(taxes) != len(sale.lines):
        raise TaxUnavailable(f"tax service {name!r} told {len(taxes)} of {len(sale.lines)} lines")
    for tax in taxes:
        cents = tax.tax_amount_cents
        if type(cents) is not int or not 0 <= cents <= MAX_CENTS:
            raise TaxUnavailable(f"tax service {name!r} told a tax of {cents!r} cents")
    return taxes


def _with_tax(line: PricedLine, tax: LineTax) -> PricedLine:
    told: dict[str, Any] = {**line.calculation, "tax": tax.explanation}
    if tax.rate is not None:
        told["tax_rate"] = [tax.rate.numerator, tax.rate.denominator]
        told["tax_rate_percent"] = percent(tax.rate)
    return PricedLine(
        **{
            **line.__dict__,
            "tax_amount_cents": tax.tax_amount_cents,
            "calculation": told,
        }
    )

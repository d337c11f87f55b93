"""What a refund is made of, for finance: one item per unit, frozen with the decision.

Units of a return have an item each; units of a line that are in no return have one together; what
is of no line (goodwill, refunds made outside that name none) has one of quantity 0. Part by part
the items add up to the refund, to the cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from apps.common import money
from apps.orders.models import Order, OrderLine
from apps.orders.rules import UnitsCost, units_cost
from apps.refunds.models import Refund, RefundItem, RefundLine, RefundUnit
from apps.refunds.rules import LIVE_STATUSES
from apps.rmas.models import Rma


@dataclass(frozen=True)
class WrittenLine:
    """A line of a refund as it was just written, with the units of the return in it."""

    line: RefundLine
    order_line: OrderLine
    units: Sequence[RefundUnit]


def write_items(
    *,
    refund: Refund,
    order: Order,
    rma: Rma | None,
    trigger: str,
    lines: Sequence[WrittenLine],
) -> None:
    """Writes the items of a refund just decided, or taken over. `trigger` is what the policy waited
    for. Call it in the transaction that writes the refund, under the lock of its order."""
    before = _refunded_before(refund, lines)
    shipping = _shipping_shares(order, lines)
    items = [
        item
        for written in lines
        for item in _items_of_line(
            written, before.get(written.order_line.pk, 0), shipping.get(written.order_line.pk, 0)
        )
    ]
    if not items:
        total = refund.total_refund_amount_cents
        items = [RefundItem(quantity=0, product_amount_cents=total, **_whole(total))]
    _keep_back(refund, items)
    for position, item in enumerate(items, start=1):
        item.refund = refund
        item.position = position
        item.concept = item.concept or order.concept
        item.trigger = trigger
        item.return_method = rma.return_method if rma else ""
    items[0].bonus_credit_amount_cents = refund.bonus_credit_amount_cents
    RefundItem.objects.bulk_create(items)


def _whole(amount_cents: int) -> dict[str, int]:
    return {
        "amount_cents": amount_cents,
        "shopper_amount_cents": amount_cents,
        "tax_amount_cents": 0,
    }


def _refunded_before(refund: Refund, lines: Sequence[WrittenLine]) -> Mapping[int, int]:
    """How many units of each line other live refunds hold: which place these units take."""
    rows = (
        RefundLine.objects.filter(
            order_line__in=[written.order_line.pk for written in lines],
            refund__status__in=LIVE_STATUSES,
        )
        .exclude(refund=refund)
        .order_by()
        .values_list("order_line")
        .annotate(units=Sum("quantity"))
    )
    return dict(rows) if lines else {}


def _shipping_shares(order: Order, lines: Sequence[WrittenLine]) -> Mapping[int, int]:
    """What each line bears of the order's shipping and of the tax on it, by the price of its
    goods."""
    whole = order.shipping_amount_cents + order.shipping_tax_amount_cents
    if not lines or whole <= 0:
        return {}
    rows = OrderLine.objects.filter(order=order, is_removed=False).order_by("pk")
    prices = dict(rows.values_list("pk", "product_amount_cents"))
    if not prices:
        return {}
    shares = money.split_by_weight(whole, list(prices.values()))
    return dict(zip(prices, shares, strict=True))


def _items_of_line(written: WrittenLine, before: int, shipping_cents: int) -> Iterable[RefundItem]:
    line = written.order_line
    for place, unit in enumerate(written.units, start=before):
        rma_unit = unit.rma_unit
        yield _item(
            written,
            quantity=1,
            amount_cents=unit.amount_cents,
            first=place,
            shipping_cents=shipping_cents,
            unit=unit,
            shopper_amount_cents=unit.shopper_amount_cents,
            optoro_amount_cents=unit.optoro_amount_cents,
            sku=rma_unit.sku or line.sku,
            upc=rma_unit.upc or line.upc,
            return_reason=rma_unit.return_reason,
            warehouse_receipt_condition=rma_unit.warehouse_receipt_condition,
        )
    rest = written.line.quantity - len(written.units)
    rest_cents = written.line.amount_cents - sum(unit.amount_cents for unit in written.units)
    if rest:
        yield _item(
            written,
            quantity=rest,
            amount_cents=rest_cents,
            first=before + len(written.units),
            shipping_cents=shipping_cents,
            shopper_amount_cents=rest_cents,
            sku=line.sku,
            upc=line.upc,
        )


def _item(
    written: WrittenLine,
    *,
    quantity: int,
    amount_cents: int,
    first: int,
    shipping_cents: int,
    **values: Any,
) -> RefundItem:
    line = written.order_line
    cost = units_cost(line, first=first, count=quantity)
    product_cents, tax_cents = _product_and_tax(amount_cents, cost)
    return RefundItem(
        line=written.line,
        quantity=quantity,
        order_line_item_identifier=line.identifier,
        title=line.title,
        original_product_amount_cents=cost.price_cents,
        original_discount_amount_cents=cost.discount_cents,
        original_tax_amount_cents=cost.tax_cents,
        original_shipping_amount_cents=_share(shipping_cents, first, quantity, line.quantity),
        product_amount_cents=product_cents,
        tax_amount_cents=tax_cents,
        amount_cents=amount_cents,
        **values,
    )


def _product_and_tax(amount_cents: int, cost: UnitsCost) -> tuple[int, int]:
    """Splits what is refunded as what was paid was: goods less discount, and tax."""
    goods_cents = max(0, cost.price_cents - cost.discount_cents)
    if goods_cents + cost.tax_cents <= 0:
        return amount_cents, 0
    product_cents, tax_cents = money.split_by_weight(amount_cents, [goods_cents, cost.tax_cents])
    return product_cents, tax_cents


def _share(amount_cents: int, first: int, count: int, parts: int) -> int:
    """What units `first` to `first + count` of a line's `parts` bear of an amount; those past the
    last one ordered bear none."""
    if not parts:
        return 0
    until = money.first_shares(amount_cents, min(first + count, parts), parts)
    return until - money.first_shares(amount_cents, min(first, parts), parts)


def _keep_back(refund: Refund, items: Sequence[RefundItem]) -> None:
    """Takes what is kept back of a refund off its items, in proportion to what each gives the
    shopper."""
    if not refund.retained_amount_cents:
        return
    weights = [item.shopper_amount_cents for item in items]
    parts = money.split_by_weight(refund.retained_amount_cents, weights)
    for item, part in zip(items, parts, strict=True):
        item.retained_amount_cents = part
        item.shopper_amount_cents -= part

"""Gives the refunds that were there before their items, as `items.py` writes them for new ones."""

from django.db import migrations

from apps.common import money
from apps.orders.rules import units_cost

LIVE = ("proposed", "approved", "paying", "paid", "unknown")
CHUNK = 500


def write_items(apps, schema_editor):
    Refund = apps.get_model("refunds", "Refund")
    Item = apps.get_model("refunds", "RefundItem")
    counted = {}
    last = 0
    while True:
        refunds = list(
            Refund.objects.filter(pk__gt=last)
            .select_related("order", "rma", "policy")
            .prefetch_related("lines__units__rma_unit", "lines__order_line", "order__lines")
            .order_by("pk")[:CHUNK]
        )
        if not refunds:
            return
        last = refunds[-1].pk
        found = [item for refund in refunds for item in _items(Item, refund, counted)]
        Item.objects.bulk_create(found, batch_size=CHUNK)


def _items(Item, refund, counted):
    items = []
    whole = refund.order.shipping_amount_cents + refund.order.shipping_tax_amount_cents
    kept = sorted(
        (line for line in refund.order.lines.all() if not line.is_removed), key=lambda line: line.pk
    )
    shares = money.split_by_weight(max(0, whole), [line.product_amount_cents for line in kept]) if kept else []
    shipping = {line.pk: share for line, share in zip(kept, shares, strict=True)}
    for line in sorted(refund.lines.all(), key=lambda line: line.pk):
        items += _items_of_line(Item, refund, line, shipping.get(line.order_line_id, 0), counted)
    if not items:
        total = refund.total_refund_amount_cents
        items = [
            Item(quantity=0, amount_cents=total, shopper_amount_cents=total,
                 product_amount_cents=total, tax_amount_cents=0)
        ]
    if refund.retained_amount_cents:
        parts = money.split_by_weight(
            refund.retained_amount_cents, [item.shopper_amount_cents for item in items]
        )
        for item, part in zip(items, parts, strict=True):
            item.retained_amount_cents = part
            item.shopper_amount_cents -= part
    method = refund.rma.return_method if refund.rma else ""
    field = f"{method.replace('-', '_')}_trigger"
    for position, item in enumerate(items, start=1):
        item.refund, item.position = refund, position
        item.concept, item.return_method = refund.order.concept, method
        item.trigger = getattr(refund.policy, field, "") if refund.policy else ""
    items[0].bonus_credit_amount_cents = refund.bonus_credit_amount_cents
    return items


def _items_of_line(Item, refund, line, shipping, counted):
    of = line.order_line
    first = counted.get(of.pk, 0)
    units = sorted(line.units.all(), key=lambda unit: unit.pk)
    told = [(1, unit.amount_cents, unit) for unit in units]
    rest = line.quantity - len(units)
    if rest:
        told.append((rest, line.amount_cents - sum(unit.amount_cents for unit in units), None))
    items = []
    for quantity, cents, unit in told:
        cost = units_cost(of, first=first, count=quantity)
        goods = max(0, cost.price_cents - cost.discount_cents)
        product, tax = cents, 0
        if goods + cost.tax_cents > 0:
            product, tax = money.split_by_weight(cents, [goods, cost.tax_cents])
        end, start = min(first + quantity, of.quantity), min(first, of.quantity)
        borne = 0
        if of.quantity:
            borne = money.first_shares(shipping, end, of.quantity) - money.first_shares(
                shipping, start, of.quantity
            )
        rma_unit = unit.rma_unit if unit else None
        items.append(
            Item(
                line=line,
                unit=unit,
                quantity=quantity,
                order_line_item_identifier=of.identifier,
                sku=(rma_unit.sku if rma_unit else "") or of.sku,
                upc=(rma_unit.upc if rma_unit else "") or of.upc,
                title=of.title,
                return_reason=rma_unit.return_reason if rma_unit else "",
                warehouse_receipt_condition=(
                    rma_unit.warehouse_receipt_condition if rma_unit else ""
                ),
                original_product_amount_cents=cost.price_cents,
                original_discount_amount_cents=cost.discount_cents,
                original_tax_amount_cents=cost.tax_cents,
                original_shipping_amount_cents=borne,
                product_amount_cents=product,
                tax_amount_cents=tax,
                amount_cents=cents,
                shopper_amount_cents=unit.shopper_amount_cents if unit else cents,
                optoro_amount_cents=unit.optoro_amount_cents if unit else 0,
            )
        )
        first += quantity
    if refund.status in LIVE:
        counted[of.pk] = first
    return items


class Migration(migrations.Migration):
    dependencies = [("refunds", "0011_items")]
    operations = [migrations.RunPython(write_items, migrations.RunPython.noop, elidable=True)]

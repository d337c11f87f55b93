"""Books what was decided, paid and exchanged before there was a ledger, each on its own day.

What had ended unpaid by then is left out: it would only be booked and taken back.
"""

from zoneinfo import ZoneInfo

from django.db import migrations
from django.db.models import Sum

from apps.ledger import rules
from apps.ledger.types import Leg
from apps.refunds.tenders import Tender

OWED = ("approved", "paying", "unknown", "paid")
CHUNK = 500


class Books:
    """Collects entries with their postings and writes them in chunks."""

    def __init__(self, apps):
        self.Entry = apps.get_model("ledger", "Entry")
        self.Posting = apps.get_model("ledger", "Posting")
        self.waiting = []

    def book(self, store, key, kind, currency, debited, credited, happened_at, memo, **about):
        try:
            zone = ZoneInfo(store.time_zone)
        except (KeyError, ValueError):
            zone = ZoneInfo("UTC")
        entry = self.Entry(
            store=store,
            key=key,
            kind=kind,
            currency=currency,
            happened_at=happened_at,
            booked_on=happened_at.astimezone(zone).date(),
            # The desk knew of it then: figures as of a day before the ledger are not empty.
            recorded_at=happened_at,
            memo=memo[:500],
            **about,
        )
        self.waiting.append((entry, rules.pairs(debited, credited)))
        if len(self.waiting) >= CHUNK:
            self.write()

    def write(self):
        self.Entry.objects.bulk_create([entry for entry, _ in self.waiting])
        self.Posting.objects.bulk_create(
            self.Posting(
                entry=entry,
                store_id=entry.store_id,
                booked_on=entry.booked_on,
                recorded_at=entry.recorded_at,
                currency=entry.currency,
                debit_account=pair.debit_account,
                credit_account=pair.credit_account,
                amount_cents=pair.amount_cents,
            )
            for entry, pairs in self.waiting
            for pair in pairs
        )
        self.waiting.clear()


def book_history(apps, schema_editor):
    books = Books(apps)
    _refunds(apps, books)
    _payouts(apps, books)
    _exchange_orders(apps, books)
    books.write()


def in_chunks(rows):
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk


def _about(refund):
    return {
        "order_identifier": refund.order.identifier,
        "rma_identifier": refund.rma_identifier,
        "refund_identifier": refund.identifier,
    }


def _refunds(apps, books):
    Refund = apps.get_model("refunds", "Refund")
    rows = Refund.objects.filter(status__in=OWED).select_related("store", "order")
    for refund in in_chunks(rows.annotate(tax=Sum("items__tax_amount_cents", default=0))):
        total = refund.total_refund_amount_cents
        debited = [Leg(rules.SALES_RETURNS, total - refund.tax), Leg(rules.SALES_TAX, refund.tax)]
        if refund.kind == "goodwill":
            debited = [Leg(rules.GOODWILL, total)]
        if refund.source == "external":
            key, kind, when = f"refund.outside:{refund.pk}", "refund.outside", refund.created_at
            credited = [Leg(rules.CASH_OUTSIDE, total)]
        else:
            key, kind = f"refund.owed:{refund.pk}", "refund.owed"
            when = refund.approved_at or refund.created_at
            credited = [
                Leg(rules.SHOPPER_PAYABLE, refund.shopper_amount_cents),
                Leg(rules.OPTORO_PAYABLE, refund.optoro_amount_cents),
                Leg(rules.FEE_INCOME, refund.retained_amount_cents),
            ]
        memo = f"Refund {refund.identifier} for order {refund.order.identifier}"
        books.book(
            refund.store, key, kind, refund.currency, debited, credited, when, memo,
            **_about(refund),
        )  # fmt: skip
        is_credit = refund.status == "paid" and refund.destination == "store_credit"
        if is_credit and refund.source != "external":
            cents = refund.shopper_amount_cents
            books.book(
                refund.store, f"refund.credited:{refund.pk}", "refund.credited", refund.currency,
                [Leg(rules.SHOPPER_PAYABLE, cents)], [Leg(rules.OPTORO_PAYABLE, cents)],
                refund.paid_at, f"{memo} went out as store credit before", **_about(refund),
            )  # fmt: skip


def _payouts(apps, books):
    Payout = apps.get_model("refunds", "Payout")
    rows = Payout.objects.filter(status="paid").select_related("refund__store", "refund__order")
    for payout in in_chunks(rows):
        refund = payout.refund
        is_gift_card = refund.destination == "gift_card" or Tender("", payout.tender, 0).is_gift_card
        account = rules.GIFT_CARD_LIABILITY if is_gift_card else rules.cash(payout.gateway)
        books.book(
            refund.store, f"payout:{payout.pk}", "payout.paid", payout.currency,
            [Leg(rules.SHOPPER_PAYABLE, payout.amount_cents)], [Leg(account, payout.amount_cents)],
            payout.finished_at or payout.created_at,
            f"Refund {refund.identifier} paid by {payout.gateway}", **_about(refund),
        )  # fmt: skip


def _own_order(Order, placed):
    """As `exchanges/lineage.py` finds it: an order that was there before is another one."""
    newer = Order.objects.filter(
        store_id=placed.store_id,
        first_seen_at__gte=placed.placed_at,
        pk__gt=placed.original_order_id,
    ).only("status")
    named = list(newer.filter(identifier=placed.order_identifier)[:2])
    named = named or list(newer.filter(secondary_identifier=placed.order_identifier)[:2])
    return named[0] if len(named) == 1 else None


def _exchange_orders(apps, books):
    ExchangeOrder = apps.get_model("exchanges", "ExchangeOrder")
    Order = apps.get_model("orders", "Order")
    rows = ExchangeOrder.objects.select_related("store").prefetch_related("lines")
    for placed in in_chunks(rows):
        own = _own_order(Order, placed)
        if own is not None and own.status == "Canceled":
            continue
        bonus = placed.bonus_credit_amount_cents
        advanced = placed.total_amount_cents - bonus
        gift_cards = sum(
            line.product_amount_cents - line.discount_amount_cents
            for line in placed.lines.all()
            if line.is_gift_card
        )
        books.book(
            placed.store, f"exchange.placed:{placed.pk}", "exchange.placed", placed.currency,
            [Leg(rules.OPTORO_PAYABLE, advanced), Leg(rules.MARKETING, bonus)],
            [
                Leg(rules.EXCHANGE_SALES, advanced - placed.tax_amount_cents - gift_cards),
                Leg(rules.SALES_TAX, placed.tax_amount_cents),
                Leg(rules.GIFT_CARD_LIABILITY, gift_cards + bonus),
            ],
            placed.placed_at,
            f"Exchange order {placed.order_identifier} for {placed.original_order_identifier}",
            order_identifier=placed.original_order_identifier,
            rma_identifier=placed.rma_identifier,
            exchange_order_identifier=placed.order_identifier,
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("refunds", "0012_items_of_refunds_before"),
        ("ledger", "0002_append_only"),
        ("exchanges", "0003_lists"),
    ]
    operations = [
        migrations.RunPython(book_history, migrations.RunPython.noop, elidable=True)
    ]

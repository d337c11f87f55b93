"""What exchange orders are in the books.

Optoro advances the worth of the goods, and of gift cards, when the order is placed
(`optoro_payable` is debited); the units that come back pay it back. Bonus credit is marketing's. An
exchange order that the order system calls canceled is taken back, and booked again should it come
back.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from apps.common import clock, money
from apps.exchanges import rules
from apps.exchanges.lineage import placed_as
from apps.exchanges.models import ExchangeLine, ExchangeOrder
from apps.ledger.models import Entry
from apps.ledger.rules import (
    EXCHANGE_SALES,
    GIFT_CARD_LIABILITY,
    MARKETING,
    OPTORO_PAYABLE,
    SALES_TAX,
)
from apps.ledger.services import book, reverse
from apps.ledger.types import Booking, Leg
from apps.orders.models import Order

PLACED = "exchange.placed"


def book_placed(placed: ExchangeOrder, lines: Iterable[ExchangeLine]) -> None:
    """Books an exchange order just placed. Call it in the transaction that places it."""
    _book(placed, lines, key=_key(placed), happened_at=placed.placed_at)


def book_own_order(order: Order) -> None:
    """Takes an exchange order back in the books where the order system calls it canceled, and books
    it again where it no longer does. Call it in the transaction that mirrors its order."""
    placed = placed_as([order]).get(order.pk)
    if placed is None:
        return
    live = _entries(placed).filter(reversed_by__isnull=True).first()
    if order.status == rules.CANCELED:
        if live is not None:
            memo = f"Exchange order {placed.order_identifier} was canceled"
            reverse(store=placed.store, key=live.key, memo=memo)
    elif live is None:
        key = f"{_key(placed)}:{_entries(placed).count() + 1}"
        _book(placed, placed.lines.all(), key=key, happened_at=clock.now())


def _entries(placed: ExchangeOrder) -> QuerySet[Entry]:
    """What booked it: once, and again each time that it came back after it was canceled."""
    return Entry.objects.filter(
        store_id=placed.store_id,
        exchange_order_identifier=placed.order_identifier[:255],
        kind=PLACED,
    ).order_by("pk")


def _book(
    placed: ExchangeOrder, lines: Iterable[ExchangeLine], *, key: str, happened_at: datetime
) -> None:
    gift_cards = sum(
        line.product_amount_cents - line.discount_amount_cents
        for line in lines
        if line.is_gift_card
    )
    bonus = placed.bonus_credit_amount_cents
    advanced = placed.total_amount_cents - bonus
    total = money.show(placed.total_amount_cents, placed.currency)
    book(
        Booking(
            store=placed.store,
            key=key,
            kind=PLACED,
            currency=placed.currency,
            debited=(Leg(OPTORO_PAYABLE, advanced), Leg(MARKETING, bonus)),
            credited=(
                Leg(EXCHANGE_SALES, advanced - placed.tax_amount_cents - gift_cards),
                Leg(SALES_TAX, placed.tax_amount_cents),
                Leg(GIFT_CARD_LIABILITY, gift_cards + bonus),
            ),
            happened_at=happened_at,
            memo=f"Exchange order {placed.order_identifier} of {total} for order "
            f"{placed.original_order_identifier}",
            order_identifier=placed.original_order_identifier,
            rma_identifier=placed.rma_identifier,
            exchange_order_identifier=placed.order_identifier,
        )
    )


def _key(placed: ExchangeOrder) -> str:
    return f"exchange.placed:{placed.pk}"

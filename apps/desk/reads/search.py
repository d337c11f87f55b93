"""One box that finds anything: exact hits first, then what merely begins that way.

Every question asks for one indexed column and for few rows: an OR over several tables would read
them whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet

from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order, OrderLine
from apps.refunds.models import Refund
from apps.rmas.models import Rma, RmaUnit

Found = Order | Rma | ExchangeOrder | Refund

LIMIT = 20
MAX_LENGTH = 255
SHORTEST_PREFIX = 3


@dataclass
class Hits:
    """What was found, by kind; `why` tells for each (kind, key) what matched."""

    orders: list[Order] = field(default_factory=list)
    rmas: list[Rma] = field(default_factory=list)
    exchanges: list[ExchangeOrder] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    why: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many things were found."""
        return len(self.orders) + len(self.rmas) + len(self.exchanges) + len(self.refunds)

    @property
    def only(self) -> Found | None:
        """The hit, where there is exactly one."""
        found: list[Found] = [*self.orders, *self.rmas, *self.exchanges, *self.refunds]
        return found[0] if self.total == 1 else None

    def add(self, found: Iterable[Found], why: str) -> None:
        """Adds what is not there yet, up to LIMIT of a kind."""
        for row in found:
            rows, kind = self._place(row)
            if (kind, row.pk) not in self.why and len(rows) < LIMIT:
                rows.append(row)
                self.why[(kind, row.pk)] = why

    def _place(self, row: Found) -> tuple[list, str]:  # type: ignore[type-arg]
        if isinstance(row, Order):
            return self.orders, "order"
        if isinstance(row, ExchangeOrder):
            return self.exchanges, "exchange"
        return (self.rmas, "rma") if isinstance(row, Rma) else (self.refunds, "refund")


def search(*, store_id: int, text: str) -> Hits:
    """Returns what of the store is called `text`; only where nothing is, what begins with it."""
    text = text.strip()[:MAX_LENGTH]
    hits = Hits()
    if not text or "\x00" in text:
        return hits
    _find(hits, store_id, lambda name: {f"{name}__in": _spellings(text)})
    if hits.total == 0 and len(text) >= SHORTEST_PREFIX:
        _find(hits, store_id, lambda name: {f"{name}__startswith": text})
        if text != text.upper():
            hits.add(_refunds(store_id, {"identifier__startswith": text.upper()}), "identifier")
    return hits


def _spellings(text: str) -> set[str]:
    """The ways in which people write the same thing: refund identifiers in small letters, e-mails
    with capitals, order numbers with or without a hash sign."""
    bare = text.removeprefix("#")
    return {s for s in (text, text.lower(), text.upper(), bare, f"#{bare}") if s}


def _find(hits: Hits, store_id: int, test) -> None:  # type: ignore[no-untyped-def]
    orders = Order.objects.filter(store_id=store_id).defer("raw")
    newest = ("-remote_created_at", "-pk")
    for name, why in (
        ("identifier", "identifier"),
        ("secondary_identifier", "secondary identifier"),
        ("customer_email", "customer's e-mail"),
    ):
        hits.add(orders.filter(**test(name)).order_by(*newest)[:LIMIT], why)
    lines = OrderLine.objects.filter(order__store_id=store_id, **test("tracking_number"))
    hits.add(orders.filter(pk__in=_keys(lines, "order_id")), "shipment's tracking number")
    rmas = Rma.objects.filter(store_id=store_id)
    for name, why in (("rma_identifier", "identifier"), ("giftee_email", "giftee's e-mail")):
        hits.add(rmas.filter(**test(name)).order_by(*newest)[:LIMIT], why)
    units = RmaUnit.objects.filter(rma__store_id=store_id)
    parcels = units.filter(**test("tracking_number"))
    hits.add(rmas.filter(pk__in=_keys(parcels, "rma_id")), "return's tracking number")
    unlinked = units.filter(order_line__isnull=True, order=None, **test("order_identifier"))
    hits.add(rmas.filter(pk__in=_keys(unlinked, "rma_id")), "order that is not known yet")
    exchanges = ExchangeOrder.objects.filter(store_id=store_id).defer("content", "request")
    for name, why in (("order_identifier", "identifier"), ("transaction_id", "transaction")):
        hits.add(exchanges.filter(**test(name)).order_by("-placed_at", "-pk")[:LIMIT], why)
    hits.add(_refunds(store_id, test("identifier")), "identifier")


def _refunds(store_id: int, test: dict[str, object]) -> QuerySet[Refund]:
    refunds = Refund.objects.filter(store_id=store_id, **test).select_related("order")
    return refunds.defer("order__raw").order_by("-created_at", "-pk")[:LIMIT]


def _keys(rows: QuerySet[OrderLine] | QuerySet[RmaUnit], name: str) -> list[int]:
    return list(rows.order_by("-pk").values_list(name, flat=True)[:LIMIT])

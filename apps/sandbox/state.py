"""What the simulated Optoro knows: orders, refunds, RMAs, requests, and what the desk did wrong.

Everything is kept in memory under one lock, so that every answer is about one moment. Nothing here
speaks HTTP.
"""

import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apps.common.clock import now, wire_time

JsonObject = dict[str, Any]

KEPT_REQUESTS = 500
KEPT_RECORDS = 500

REFUND = "REFUND"
STANDARD_EXCHANGE = "STANDARD_EXCHANGE"
INSTANT_EXCHANGE = "INSTANT_EXCHANGE"
INSTANT_STORE_CREDIT = "INSTANT_STORE_CREDIT"
REFUND_TYPES = (REFUND, STANDARD_EXCHANGE, INSTANT_EXCHANGE, INSTANT_STORE_CREDIT)


def parse_time(text: str) -> datetime:
    """Returns the moment written in `text`; without an offset it is UTC, as Optoro reads it."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class Unit:
    """One returned piece: Optoro lists each one, and nothing but its place tells them apart.

    `ordinal` is its place among the ordered units of the line. It decides which cent of a line
    that does not divide evenly this unit carries, so that all units add up to the line.
    `optoro_cents` is the part of the estimate that the shopper already has in exchange goods.
    """

    order_identifier: str
    line_identifier: str
    ordinal: int
    sku: str
    upc: str | None
    estimated_cents: int
    return_reason: str
    secondary_identifier: str | None = None
    refund_type: str = REFUND
    optoro_cents: int = 0
    exchange_order_identifier: str | None = None
    original_order_identifier: str | None = None
    tracking_number: str | None = None
    package_tracking_status: str | None = None
    receiving_status: str = "PENDING"
    warehouse_receipt_condition: str | None = None

    @property
    def is_exchange(self) -> bool:
        """Whether the shopper gets something else for it than money."""
        return self.refund_type != REFUND

    @property
    def shopper_cents(self) -> int:
        """What the shopper is to be paid for it."""
        return self.estimated_cents - self.optoro_cents

    @property
    def never_came(self) -> bool:
        """Whether it was left out when the rest was dropped off."""
        return self.package_tracking_status == "NOT_DROPPED_OFF"


@dataclass
class ExchangePlan:
    """What a return is exchanged for: the request to the desk, and what it should come to.

    `is_even` says that the exchange goods cost what the returned ones did; `gift_card_cents` is
    the part that goes onto a gift card, without the bonus; `quotes` is what the exchange goods for
    each line should come to.
    """

    body: JsonObject
    api_version: str
    path: str
    quote_cents: int
    is_even: bool
    gift_card_cents: int = 0
    bonus_cents: int = 0
    quotes: dict[str, int] = field(default_factory=dict)


@dataclass
class Rma:
    """A return as Optoro keeps it.

    `version` is that of its messages (3, 4 or 5). With `is_draft` the shopper is still in the
    portal, and nobody was told of it. `is_forgetful` has later messages leave out what the first
    one said of the exchange (contract §10.2); `has_bare_item` has a single item stand alone.
    """

    identifier: str
    return_method: str
    created_at: datetime
    updated_at: datetime
    units: list[Unit]
    status: str = "CREATED"
    return_shipping_cost_cents: int = 0
    gift_refund_only: bool = False
    giftee_email: str | None = None
    bonus_credit_cents: int = 0
    concept: str | None = None
    version: int = 4
    condition: str = "A"
    receiving_complete: bool | None = None
    plan: ExchangePlan | None = None
    is_draft: bool = False
    is_forgetful: bool = False
    has_bare_item: bool = False
    messages: int = 0
    canceled_at: datetime | None = None

    @property
    def exchange_units(self) -> list[Unit]:
        """The units for which the shopper gets something else than money."""
        return [unit for unit in self.units if unit.is_exchange]

    @property
    def order_identifiers(self) -> list[str]:
        """The orders whose goods come back, each once, in the order they were named."""
        return list(dict.fromkeys(unit.order_identifier for unit in self.units))


@dataclass
class OrderRecord:
    """The newest snapshot of an order that the desk sent, and how many came."""

    document: JsonObject
    received_at: datetime
    snapshots: int = 1


@dataclass
class ExchangeOrder:
    """An exchange order that the desk has taken and named.

    `shipped_at` is when the shop told the desk that it had shipped.
    """

    identifier: str
    original_order_identifier: str
    rma_identifier: str
    plan: ExchangePlan
    answer: JsonObject
    answer_bytes: bytes
    placed_at: datetime
    shipped_at: datetime | None = None

    @property
    def has_goods(self) -> bool:
        """Whether anything of it ships; a gift card does not."""
        return any("return_items" not in item for item in self.plan.body["items"])

    def as_json(self) -> JsonObject:
        """Returns the exchange order as `/state` shows it."""
        return {
            "order_identifier": self.identifier,
            "original_order_identifier": self.original_order_identifier,
            "rma_identifier": self.rma_identifier,
            "api_version": self.plan.api_version,
            "is_even": self.plan.is_even,
            "request": self.plan.body,
            "answer": self.answer,
            "placed_at": wire_time(self.placed_at),
            "shipped_at": wire_time(self.shipped_at) if self.shipped_at else None,
        }


@dataclass(frozen=True)
class KnownRefund:
    """A refund as it first came; it may never change afterwards."""

    identifier: str
    order_identifier: str
    document: JsonObject
    received_at: datetime


@dataclass(frozen=True)
class Violation:
    """Something a desk must never do, which a real Optoro might have swallowed in silence."""

    at: datetime
    kind: str
    subject: str
    text: str

    def as_json(self) -> JsonObject:
        """Returns the violation as `/violations` shows it."""
        return {
            "at": wire_time(self.at),
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
        }


@dataclass(frozen=True)
class RequestEntry:
    """One request that came in, and how it was answered."""

    at: datetime
    method: str
    path: str
    status: int
    note: str


@dataclass
class Books:
    """All of it. Take `lock` around every use that reads or writes more than one thing."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    refunds: dict[str, KnownRefund] = field(default_factory=dict)
    refund_lines: dict[str, str] = field(default_factory=dict)
    refunds_of_order: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rmas: dict[str, Rma] = field(default_factory=dict)
    rmas_of_order: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    exchange_orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    exchange_of_order: dict[str, str] = field(default_factory=dict)
    questions: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    violations: list[Violation] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    requests: deque[RequestEntry] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    asns: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    vendors: dict[str, JsonObject] = field(default_factory=dict)
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def store_order(self, document: JsonObject) -> list[JsonObject]:
        """Keeps a snapshot: the last one written wins, and an older one is a violation.

        Returns the refunds that came with it for the first time.
        """
        identifier = document["identifier"]
        held = self.orders.get(identifier)
        if held is None:
            self.orders[identifier] = OrderRecord(document, now())
        else:
            self._note_older_snapshot(held.document, document)
            held.document = document
            held.received_at = now()
            held.snapshots += 1
        self.counters["snapshots"] += 1
        return [r for r in document["refunds"] if self._store_refund(identifier, r)]

    def _note_older_snapshot(self, held: JsonObject, coming: JsonObject) -> None:
        if parse_time(coming["updated_at"]) < parse_time(held["updated_at"]):
            self.violation(
                "older_snapshot",
                coming["identifier"],
                f"snapshot of {coming['updated_at']} was sent after that of {held['updated_at']}",
            )

    def _store_refund(self, order_identifier: str, refund: JsonObject) -> bool:
        identifier = refund["identifier"]
        if identifier in self.refunds:
            return False
        self.refunds[identifier] = KnownRefund(identifier, order_identifier, refund, now())
        self.refunds_of_order[order_identifier].append(identifier)
        for line in refund["refund_line_items"]:
            self.refund_lines[line["identifier"]] = identifier
        self.counters["refunds"] += 1
        return True

    def store_rma(self, rma: Rma) -> None:
        """Keeps a new RMA and finds it again by each of its orders."""
        self.rmas[rma.identifier] = rma
        for identifier in rma.order_identifiers:
            self.rmas_of_order[identifier].append(rma.identifier)

    def drop_rma(self, rma: Rma) -> None:
        """Forgets an RMA of which nobody was told."""
        del self.rmas[rma.identifier]
        for identifier in rma.order_identifiers:
            self.rmas_of_order[identifier].remove(rma.identifier)

    def store_exchange(self, exchange: ExchangeOrder) -> None:
        """Keeps an exchange order and finds it again by the order it was made from."""
        self.exchange_orders[exchange.identifier] = exchange
        self.exchange_of_order[exchange.original_order_identifier] = exchange.identifier
        self.counters["exchange_orders"] += 1

    def violation(self, kind: str, subject: str, text: str) -> None:
        """Records a violation once, however often the same snapshot comes again."""
        with self.lock:
            if (kind, subject, text) in self._told:
                return
            self._told.add((kind, subject, text))
            self.violations.append(Violation(now(), kind, subject, text))

    def log_request(self, method: str, path: str, status: int, note: str = "") -> None:
        """Keeps a line about a request; only the newest ones are kept."""
        with self.lock:
            self.counters["requests"] += 1
            self.counters[f"answered_{status}"] += 1
            self.requests.append(RequestEntry(now(), method, path, status, note))

    def refund_documents(self, order_identifier: str) -> list[JsonObject]:
        """Returns the refunds known of one order, in the order they came."""
        names = self.refunds_of_order.get(order_identifier, [])
        return [self.refunds[name].document for name in names]

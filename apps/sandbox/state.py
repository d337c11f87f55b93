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


def parse_time(text: str) -> datetime:
    """Returns the moment written in `text`; without an offset it is UTC, as Optoro reads it."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class Unit:
    """One returned piece: Optoro lists each one, and nothing but its place tells them apart.

    `ordinal` is its place among the ordered units of the line. It decides which cent of a line
    that does not divide evenly this unit carries, so that all units add up to the line.
    """

    order_identifier: str
    line_identifier: str
    ordinal: int
    sku: str
    upc: str | None
    estimated_cents: int
    return_reason: str
    secondary_identifier: str | None = None
    refund_type: str = "REFUND"
    tracking_number: str | None = None
    package_tracking_status: str | None = None
    receiving_status: str = "PENDING"


@dataclass
class Rma:
    """A return as Optoro keeps it."""

    identifier: str
    return_method: str
    created_at: datetime
    updated_at: datetime
    units: list[Unit]
    status: str = "CREATED"
    return_shipping_cost_cents: int = 0
    gift_refund_only: bool = False
    giftee_email: str | None = None

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
    violations: list[Violation] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    requests: deque[RequestEntry] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    asns: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    vendors: dict[str, JsonObject] = field(default_factory=dict)
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def store_order(self, document: JsonObject) -> None:
        """Keeps a snapshot: the last one written wins, and an older one is a violation."""
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
        for refund in document["refunds"]:
            self._store_refund(identifier, refund)

    def _note_older_snapshot(self, held: JsonObject, coming: JsonObject) -> None:
        if parse_time(coming["updated_at"]) < parse_time(held["updated_at"]):
            self.violation(
                "older_snapshot",
                coming["identifier"],
                f"snapshot of {coming['updated_at']} was sent after that of {held['updated_at']}",
            )

    def _store_refund(self, order_identifier: str, refund: JsonObject) -> None:
        identifier = refund["identifier"]
        if identifier in self.refunds:
            return
        self.refunds[identifier] = KnownRefund(identifier, order_identifier, refund, now())
        self.refunds_of_order[order_identifier].append(identifier)
        for line in refund["refund_line_items"]:
            self.refund_lines[line["identifier"]] = identifier
        self.counters["refunds"] += 1

    def store_rma(self, rma: Rma) -> None:
        """Keeps a new RMA and finds it again by each of its orders."""
        self.rmas[rma.identifier] = rma
        for identifier in rma.order_identifiers:
            self.rmas_of_order[identifier].append(rma.identifier)

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

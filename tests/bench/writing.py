"""Turns each story into rows: the order, the return with its messages, the refund on its way, the
exchange order, what people do about it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from apps.attention.models import Kind
from apps.ledger import rules as ledger
from apps.ledger.types import Leg
from tests.bench.bodies import calculation, order_body, rma_body, rma_content
from tests.bench.loading import Do
from tests.bench.stories import DAY, Order, Story, refund_identifier, scrambled
from tests.bench.tables import tables

HOUR = 3600
_DAYS: dict[int, str] = {}
_CLOCK = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(DAY)]
_HEADERS = '{"content-type":"application/json","user-agent":"Optoro"}'
_OPEN_ITEMS = 5_000
_CLOSED_FOR_EACH_OPEN = 4
_KINDS = (
    Kind.REFUND_NEEDS_DECISION, Kind.REFUND_NEEDS_DECISION, Kind.REFUND_NEEDS_DECISION,
    Kind.REPORTED_NOT_CONFIRMED, Kind.PAID_NOT_REPORTED, Kind.CONTRACT_DRIFT,
    Kind.CONFIRMED_WITHOUT_REFUND, Kind.CHANGED_AFTER_REFUND, Kind.WAITS_FOR_APPROVAL,
    Kind.EXCHANGE_COLLISION, Kind.REFUND_DECLINED, Kind.PAYMENT_UNKNOWN,
    Kind.CANCELLATION_WAITS, Kind.ORDER_HEADER_DIFFERS,
)  # fmt: skip
_BY_REFUND = {Kind.WAITS_FOR_APPROVAL, Kind.REFUND_DECLINED, Kind.PAYMENT_UNKNOWN}
_BY_ORDER = {Kind.ORDER_HEADER_DIFFERS, Kind.EXCHANGE_COLLISION}


def at(seconds: int) -> str:
    """Returns a moment as both databases read it, in UTC."""
    day, rest = divmod(seconds, DAY)
    text = _DAYS.get(day)
    if text is None:
        text = _DAYS[day] = f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}"
    return f"{text} {_CLOCK[rest]}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@dataclass
class People:
    """Who works in the store, by key."""

    agent_id: int
    lead_id: int


class Writer:
    """Writes stories by `do`; `store_ids` are the keys of the first and the second store."""

    def __init__(
        self, *, count: int, now: int, store_ids: tuple[int, int], people: People, do: Do
    ) -> None:
        self.count, self.now, self.people = count, now, people
        self.store_ids = {1: store_ids[0], 2: store_ids[1]}
        self.tables = tables(datetime.fromtimestamp(now, UTC), do)
        self._keys: dict[str, int] = {}
        self._lines: dict[tuple[int, int], int] = {}
        self._second_line = 0
        self._every_item = max(1, count // (_OPEN_ITEMS * (_CLOSED_FOR_EACH_OPEN + 1)))

    def _next(self, name: str) -> int:
        key = self._keys[name] = self._keys.get(name, 0) + 1
        return key

    def write(self, story: Story) -> None:
        """Adds every row of one story."""
        if story.is_order_known and not story.is_second:
            self.order(story.order, story.order.number)
        elif story.is_second:
            self.order(unreturned(story), story.number)
        placed = self.exchange(story) if story.is_exchange else ""
        units = self.rma(story, placed)
        if story.refund:
            self.refund(story, units)
        self.people_work(story)

    def finish(self) -> None:
        """Writes what is still held in memory."""
        for table in vars(self.tables).values():
            table.flush()

    def order(self, order: Order, key: int, *, status: str = "Shipped") -> None:
        """Adds an order, its lines, its payment and its message."""
        when = at(order.ordered_at)
        product = sum(line.price * line.quantity for line in order.lines)
        tax = sum(line.tax * line.quantity for line in order.lines)
        discount = sum(line.discount * line.quantity for line in order.lines)
        total = product + tax - discount
        body = order_body(order, total, status, when)
        store_id, name = self.store_ids[order.store], order.identifier
        difference = 50 if order.number % 997 == 0 else 0
        self.tables.orders.add(
            key, store_id, name, f"#{1_000_000 + key}" if key % 2 else "", status, "fulfilled",
            order.brand, order.currency, total + difference, product, tax, discount, 0, 0,
            difference, 1, order.email, f"{order.first_name} {order.last_name}",
            f"+1 212 555 {order.shopper % 10_000:04d}", when, at(order.ordered_at + DAY), when,
            when, at(order.ordered_at + DAY), body,
        )  # fmt: skip
        self._lines.clear()
        for position, line in enumerate(order.lines):
            line_id = self._lines[(key, position)] = self._next("line")
            self.tables.order_lines.add(
                line_id, key, str(position + 1), position, line.sku, f"0{line.sku}", line.title,
                str(30_000 + line.product), f"V{30_000 + line.product}", line.quantity,
                line.quantity if status == "Shipped" else 0, 0, line.price,
                line.price * line.quantity, line.tax * line.quantity,
                line.discount * line.quantity, f"1Z{key:016d}",
            )  # fmt: skip
        self.tables.transactions.add(key, key, f"PAY-{name}", "SALE", "SUCCESS", total, "simulated")
        self.tables.order_messages.add(key, key, _digest(body), when, when, "created", body)
        self._event(
            store_id, "order.created", "Order received", order.ordered_at, "oms", name, "", "",
            "order_message", key,
        )  # fmt: skip

    def rma(self, story: Story, placed: str) -> list[int]:
        """Adds a return, its units and what Optoro told of it; returns the units' keys."""
        order, key = story.order, story.number
        store_id, name = self.store_ids[order.store], story.identifier
        started = story.started_at
        updated = min(self.now, started + 7 * DAY) if story.status != "CREATED" else started + DAY
        handed_over = at(started + DAY) if story.tracking not in ("", "PRE_TRANSIT") else None
        waits = handed_over if story.status == "CREATED" and story.receiving != "RECEIVED" else None
        is_canceling = story.status == "CREATED" and key % 331 == 0
        self.tables.rmas.add(
            key, store_id, name, story.status, story.method,
            f"gift.{order.email}" if key % 50 == 0 else "", str(key % 25), order.brand,
            at(started), at(updated), at(started + HOUR) if is_canceling else None,
            "The shopper keeps it" if is_canceling else "", "agent" if is_canceling else "",
            handed_over, waits if story.tracking == "TRANSIT" else None,
            waits if story.tracking == "DELIVERED" else None, at(started), at(updated),
        )  # fmt: skip
        known = story.is_order_known
        order_name = order.identifier if known else f"SO-UNKNOWN-{key}"
        line_id = self._line_of(story) if known else None
        units = []
        for ordinal in range(1, story.units + 1):
            unit_id = self._next("unit")
            units.append(unit_id)
            self.tables.rma_units.add(
                unit_id, key, order_name, str(story.line + 1), ordinal,
                order.number if known else None, line_id, order.lines[story.line].sku,
                story.reason, story.refund_type, int(bool(placed)), placed, f"92{key:022d}",
                story.tracking, story.receiving, 1, story.tracking, story.receiving,
                story.estimated_cents, story.estimated_cents - story.shopper_cents,
                story.shopper_cents, at(started),
            )  # fmt: skip
        self._message(story, order_name, started, started, ("CREATED", "", "PENDING"))
        if story.status != "CREATED" or story.tracking:
            seen = (story.status, story.tracking, story.receiving)
            self._message(story, order_name, started, updated, seen)
        return units

    def _line_of(self, story: Story) -> int:
        if story.is_second:
            return self._second_line
        line_id = self._lines[(story.order.number, story.line)]
        self._second_line = self._lines.get((story.order.number, 1), line_id)
        return line_id

    def _message(
        self, story: Story, order_name: str, started: int, updated: int, seen: tuple[str, str, str]
    ) -> None:
        began, told = at(started), at(updated)
        body = rma_body(story, order_name, began, told, seen)
        content = rma_content(story, order_name, began, told, seen)
        key, store_id = self._next("delivery"), self.store_ids[story.order.store]
        is_spoiled = key % 4_999 == 0
        self.tables.deliveries.add(
            key, store_id, "rma", "store-one", "5", _HEADERS, body.encode(), _digest(body),
            "203.0.113.9", 2 if key % 20 == 0 else 1, told, told,
            "quarantined" if is_spoiled else "processed", story.identifier, 0, None, told,
            "status: unknown word" if is_spoiled else "",
        )  # fmt: skip
        self.tables.rma_messages.add(
            self._next("message"), story.number, _digest(content), content, told, key, told
        )
        is_first = started == updated
        self._event(
            store_id,
            "rma.created" if is_first else "rma.updated",
            f"Return started: {story.units} units, {story.method}" if is_first else seen[0],
            updated, "optoro", "", story.identifier, "", "delivery", key,
        )  # fmt: skip

    def _event(
        self, store_id: int, kind: str, summary: str, when: int, actor: str, order: str, rma: str,
        refund: str, message_kind: str = "", message_id: int | None = None, changes: str = "[]",
    ) -> None:  # fmt: skip
        moment = at(when)
        self.tables.events.add(
            self._next("event"), store_id, kind, summary, moment, moment, actor, order, rma,
            refund, changes, message_kind, message_id,
        )  # fmt: skip

    def refund(self, story: Story, units: list[int]) -> None:
        """Adds the refund of a return on its way as far as it has come."""
        order, key, status = story.order, story.number, story.refund
        identifier = refund_identifier(key)
        decided = min(self.now - 1, story.started_at + 4 * DAY + key % DAY)
        total = story.estimated_cents * story.units
        shopper = story.shopper_cents * story.units
        is_paid, is_closed = status == "paid", story.status == "REFUNDED"
        is_late = story.age_days < 45 and key % 41 == 0
        paid = min(self.now, decided + 60 + key % 600)
        is_staff = key % 12 == 0
        self.tables.refunds.add(
            key, self.store_ids[order.store], identifier, order.number, order.number, key,
            story.identifier, status, "staff" if is_staff else "automatic",
            "original_payment" if shopper else "none", f"{story.method}, {story.tracking}",
            "above the limit of an agent" if status == "proposed" else "", order.currency, total,
            shopper, total - shopper, self.people.agent_id if is_staff else None, at(decided),
            None if status == "proposed" else at(decided), at(paid) if is_paid else None,
            at(min(self.now, paid + 120)) if is_paid and not is_late else None,
            at(min(self.now, paid + HOUR)) if is_paid and is_closed else None,
            at(paid)[:10] if is_paid else None,
        )  # fmt: skip
        line_id = self._next("refund_line")
        self.tables.refund_lines.add(
            line_id, key, self._line_of(story), f"{identifier}_{story.line + 1}", story.units,
            total, calculation(story),
        )  # fmt: skip
        is_live = int(status not in ("declined", "canceled"))
        for unit_id in units:
            self.tables.refund_units.add(
                unit_id, line_id, unit_id, story.estimated_cents, story.shopper_cents,
                story.estimated_cents - story.shopper_cents, is_live,
            )  # fmt: skip
        self._items(story, line_id, units)
        if is_live and status != "proposed":
            tax = story.order.lines[story.line].tax * story.units
            self._book(
                story, f"refund.owed:{key}", "refund.owed", decided,
                [Leg(ledger.SALES_RETURNS, total - tax), Leg(ledger.SALES_TAX, tax)],
                [Leg(ledger.SHOPPER_PAYABLE, shopper), Leg(ledger.OPTORO_PAYABLE, total - shopper)],
                refund=identifier,
            )  # fmt: skip
        if shopper and is_paid:
            self._book(
                story, f"payout:{key}", "payout.paid", paid,
                [Leg(ledger.SHOPPER_PAYABLE, shopper)], [Leg(ledger.cash("simulated"), shopper)],
                refund=identifier,
            )  # fmt: skip
        if shopper and status not in ("proposed", "canceled"):
            self._payout(story, identifier, shopper, decided, paid)
        self._refund_events(story, identifier, decided, paid)
        if is_paid:
            self._snapshot_job(story, paid)

    def _book(
        self, story: Story, key: str, kind: str, when: int, debited: list[Leg],
        credited: list[Leg], refund: str = "", exchange: str = "",
    ) -> None:  # fmt: skip
        entry_id, order = self._next("entry"), story.order
        store_id, moment = self.store_ids[order.store], at(when)
        day = moment[:10]
        self.tables.entries.add(
            entry_id, store_id, key, kind, order.currency, moment, day, moment,
            f"{kind} of {refund or exchange}", order.identifier, story.identifier, refund, exchange,
        )  # fmt: skip
        for pair in ledger.pairs(debited, credited):
            self.tables.postings.add(
                self._next("posting"), entry_id, store_id, day, moment, order.currency,
                pair.debit_account, pair.credit_account, pair.amount_cents,
            )  # fmt: skip

    def _items(self, story: Story, line_id: int, units: list[int]) -> None:
        line, cents = story.order.lines[story.line], story.estimated_cents
        for position, unit_id in enumerate(units, start=1):
            self.tables.refund_items.add(
                unit_id, story.number, line_id, unit_id, position, 1, story.order.brand,
                str(story.line + 1), line.sku, line.title, story.reason, story.method, "default",
                line.price, line.discount, line.tax, cents - line.tax, line.tax, cents,
                story.shopper_cents, cents - story.shopper_cents,
            )  # fmt: skip

    def _payout(self, story: Story, identifier: str, cents: int, decided: int, paid: int) -> None:
        key, status = story.number, story.refund
        word = {"approved": "created", "paying": "calling"}.get(status, status)
        uuid = f"{key * 2_654_435_761 % 2**64:016x}{key * 40_503_007 % 2**64:016x}"
        reference = f"sim_{uuid[:12]}" if status == "paid" else ""
        error = {"unknown": "no answer in time", "declined": "insufficient funds"}.get(status, "")
        order = story.order
        store_id = self.store_ids[order.store]
        self.tables.payouts.add(
            key, key, store_id, "simulated", uuid, cents, order.currency, f"PAY-{order.identifier}",
            "simulated", word, reference, error, at(decided),
            at(paid) if status in ("paid", "declined") else None,
        )  # fmt: skip
        state = {"approved": "waiting", "paying": "waiting", "unknown": "waiting"}
        job_id = self._next("job")
        self.tables.jobs.add(
            job_id, store_id, "refund.pay", str(key), identifier, state.get(status, "done"),
            at(decided), int(status == "unknown"), error, at(decided), at(paid),
        )  # fmt: skip
        if word != "created":
            self.tables.payout_attempts.add(
                key, key, 1, uuid, at(decided), at(paid), word, reference, error
            )
            self.tables.attempts.add(
                self._next("attempt"), job_id, 1, at(decided), at(paid),
                "done" if status in ("paid", "declined") else "retry", None, error, "", "",
            )  # fmt: skip

    def _refund_events(self, story: Story, identifier: str, decided: int, paid: int) -> None:
        order, store_id = story.order, self.store_ids[story.order.store]

        def tell(kind: str, summary: str, when: int, actor: str, before: str, after: str) -> None:
            self._event(
                store_id, kind, summary, when, actor, order.identifier, story.identifier,
                identifier, changes=f'[{{"field":"status","before":{before},"after":"{after}"}}]',
            )  # fmt: skip

        tell("refund.proposed", "Refund decided", decided, "system", "null", "proposed")
        if story.refund != "proposed":
            status = "paid" if story.refund == "paid" else story.refund
            tell(f"refund.{status}", f"Refund {status}", paid, "gateway", '"approved"', status)
        if story.refund == "paid" and story.status == "REFUNDED":
            summary = f"Optoro confirmed refund {identifier}"
            tell("refund.confirmed", summary, paid + HOUR, "optoro", '"paid"', "paid")

    def _snapshot_job(self, story: Story, paid: int) -> None:
        order, job_id, key = story.order, self._next("job"), story.number
        is_held = key % 3_001 == 0
        self.tables.jobs.add(
            job_id, self.store_ids[order.store], "order.snapshot", str(order.number),
            order.identifier, "held" if is_held else "done", at(paid), 1 if is_held else 0,
            "items[0].sku: missing_field" if is_held else "", at(paid),
            at(min(self.now, paid + 120)),
        )  # fmt: skip
        total = sum(line.unit_cents * line.quantity for line in order.lines)
        body = order_body(order, total, "Shipped", at(order.ordered_at))
        self.tables.attempts.add(
            self._next("attempt"), job_id, 1, at(paid), at(min(self.now, paid + 120)),
            "held" if is_held else "done", 422 if is_held else 202,
            "items[0].sku: missing_field" if is_held else "",
            f'{{"returns_portal_order":{{"orders":[{body}]}}}}', '{"message":"Accepted"}',
        )  # fmt: skip

    def exchange(self, story: Story) -> str:
        """Adds the exchange order of a return and, mostly, the order it was shipped as; returns
        its identifier."""
        order, line = story.order, story.order.lines[story.line]
        key, name = self._next("exchange"), f"{story.order.identifier}-X"
        store_id = self.store_ids[order.store]
        placed = min(self.now, story.started_at + HOUR)
        cents = line.price * story.units
        address = '{"name":"Ada Example","street1":"61 W 21st Street","city":"New York"}'
        items = json.dumps({"items": [{"sku": line.sku, "quantity": story.units}]})
        self.tables.exchanges.add(
            key, store_id, name, order.number, order.identifier, order.identifier,
            story.identifier, order.currency, order.email, f"{order.first_name} {order.last_name}",
            address, address, scrambled(key, 777_777_777, 12), cents, 0, 0, 0, 0, cents,
            "original_rate", items, _digest(items + name), items,
            f'{{"order_identifier":"{name}"}}', 0, at(placed), self._own_status(key),
        )  # fmt: skip
        self.tables.exchange_lines.add(
            key, key, 0, line.sku, line.title, story.units, line.price, cents, 0, 0, 0, "catalog",
            0, str(story.line + 1), line.sku, "{}",
        )  # fmt: skip
        if self._own_status(key) != "Canceled" and cents:
            self._book(
                story, f"exchange.placed:{key}", "exchange.placed", placed,
                [Leg(ledger.OPTORO_PAYABLE, cents)], [Leg(ledger.EXCHANGE_SALES, cents)],
                exchange=name,
            )  # fmt: skip
        if self._own_status(key):
            self._own_order(story, key, name, placed)
        return name

    def _own_status(self, key: int) -> str:
        """What the order system says of an exchange order's own order; empty: it has sent none."""
        if key % 12 == 0:
            return ""
        return "Canceled" if key % 25 == 1 else "Shipped"

    def _own_order(self, story: Story, key: int, name: str, placed: int) -> None:
        order, number = story.order, self.count + key
        total = story.order.lines[story.line].price * story.units
        when, status = at(placed + HOUR), self._own_status(key)
        body = f'{{"identifier":"{name}","status":"{status}","total_amount_cents":{total}}}'
        self.tables.orders.add(
            number, self.store_ids[order.store], name, "", status, "fulfilled", order.brand,
            order.currency, total, total, 0, 0, 0, 0, 0, 0, order.email,
            f"{order.first_name} {order.last_name}", "", when, when, when, when, when, body,
        )  # fmt: skip

    def people_work(self, story: Story) -> None:
        """Adds what needs a person, and the cases of returns that people work on."""
        if story.number % self._every_item == 0 and story.is_order_known:
            self._item(story)
        if story.number % 200 == 3:
            case_id = self._next("case")
            is_mine = case_id % 10 == 0
            self.tables.cases.add(
                case_id, self.store_ids[story.order.store], "rma", story.identifier,
                self.people.agent_id if is_mine else None,
                at(self.now + DAY) if is_mine else None, None, "", "",
            )  # fmt: skip
            for text in ("Called the shopper.", "The carrier has found the parcel."):
                self.tables.notes.add(
                    self._next("note"), case_id, self.people.lead_id, text, at(story.started_at)
                )

    def _item(self, story: Story) -> None:
        key = self._next("item")
        kind = _KINDS[key % len(_KINDS)]
        order, is_open = story.order, key % (_CLOSED_FOR_EACH_OPEN + 1) == 0
        opened = min(self.now - 60, story.started_at + 5 * DAY)
        subject = story.identifier
        if kind in _BY_REFUND:
            subject = refund_identifier(story.number)
        elif kind in _BY_ORDER:
            subject = order.identifier
        self.tables.items.add(
            key, self.store_ids[order.store], kind.value, subject, order.identifier,
            story.identifier, "line 1, unit 1: the warehouse did not receive it",
            at(opened), at(opened + DAY), None if is_open else at(min(self.now, opened + DAY)),
            "" if is_open else "its cause is gone", self.people.agent_id if key % 7 == 0 else None,
        )  # fmt: skip


def unreturned(story: Story) -> Order:
    """Returns an order that nothing of comes back: the one with the number of a second return."""
    order = story.order
    return Order(
        number=story.number,
        store=order.store,
        ordered_at=story.started_at,
        shopper=order.shopper,
        currency=order.currency,
        brand=order.brand,
        lines=order.lines[:1],
    )

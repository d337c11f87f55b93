"""What must hold after every step: what the desk has written down, against what the test has sent
and done itself, and against the gateway's own book."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.inbox.models import Delivery
from apps.refunds.rules import TRANSITIONS
from tests.stateful.books import BEGUN, FROZEN, LIVE, Books, Row
from tests.stateful.weather import Weather
from tests.stateful.world import Order, Return
from tests.support.optoro import FakeOptoro

IN_MONEY = {"original_payment", "gift_card"}
OVER = {"paid", "declined", "canceled"}
CONFLICT = "payment_contradicted"


@dataclass
class Limits:
    """Who decides on how much: cents, None is no limit."""

    agent: int | None = 100_000
    lead: int | None = 1_000_000
    administrator: int | None = None
    api: int | None = 100_000
    automatic: int | None = None
    two_person: int | None = 100_000
    goodwill: int = 5_000

    def of(self, role: str) -> int | None:
        """The most that a role decides on."""
        return {"agent": self.agent, "lead": self.lead}.get(role, self.administrator)


def within(cents: int, limit: int | None) -> bool:
    """Whether an amount is within a limit."""
    return limit is None or cents <= limit


@dataclass
class Known:
    """What the test knows by itself. `told` are payments that somebody said were made by hand,
    `stopped` the returns of which nothing may be paid any more, `flagged` the orders and returns of
    which automation may not begin to pay anything, `answered` how often each message was sent and
    how often it was answered."""

    weather: Weather
    optoro: FakeOptoro
    orders: dict[str, Order] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    roles: dict[int, str] = field(default_factory=dict)
    told: dict[str, tuple[int, str]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    flagged: set[tuple[str, str]] = field(default_factory=set)
    sent: Counter[bytes] = field(default_factory=Counter)
    answered: Counter[bytes] = field(default_factory=Counter)


class Watch:
    """Compares each state of the books with the one before, and with what is known."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.books = Books({}, {}, {}, {}, [], {}, [])
        self.frozen: dict[str, str] = {}
        self.reported: dict[str, set[str]] = {}
        self.updated_at: dict[str, str] = {}
        self.seen_snapshots = 0

    def look(self, books: Books) -> None:
        """Checks everything; the books before are forgotten afterwards."""
        before, self.books = self.books, books
        assert self.known.weather.faults == []
        self.check_rows_stay(before)
        self.check_statuses(before)
        self.check_parts()
        self.check_units()
        self.check_lines()
        self.check_book()
        self.check_payouts()
        self.check_new_decisions(before)
        self.check_beginnings(before)
        self.check_approvals(before)
        self.check_deliveries()
        self.check_snapshots()

    def own(self) -> list[Row]:
        """All the desk's own refunds."""
        return [row for row in self.books.refunds.values() if row["source"] != "external"]

    # --- What was written stays ----------------------------------------------------------------

    def check_rows_stay(self, before: Books) -> None:
        """Rows never vanish, and what a refund is never changes."""
        for name in ("lines", "units", "payouts"):
            was, now = getattr(before, name), getattr(self.books, name)
            for refund_id, rows in was.items():
                ids = {row["id"] for row in now.get(refund_id, [])}
                assert {row["id"] for row in rows} <= ids, f"{name} of refund {refund_id} vanished"
        assert {row["id"] for row in before.attempts} <= {row["id"] for row in self.books.attempts}
        for pk, row in before.refunds.items():
            now_row = self.books.refunds.get(pk)
            assert now_row, f"refund {row['identifier']} vanished"
            changed = [name for name in FROZEN if row[name] != now_row[name]]
            assert not changed, f"{row['identifier']} changed in {changed}"
            if row["source"] != "external":
                assert before.lines.get(pk) == self.books.lines.get(pk), row["identifier"]

    def check_statuses(self, before: Books) -> None:
        """Statuses move along the table, with one event for each change."""
        for row in self.own():
            name = row["identifier"]
            chain = self.books.chains[name]
            was = before.chains.get(name, [])
            assert chain[: len(was)] == was, f"the past of {name} changed"
            assert chain[0]["before"] is None
            assert chain[0]["after"] == "proposed"
            for one, other in itertools.pairwise(chain):
                assert other["before"] == one["after"], (name, chain)
                assert other["after"] in TRANSITIONS[one["after"]], (name, chain)
            assert chain[-1]["after"] == row["status"], (name, chain, row["status"])
            if before.status_of(row["id"]) in OVER:
                assert row["status"] == before.status_of(row["id"])

    # --- Amounts -------------------------------------------------------------------------------

    def check_parts(self) -> None:
        """Total = shopper + Optoro + retained = lines; payouts add up to the shopper's part."""
        for row in self.own():
            pk, shopper = row["id"], row["shopper_amount_cents"]
            parts = shopper + row["optoro_amount_cents"] + row["retained_amount_cents"]
            assert row["total_refund_amount_cents"] == parts > 0
            if row["kind"] == "goods":
                lines = sum(line["amount_cents"] for line in self.books.lines[pk])
                assert lines == parts, row
            payouts = self.books.counting_payouts(pk)
            cents = sum(payout["amount_cents"] for payout in payouts)
            if row["destination"] not in IN_MONEY or row["status"] == "proposed":
                assert payouts == [], row
            elif row["status"] in LIVE:
                assert cents == shopper, (row, payouts)
                live = [
                    p for p in self.books.payouts[pk] if p["status"] not in ("canceled", "declined")
                ]
                assert sum(p["amount_cents"] for p in live) <= shopper, (row, live)
            elif row["status"] == "canceled":
                assert payouts == [], (row, payouts)

    def check_units(self) -> None:
        """Each unit is in one live refund at most, and only live refunds hold units."""
        holders: Counter[int] = Counter()
        places: Counter[tuple[str, str, str]] = Counter()
        for pk, units in self.books.units.items():
            is_live = self.books.status_of(pk) in LIVE
            for unit in units:
                assert unit["is_live"] == is_live, (self.books.refunds[pk], unit)
                is_own = self.books.refunds[pk]["source"] != "external"
                assert not (is_live and is_own and unit["rma_unit__excluded_at"]), unit
                holders[unit["rma_unit_id"]] += is_live
                places[
                    unit["rma_unit__rma__rma_identifier"],
                    unit["rma_unit__order_identifier"],
                    unit["rma_unit__order_line_item_identifier"],
                ] += is_live
        assert max(holders.values(), default=0) <= 1, "a unit is in two live refunds"
        for (rma, order, line), count in places.items():
            most = self.known.returns[rma].most[order, line]
            assert count <= most, f"{count} of {most} units of {rma}"

    def check_lines(self) -> None:
        """What the desk refunds of a line is never more than its shipped units and their cost; a
        gift is never paid back to the payment."""
        for (order, line), (units, cents) in self.spent(self.books.live()).items():
            known = self.known.orders[order]
            assert units <= known.shipped[line], (order, line, units)
            cost = known.lines[line].cost_of(known.shipped[line])
            assert cents <= cost, (order, line, cents, cost)
        for row in self.books.live():
            told = self.known.returns.get(row["rma_identifier"])
            if told and told.giftee and row["kind"] == "goods":
                assert row["destination"] != "original_payment", row
            if told and row["source"] == "automatic":
                assert row["retained_amount_cents"] <= told.shipping

    def spent(self, refunds: list[Row]) -> dict[tuple[str, str], tuple[int, int]]:
        """Units and cents of each line, by the order's identifier and the line's."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for row in refunds:
            for line in self.books.lines.get(row["id"], []):
                key = row["order__identifier"], line["order_line__identifier"]
                units, cents = found.get(key, (0, 0))
                found[key] = units + line["quantity"], cents + line["amount_cents"]
        return found

    # --- The gateway's book --------------------------------------------------------------------

    def paid_out(self) -> Iterator[tuple[Row, Row, int]]:
        """Each payout with what was really paid with its key: by the gateway's book, or by hand."""
        for pk, payouts in self.books.payouts.items():
            for payout in payouts:
                key = str(payout["idempotency_key"])
                by_hand, _ = self.known.told.get(key, (0, ""))
                cents = self.known.weather.paid_cents(key) + by_hand
                if cents:
                    yield self.books.refunds[pk], payout, cents

    def check_book(self) -> None:
        """At most one payment per key, refund and payment; no more than was captured."""
        keys = {str(row["idempotency_key"]) for rows in self.books.payouts.values() for row in rows}
        assert set(self.known.weather.book) <= keys, "a payment was made with a foreign key"
        for attempt in self.books.attempts:
            assert attempt["idempotency_key"] == attempt["payout__idempotency_key"]
        by_refund: Counter[int] = Counter()
        by_order: Counter[str] = Counter()
        by_capture: Counter[tuple[str, str]] = Counter()
        for refund, payout, cents in self.paid_out():
            by_refund[refund["id"]] += cents
            if refund["destination"] == "original_payment":
                order = refund["paid_order__identifier"]
                by_order[order] += cents
                by_capture[order, payout["transaction_identifier"]] += cents
        for pk, cents in by_refund.items():
            row = self.books.refunds[pk]
            assert cents <= row["shopper_amount_cents"], f"{row['identifier']} was paid twice"
        for order, cents in by_order.items():
            assert cents <= self.known.orders[order].captured, f"{order}: more than was captured"
        for (order, capture), cents in by_capture.items():
            if self.known.orders[order].captures:
                assert cents <= self.known.orders[order].captures[capture], (order, capture)

    def check_payouts(self) -> None:
        """Payouts say what the book says, or what a person said."""
        for pk, payouts in self.books.payouts.items():
            row = self.books.refunds[pk]
            for payout in payouts:
                self._check_payout(row, payout)
            statuses = {payout["status"] for payout in self.books.counting_payouts(pk)}
            if row["status"] == "paid":
                assert statuses <= {"paid"}, (row, payouts)
            if row["status"] == "declined":
                assert "declined" in statuses, (row, payouts)
                assert statuses <= {"declined"}, (row, payouts)

    def _check_payout(self, row: Row, payout: Row) -> None:
        key = str(payout["idempotency_key"])
        booked = self.known.weather.paid_cents(key)
        told, reference = self.known.told.get(key, (0, ""))
        if payout["status"] == "paid":
            assert payout["amount_cents"] in (booked, told), (row, payout)
            if not booked:
                assert payout["gateway_reference"] == reference
        if payout["status"] == "declined" and booked:
            assert (CONFLICT, row["identifier"]) in self.books.items, (row, payout)
        if payout["status"] in ("created", "canceled"):
            assert not booked, (row, payout)

    # --- Decisions -----------------------------------------------------------------------------

    def check_new_decisions(self, before: Books) -> None:
        """What is decided now has room beside what others refunded outside."""
        new = [row for row in self.books.live() if row["id"] not in before.refunds]
        for order in {self.known.orders[row["order__identifier"]] for row in new if _is_goods(row)}:
            self._check_room_of_goods(order, new)
        for row in new:
            if row["rma_identifier"]:
                assert row["rma_identifier"] not in self.known.stopped, row
            if not _is_goods(row):
                order = self.known.orders[row["order__identifier"]]
                given = [r for r in self.live_of(order) if not _is_goods(r)]
                own = sum(r["total_refund_amount_cents"] for r in given)
                outside = sum(one.cents for one in order.outside if one.is_goodwill)
                assert own + outside <= self.known.limits.goodwill, row

    def live_of(self, order: Order) -> list[Row]:
        """The desk's own live refunds of an order's goods."""
        return [r for r in self.books.live() if r["order__identifier"] == order.identifier]

    def _check_room_of_goods(self, order: Order, new: list[Row]) -> None:
        goods = [row for row in self.live_of(order) if _is_goods(row)]
        total = sum(row["total_refund_amount_cents"] for row in goods)
        outside = [one for one in order.outside if not one.is_goodwill]
        assert total + sum(one.cents for one in outside) <= order.worth, (order.identifier, goods)
        touched = set(self.spent([row for row in new if _is_goods(row)]))
        for (name, line), (units, cents) in self.spent(goods).items():
            if (name, line) not in touched:
                continue
            told = [one for one in outside if one.line == line]
            assert units + sum(one.quantity for one in told) <= order.shipped[line]
            cost = order.lines[line].cost_of(order.shipped[line])
            assert cents + sum(one.cents for one in told) <= cost, (name, line)

    def check_beginnings(self, before: Books) -> None:
        """What begins to be paid is of no return that was stopped, and has room in the payments
        beside what went back outside."""
        payers = set()
        for row in self.own():
            was = before.status_of(row["id"])
            if was in BEGUN | OVER or row["status"] not in BEGUN | {"declined"}:
                continue
            if _is_goods(row):
                assert row["rma_identifier"] not in self.known.stopped, row
            if row["source"] == "automatic":
                assert ("rma", row["rma_identifier"]) not in self.known.flagged, row
                assert ("order", row["order__identifier"]) not in self.known.flagged, row
            if row["destination"] == "original_payment" and row["status"] in BEGUN:
                payers.add(row["paid_order__identifier"])
        for name in payers:
            self._check_room_of_cash(self.known.orders[name])

    def _check_room_of_cash(self, order: Order) -> None:
        begun = [
            row
            for row in self.own()
            if row["status"] in BEGUN
            and row["destination"] == "original_payment"
            and row["paid_order__identifier"] == order.identifier
        ]
        cents = sum(row["shopper_amount_cents"] for row in begun)
        assert cents + order.returned_outside() <= order.captured, (order.identifier, begun)
        held: Counter[str] = Counter()
        for row in begun:
            for payout in self.books.payouts[row["id"]]:
                if payout["status"] not in ("declined", "canceled"):
                    held[payout["transaction_identifier"]] += payout["amount_cents"]
        for capture, taken in order.captures.items():
            back = sum(c for parent, c in order.returned if parent == f"{capture}-AUTH")
            if held[capture]:
                assert held[capture] + back <= taken, (order.identifier, capture, held)

    def check_approvals(self, before: Books) -> None:
        """Nobody approved their own, and nobody above what they decide on."""
        for row in self.own():
            chain = self.books.chains[row["identifier"]]
            was = before.chains.get(row["identifier"], [])
            approved = [c for c in chain[len(was) :] if c["after"] == "approved"]
            if not approved:
                continue
            cents, limits = row["total_refund_amount_cents"], self.known.limits
            if row["approver_id"]:
                assert row["approver_id"] == approved[0]["actor_id"]
                assert (row["source"], row["approver_id"]) != ("staff", row["author_id"]), row
                assert within(cents, limits.of(self.known.roles[row["approver_id"]])), row
            elif row["source"] == "staff":
                assert within(cents, limits.of(self.known.roles[row["author_id"]])), row
                assert within(cents, limits.two_person), row
            else:
                limit = limits.api if row["source"] == "api" else limits.automatic
                assert within(cents, limit), row

    # --- Messages ------------------------------------------------------------------------------

    def check_deliveries(self) -> None:
        """Every message that was answered 2xx has its row, and is counted."""
        rows = Delivery.objects.filter(topic="rma").values_list("body", "copies")
        copies = {bytes(body): count for body, count in rows}
        for body, count in self.known.answered.items():
            assert count <= copies.get(body, 0) <= self.known.sent[body]

    def check_snapshots(self) -> None:
        """Optoro is told of paid refunds only, always the same, and nothing goes backwards."""
        paid = {r["identifier"] for r in self.books.refunds.values() if r["status"] == "paid"}
        for snapshot in self.known.optoro.snapshots[self.seen_snapshots :]:
            name = snapshot["identifier"]
            assert snapshot["updated_at"] >= self.updated_at.get(name, ""), name
            self.updated_at[name] = snapshot["updated_at"]
            told: dict[str, Any] = {r["identifier"]: r for r in snapshot["refunds"]}
            assert told.keys() <= paid
            assert self.reported.get(name, set()) <= told.keys()
            self.reported[name] = set(told)
            for identifier, content in told.items():
                text = json.dumps(content, sort_keys=True)
                assert self.frozen.setdefault(identifier, text) == text
        self.seen_snapshots = len(self.known.optoro.snapshots)
        for row in self.books.refunds.values():
            if row["reported_at"]:
                assert row["identifier"] in self.frozen
                assert row["status"] == "paid"


def _is_goods(row: Row) -> bool:
    return bool(row["kind"] == "goods")

"""The machine that draws what happens next."""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import time_machine
from django.core.cache import cache
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from apps.payments.types import GatewayOutcome
from apps.refunds.models import ApprovalPolicy, Payout, Refund, RefundPolicy
from apps.refunds.policy_changes import set_policy
from apps.rmas.models import Rma
from apps.rmas.rules import CONDITIONS
from apps.stores.models import Store
from apps.stores.queries import default_store
from tests.stateful import books, end
from tests.stateful.case_work import CaseWork
from tests.stateful.checks import Known, Limits, Watch
from tests.stateful.desk import Desk, Request
from tests.stateful.happenings import HAPPENINGS, happens
from tests.stateful.weather import (
    MOODS,
    OPTORO_MOODS,
    POINTS,
    BadOptoro,
    BookedGateway,
    Weather,
)
from tests.stateful.world import Order, Outside, Return, Unit, orders
from tests.support.rollback import rolled_back

START = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
METHODS = ("mail_back", "express_returns", "home_pickup", "customer_keep")
KINDS = ("REFUND", "REFUND", "REFUND", "UNEVEN_EXCHANGE", "INSTANT_EXCHANGE")
LIMITS = (
    Limits(),
    Limits(agent=1500, lead=5000, two_person=None, api=1500),
    Limits(two_person=1000, automatic=2000, goodwill=700),
    Limits(agent=0, lead=None, api=0, goodwill=0),
)
HOLDS = st.sampled_from([0, 0, 10, 600])
PICK = st.integers(0, 5)
CENTS = st.sampled_from([1, 300, 700, 999, 1000, 2500])
NAMES = ("ana", "bob", "lea", "ada")


class Outsiders:
    """What an example finds when it begins."""

    send_order: Callable[..., Any]
    send_rma: Callable[..., Any]
    optoro: Any
    people: dict[str, tuple[int, str]]
    seen: Counter[str]


class Returns(CaseWork, RuleBasedStateMachine):
    """Orders, returns, requests, decisions, payments and deaths, in any order."""

    outsiders: Outsiders

    def __init__(self) -> None:
        super().__init__()
        out = self.outsiders
        self.stack = contextlib.ExitStack()
        self.clock = self.stack.enter_context(time_machine.travel(START, tick=False))
        self.stack.enter_context(rolled_back())
        cache.clear()
        self.weather = Weather(out.seen)
        self.known = Known(self.weather, out.optoro)
        self.known.roles = dict(out.people.values())
        self.bad_optoro = BadOptoro(out.optoro, self.weather)
        self.desk = Desk(self.known, out.send_order, out.send_rma, self.clock.shift, out.people)
        self.watch = Watch(self.known)
        BookedGateway.weather = self.weather
        self.weather.meanwhile = self.desk.meanwhile
        self.orders: list[Order] = []
        self.returns: list[Return] = []
        self.asked: list[Request] = []
        self.is_whole = True

    def teardown(self) -> None:
        try:
            if self.is_whole:
                with self.step():
                    self.bad_optoro.moods = []
                    end.come_to_rest(self.desk, self.watch)
                end.check(self.watch)
                for row in self.watch.own():
                    self.weather.seen[f"{row['source']} {row['status']}"] += 1
        finally:
            self.stack.close()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Time passes, something happens, and everything is looked at."""
        self.is_whole = False
        self.clock.shift(1)
        self.desk.note_what_is_stopped()
        yield
        self.watch.look(books.read())
        self.is_whole = True
        self.weather.seen["steps"] += 1

    def take_in(self, works: bool) -> None:
        """What workers do at once where they are quick."""
        if works:
            self.desk.process(20)
            self.desk.work(30)

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        """One of all the things that can happen now."""
        # The last ones are the simplest: they do nothing by themselves.
        possible = [
            one for one in reversed(HAPPENINGS) if one.when(self) for _ in range(one.weight)
        ]
        one = data.draw(st.sampled_from(possible).map(lambda one: one.name), "what")
        drawn = next(other.drawn for other in HAPPENINGS if other.name == one)
        getattr(self, one)(**data.draw(st.fixed_dictionaries(drawn), "with"))

    # --- Orders --------------------------------------------------------------------------------

    @initialize(
        drawn=orders(),
        gift_cards=st.sampled_from(["", "", "manual"]),
        limits=st.sampled_from(LIMITS),
        hold=HOLDS,
        moods=st.lists(st.sampled_from(MOODS), max_size=4),
        is_late=st.booleans(),
    )
    def begin(
        self,
        drawn: list[Order],
        gift_cards: str,
        limits: Limits,
        hold: int,
        moods: list[str],
        is_late: bool,
    ) -> None:
        """What was bought; the order system tells of the first order at once."""
        self.change_limits(limits, hold)
        self.weather.moods = moods
        with self.step():
            Store.objects.filter(pk=default_store().pk).update(gift_card_gateway=gift_cards)
            self.orders = drawn
            for order in drawn[:1] if is_late else drawn:
                self.desk.tell_order(order, order.next_snapshot())

    def order(self, pick: int) -> Order:
        """One of the orders."""
        return self.orders[pick % len(self.orders)]

    @happens(pick=PICK, works=st.booleans())
    def ship(self, pick: int, works: bool) -> None:
        """Everything of an order has shipped by now."""
        order = self.order(pick)
        with self.step():
            order.shipped = {line.identifier: line.quantity for line in order.lines.values()}
            self.desk.tell_order(order, order.next_snapshot())
            self.take_in(works)

    @happens(
        when=lambda self: any(len(order.snapshots) > 1 for order in self.orders),
        pick=PICK,
        which=PICK,
    )
    def tell_older_order(self, pick: int, which: int) -> None:
        """A snapshot that came before comes again."""
        told = [order for order in self.orders if len(order.snapshots) > 1]
        order = told[pick % len(told)]
        with self.step():
            self.desk.tell_order(order, order.snapshots[which % (len(order.snapshots) - 1)])

    @happens(
        pick=PICK,
        cents=CENTS,
        line=PICK,
        kind=st.sampled_from(["line", "line", "rma", "rma_alone", "bare", "goodwill"]),
        works=st.booleans(),
    )
    def refund_outside(self, pick: int, cents: int, line: int, kind: str, works: bool) -> None:
        """The order system makes a refund by itself."""
        order = self.order(pick)
        with self.step():
            made = Outside(f"OMS-{order.identifier}-{len(order.outside)}", cents)
            made.is_goodwill = kind == "goodwill"
            if kind in ("line", "rma"):
                made.line, made.quantity = sorted(order.lines)[line % len(order.lines)], 1
            if kind.startswith("rma") and self.returns:
                made.rma = self.returns[line % len(self.returns)].identifier
            order.outside.append(made)
            self.desk.tell_order(order, order.next_snapshot())
            self.take_in(works)

    @happens(
        when=lambda self: any(order.captures for order in self.orders),
        pick=PICK,
        cents=CENTS,
        which=PICK,
        is_named=st.booleans(),
    )
    def give_back_outside(self, pick: int, cents: int, which: int, is_named: bool) -> None:
        """Somebody pays back to a payment, and only the transactions tell."""
        paid = [order for order in self.orders if order.captures]
        order = paid[pick % len(paid)]
        with self.step():
            capture = sorted(order.captures)[which % len(order.captures)]
            order.returned.append((f"{capture}-AUTH" if is_named else "", cents))
            self.desk.tell_order(order, order.next_snapshot())

    # --- Returns -------------------------------------------------------------------------------

    @happens(
        weight=3,
        when=lambda self: len(self.returns) < 3,
        picks=st.lists(st.tuples(PICK, PICK, st.sampled_from(KINDS)), min_size=1, max_size=3),
        method=st.sampled_from(["mail-back", "mail-back", "customer-keep"]),
        giftee=st.sampled_from(["", "", "", "g@example.com"]),
        shipping=st.sampled_from([0, 0, 500]),
        is_scanned=st.booleans(),
        works=st.booleans(),
    )
    def start_return(
        self,
        picks: list[tuple[int, int, str]],
        method: str,
        giftee: str,
        shipping: int,
        is_scanned: bool,
        works: bool,
    ) -> None:
        """The shopper starts a return of some units, perhaps of more than there are."""
        units: list[Unit] = []
        for n, (pick, which, kind) in enumerate(picks):
            order = self.order(pick)
            line = order.lines[sorted(order.lines)[which % len(order.lines)]]
            cents = line.share(n % line.quantity)
            units.append(Unit(order.identifier, line.identifier, cents, kind))
        told = Return(f"RMA-{len(self.returns) + 1}", method, units, giftee, shipping)
        if is_scanned:
            told.move("scan")
        with self.step():
            self.returns.append(told)
            self.desk.tell_return(told, told.next_message())
            self.take_in(works)

    @happens(
        weight=4,
        when=lambda self: self.returns,
        pick=PICK,
        what=st.sampled_from(
            ["scan"] * 3
            + ["receive"] * 2
            + ["scan_one", "lose", "revalue", "drop", "CANCELED", "REFUNDED"]
        ),
        works=st.booleans(),
        is_late=st.sampled_from([False, False, True]),
    )
    def move_return(self, pick: int, what: str, works: bool, is_late: bool) -> None:
        """Something happens to a return; a message that is late comes by `tell_again`."""
        told = self.returns[pick % len(self.returns)]
        with self.step():
            told.move(what)
            message = told.next_message()
            if not is_late:
                self.desk.tell_return(told, message)
                self.take_in(works)

    @happens(when=lambda self: self.returns, pick=PICK, which=PICK)
    def tell_again(self, pick: int, which: int) -> None:
        """Any message of a return comes, perhaps again."""
        told = self.returns[pick % len(self.returns)]
        with self.step():
            self.desk.tell_return(told, told.messages[-1 - which % len(told.messages)])

    # --- Workers and time ----------------------------------------------------------------------

    @happens(weight=2, limit=st.sampled_from([1, 50]))
    def process(self, limit: int) -> None:
        """A worker takes in messages."""
        with self.step():
            self.desk.process(limit)

    @happens(weight=3, limit=st.sampled_from([1, 1, 50, 50]))
    def work(self, limit: int) -> None:
        """A worker does one job, or all there are."""
        with self.step():
            self.desk.work(limit)

    @happens(weight=2, seconds=st.sampled_from([10, 130, 700, 4000, 100_000]), works=st.booleans())
    def wait(self, seconds: int, works: bool) -> None:
        """Time passes: leases and holds end, retries are due."""
        with self.step():
            self.clock.shift(seconds)
            self.take_in(works)

    # --- Requests ------------------------------------------------------------------------------

    @happens(
        weight=5,
        who=st.sampled_from(["", "", "ana", "bob", "lea"]),
        pick=PICK,
        rma=st.sampled_from([None, 0, 0, 1]),
        lines=st.lists(st.tuples(PICK, st.sampled_from([1, 1, 1, 2, 3])), min_size=1, max_size=2),
        cents=st.sampled_from([None, None, None, 1, 999, 2500]),
        destination=st.sampled_from(["", "", "gift_card"]),
    )
    def ask_for_goods(
        self,
        who: str,
        pick: int,
        rma: int | None,
        lines: list[tuple[int, int]],
        cents: int | None,
        destination: str,
    ) -> None:
        """A person or a machine wants units refunded."""
        told = self.returns[rma % len(self.returns)] if rma is not None and self.returns else None
        name = told.units[pick % len(told.units)].order if told else self.order(pick).identifier
        order = next(order for order in self.orders if order.identifier == name)
        names = sorted(order.lines)
        if told:
            names = sorted({unit.line for unit in told.units if unit.order == name})
        wanted = {names[n % len(names)]: count for n, count in lines}
        request = Request(
            f"key-{len(self.asked)}",
            who,
            name,
            told.identifier if told else "",
            tuple((line, count, cents) for line, count in wanted.items()),
            destination=destination,
        )
        self._ask(request)

    @happens(weight=2, who=st.sampled_from(["", "ana", "bob", "lea"]), pick=PICK, cents=CENTS)
    def ask_for_goodwill(self, who: str, pick: int, cents: int) -> None:
        """A person or a machine wants to give goodwill."""
        name = self.order(pick).identifier
        self._ask(Request(f"key-{len(self.asked)}", who, name, goodwill=cents))

    @happens(
        weight=5,
        when=lambda self: self.asked,
        which=PICK,
        what=st.sampled_from(["new key", "new key", "same", "other wish"]),
    )
    def ask_again(self, which: int, what: str) -> None:
        """A wish comes again, with its key or a new one; or its key with another wish."""
        request = self.asked[-1 - which % len(self.asked)]
        if what == "new key":
            request = replace(request, key=f"key-{len(self.asked)}")
        if what == "other wish":
            request = replace(request, reason="something else")
        self._ask(request)

    def _ask(self, request: Request) -> None:
        is_there = not request.rma or self.knows_return(request.rma)
        if request.order not in self.known.orders or not is_there:
            return
        with self.step():
            if request not in self.asked:
                self.asked.append(request)
            self.desk.ask(request)

    def knows_return(self, identifier: str) -> bool:
        """Whether the desk has taken in a message of a return."""
        return Rma.objects.filter(rma_identifier=identifier).exists()

    # --- People --------------------------------------------------------------------------------

    def refund(self, pick: int, *statuses: str) -> Refund | None:
        """One of the refunds in these states; the newest ones first."""
        rows = list(Refund.objects.filter(status__in=statuses).order_by("-pk")[:6])
        return rows[pick % len(rows)] if rows else None

    def has(self, *statuses: str) -> bool:
        """Whether there was a refund in one of these states after the last step."""
        return any(row["status"] in statuses for row in self.watch.books.refunds.values())

    @happens(
        weight=5, when=lambda self: self.has("proposed"), pick=PICK, who=st.sampled_from(NAMES)
    )
    def approve(self, pick: int, who: str) -> None:
        """A person approves what waits."""
        refund = self.refund(pick, "proposed")
        with self.step():
            if refund:
                self.desk.approve(refund, who)

    @happens(
        weight=1,
        when=lambda self: self.watch.books.refunds,
        pick=PICK,
        who=st.sampled_from(NAMES),
        is_any=st.booleans(),
    )
    def cancel(self, pick: int, who: str, is_any: bool) -> None:
        """A person takes a refund back, or tries to."""
        later = ("paying", "unknown", "paid") if is_any else ()
        refund = self.refund(pick, "proposed", "approved", *later)
        with self.step():
            if refund and refund.source != "external":
                self.desk.cancel(refund, who)

    @happens(when=lambda self: self.returns, pick=PICK, is_withdrawn=st.booleans())
    def ask_for_cancellation(self, pick: int, is_withdrawn: bool) -> None:
        """A person asks for a return's cancellation, or takes that back."""
        told = self.returns[pick % len(self.returns)]
        with self.step():
            if is_withdrawn:
                self.desk.withdraw_cancellation(told)
            else:
                self.desk.ask_for_cancellation(told)

    @happens(
        weight=3, when=lambda self: self.has("paying", "unknown"), pick=PICK, is_paid=st.booleans()
    )
    def tell_outcome(self, pick: int, is_paid: bool) -> None:
        """A person says what became of a payment."""
        rows = list(Payout.objects.exclude(status__in=["paid", "canceled"]).order_by("-pk")[:6])
        with self.step():
            if rows:
                self.desk.tell(rows[pick % len(rows)], is_paid=is_paid)

    @happens(limits=st.sampled_from(LIMITS), hold=HOLDS)
    def change_limits(self, limits: Limits, hold: int) -> None:
        """Others decide on other amounts from now on."""
        with self.step():
            self.known.limits = limits
            ApprovalPolicy.objects.create(
                store=default_store(),
                agent_limit_cents=limits.agent,
                lead_limit_cents=limits.lead,
                administrator_limit_cents=limits.administrator,
                api_limit_cents=limits.api,
                automatic_limit_cents=limits.automatic,
                two_person_above_cents=limits.two_person,
                goodwill_limit_cents=limits.goodwill,
                staff_hold_minutes=hold,
                api_hold_minutes=hold // 10,
            )

    @happens(
        trigger=st.sampled_from(["default", "default", "receipt", "manual"]),
        delay=st.sampled_from([0, 0, 30, 1500]),
        charges=st.booleans(),
        tender_order=st.sampled_from(["gift_card_first", "gift_card_last"]),
    )
    def change_policy(self, trigger: str, delay: int, charges: bool, tender_order: str) -> None:
        """Another policy is in force from now on."""
        with self.step():
            version = RefundPolicy(
                store=default_store(),
                payment_delay_minutes=delay,
                automatic_conditions=[*CONDITIONS, ""],
                charges_return_shipping=charges,
                tender_order=tender_order,
                **{f"{method}_trigger": trigger for method in METHODS},
            )
            set_policy(version=version, user_id=self.desk.people["ada"][0])

    # --- Weather -------------------------------------------------------------------------------

    @happens(
        weight=3,
        moods=st.lists(st.sampled_from(MOODS), min_size=1, max_size=3),
        pending_becomes=st.sampled_from(["paid", "declined"]),
    )
    def spoil_gateway(self, moods: list[str], pending_becomes: str) -> None:
        """The gateway's next calls go wrong."""
        self.weather.moods = moods
        self.weather.pending_becomes = GatewayOutcome(pending_becomes)

    @happens(moods=st.lists(st.sampled_from(OPTORO_MOODS), min_size=1, max_size=2))
    def spoil_optoro(self, moods: list[str]) -> None:
        """Optoro's next answers go wrong."""
        self.bad_optoro.moods = moods

    @happens(weight=2, point=st.sampled_from(POINTS))
    def kill_soon(self, point: str) -> None:
        """Whoever comes to this point next dies there."""
        self.weather.dies_at = point

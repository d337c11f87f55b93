"""Plays returns by itself, so that a person can watch the desk at work.

The shop tells the desk its variants and posts orders. The desk sends the orders on as snapshots;
once the sandbox holds one, a shopper starts a return or an exchange, and its parcel moves on step
by step; what is exchanged comes back to the desk as an order that ships. In some stories the shop
asks the desk for a refund, or for a cancellation, by itself. Every snapshot of an order is posted
until the desk has taken it, so a desk that is down for a while misses nothing.
"""

import threading
import time
from collections import deque

from apps.common.clock import now
from apps.sandbox.catalogue import PRODUCTS, REASONS, Product
from apps.sandbox.desk_calls import DeskFailed, NotKnownYet
from apps.sandbox.faults import dice
from apps.sandbox.fulfilment import CANCELED, CREATED, SHIPPED, exchange_snapshot
from apps.sandbox.plots import (
    BOOK,
    GIVE_UP,
    RETAILERS,
    RETURN_EXCHANGE,
    SHIP,
    Deck,
    items_to_return,
    places,
    with_kinds,
    without_exchange,
)
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.retailer import Retailer
from apps.sandbox.shop import Shop
from apps.sandbox.simulation import Simulation
from apps.sandbox.state import REFUND, JsonObject
from apps.sandbox.storefront import Storefront
from apps.sandbox.story import Story

BACKLOG = 12
BACKLOG_SECONDS = 8.0
BRISK_ORDERS = 60
STEPS_PER_ORDER = 4
MANY_OPEN = 8
TICK_SECONDS = 0.02
LOOK_SECONDS = 1.0
LONGEST_PAUSE = 15.0
KEPT_STORIES = 100
MOST_REFUSALS = 5
POSTED_AS = {BOOK: CREATED, SHIP: SHIPPED, GIVE_UP: CANCELED}


class Player:
    """Runs in a thread of its own until the sandbox stops.

    `pace` is the average pause in seconds between two steps of any return, half of it while many
    are under way; `orders` is how many orders the shop makes, 0 for no end.
    """

    def __init__(
        self, simulation: Simulation, api_key: str, pace: float = 2.0, orders: int = 40
    ) -> None:
        seed = simulation.options.seed
        self._simulation = simulation
        self._pace = pace
        self._limit = orders
        self._dice = dice(seed, "player")
        self._deck = Deck(dice(seed, "plots"))
        self._shop = Shop(dice(seed, "shop"), f"{simulation.run_identifier}-")
        self._storefront = Storefront(simulation.options, api_key)
        self._retailer = Retailer(simulation.books, self._storefront)
        self._stories: list[Story] = []
        self._told: deque[Story] = deque(maxlen=KEPT_STORIES)
        self._made = 0
        self._posted = 0
        self._over = 0
        self._trouble = ""
        self._failures = 0
        start = time.monotonic()
        self._order_at, self._step_at, self._post_at, self._look_at = start, start, start, start
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Starts playing."""
        self._thread.start()

    def stop(self) -> None:
        """Waits briefly for the thread, which ends when the sandbox stops."""
        self._thread.join(timeout=0.5)
        self._storefront.close()

    @property
    def is_done(self) -> bool:
        """Whether all orders were made, taken by the desk, and all their returns played."""
        return bool(self._limit) and self._made >= self._limit and not self._stories

    def _run(self) -> None:
        while not self._simulation.stopping.wait(TICK_SECONDS):
            try:
                self.tick()
            except RuntimeError:  # the client was closed under a call
                if not self._simulation.stopping.is_set():
                    raise

    def tick(self) -> None:
        """Does whatever is due: makes an order, posts one, moves one return on."""
        moment = time.monotonic()
        if moment >= self._order_at and (not self._limit or self._made < self._limit):
            self._make_order(moment)
        if moment >= self._post_at:
            self._post_next(moment)
        if moment >= self._step_at:
            self._step(moment)
        over = [story for story in self._stories if story.is_over and story.is_posted]
        self._over += len(over)
        self._told.extend(over)
        self._stories = [story for story in self._stories if story not in over]
        if moment >= self._look_at:
            self._simulation.note_overdue()
            self._look_at = moment + LOOK_SECONDS
            self._simulation.play_report = self.report()
        else:
            self._simulation.play_report |= self._progress()

    def report(self) -> JsonObject:
        """Returns how far the play is, and each story, for the page."""
        books = self._simulation.books
        with books.lock:
            stories = [story.as_json(books) for story in (*self._told, *self._stories)]
        return self._progress() | {"stories": stories}

    def _progress(self) -> JsonObject:
        return {
            "orders_made": self._made,
            "orders_posted": self._posted,
            "orders_wanted": self._limit,
            "stories_open": len(self._stories),
            "stories_over": self._over,
            "trouble": self._trouble,
            "is_done": self.is_done,
        }

    # --- the shop ---------------------------------------------------------------------------

    def _make_order(self, moment: float) -> None:
        plot = self._deck.deal()
        order = self._shop.new_order(plot.wish, plot.order_ending)
        story = Story(plot, order, post_at=moment, steps=plot.steps)
        self._stories.append(story)
        self._made += 1
        if plot.is_late:
            story.post_at = moment + 3 * self._pace
            try:
                self._start_return(story, {order.identifier: order.final})
            except ReturnRefused as error:
                self._end(story, str(error))
        self._order_at = moment + self._pause_before_order()

    def _pause_before_order(self) -> float:
        """A quick backlog first, then about an order per few steps, then now and again."""
        if self._made < BACKLOG:
            return min(self._pace, BACKLOG_SECONDS / BACKLOG)
        steps = STEPS_PER_ORDER if self._made < BRISK_ORDERS or self._limit else 12
        return self._around(self._pace * steps)

    def _around(self, seconds: float) -> float:
        return seconds * self._dice.uniform(0.5, 1.5)

    def _post_next(self, moment: float) -> None:
        """Posts the order that has waited longest, after the variants of what is in it."""
        due = [s for s in self._stories if not s.is_posted and s.post_at <= moment]
        if not due:
            self._tell_variants(PRODUCTS)
            return
        story = min(due, key=lambda story: story.post_at)
        if not self._storefront.knows(story.order.products):
            self._tell_variants(story.order.products)
            return
        trouble = self._storefront.post_order(story.order.snapshots[story.posted])
        if trouble is None:
            self._failures, self._trouble = 0, ""
            story.posted += 1
            story.refusals = 0
            story.post_at = moment + 2 * self._pace
            self._posted += story.is_posted
        elif trouble.is_desks:
            self._hold_posts(trouble.text)
        else:
            story.refusals += 1
            self._trouble = f"order {story.order.identifier}: {trouble.text}"
            story.post_at = time.monotonic() + _growing(story.refusals)

    def _tell_variants(self, products: tuple[Product, ...]) -> None:
        trouble = self._storefront.tell_variants(products)
        if trouble and trouble.is_desks:
            self._hold_posts(trouble.text)
        elif trouble:
            self._trouble = f"variants: {trouble.text}"

    def _hold_posts(self, why: str) -> None:
        self._failures += 1
        self._trouble = why
        self._post_at = time.monotonic() + _growing(self._failures)

    def _post_exchange(self, story: Story, status: str) -> None:
        """The order system sends an exchange order on. Raises DeskFailed until it is taken."""
        with self._simulation.books.lock:
            exchange = story.exchange(self._simulation.books)
            if exchange is None:
                raise ReturnRefused(f"order {story.order.identifier} has no exchange order")
            snapshot = exchange_snapshot(exchange, status)
        trouble = self._storefront.post_order(snapshot)
        if trouble:
            story.refusals += not trouble.is_desks
            text = f"exchange order {exchange.identifier}: {trouble.text}"
            raise (ReturnRefused if story.refusals > MOST_REFUSALS else DeskFailed)(text)
        if status == SHIPPED:
            exchange.shipped_at = now()

    # --- the shoppers -----------------------------------------------------------------------

    def _step(self, moment: float) -> None:
        ready = [story for story in self._stories if self._is_ready(story, moment)]
        if not ready:
            return
        story = self._dice.choice(ready)
        try:
            self._go_on(story)
        except DeskFailed as error:
            story.failures += 1
            story.not_before = time.monotonic() + _growing(story.failures)
            if not isinstance(error, NotKnownYet):
                self._trouble = str(error)
        except ReturnRefused as error:
            self._refused(story, str(error))
        else:
            story.failures = 0
        is_busy = len(ready) > MANY_OPEN
        self._step_at = moment + self._around(self._pace / 2 if is_busy else self._pace)

    def _is_ready(self, story: Story, moment: float) -> bool:
        if story.is_over or moment < story.not_before:
            return False
        if not story.rmas:
            return self._has_shipped(story.order.identifier)
        if story.step[0] != RETURN_EXCHANGE:
            return True
        exchange = story.exchange(self._simulation.books)
        if exchange and self._has_shipped(exchange.identifier):
            return True
        story.waits_since = story.waits_since or moment
        if moment - story.waits_since > self._simulation.options.snapshot_patience:
            self._end(story, "the exchange order was never sent")
        return False

    def _has_shipped(self, identifier: str) -> bool:
        with self._simulation.books.lock:
            record = self._simulation.books.orders.get(identifier)
            return record is not None and record.document["status"] == "Shipped"

    def _go_on(self, story: Story) -> None:
        if story.starts_with_return:
            self._start_return(story, {})
            return
        event, which = story.step
        if event == RETURN_EXCHANGE:
            self._return_exchange(story)
        elif event in RETAILERS:
            self._retailer.do(story, event)
        elif event in POSTED_AS:
            self._post_exchange(story, POSTED_AS[event])
        else:
            count = len(self._simulation.books.rmas[story.rmas[-1]].units)
            self._simulation.move(story.rmas[-1], event, places(which, count))
        story.steps_done += 1
        story.is_over = story.steps_done == len(story.steps)

    def _refused(self, story: Story, why: str) -> None:
        """Goes on without the exchange where it cannot be had; otherwise the story ends."""
        has_begun = any(rma in self._simulation.books.rmas for rma in story.rmas)
        if story.plot.kind == REFUND or not story.has_exchange or has_begun:
            self._end(story, why)
            return
        story.note, story.has_exchange = why, False
        story.rmas.clear()
        story.steps, story.steps_done = without_exchange(story.plot.steps), 0

    def _end(self, story: Story, why: str) -> None:
        self._trouble = story.note = why
        story.is_over = True

    def _start_return(self, story: Story, unseen_orders: dict[str, JsonObject]) -> None:
        plot, order = story.plot, story.order.final
        items = items_to_return(plot, order)
        if not items:
            story.is_over = True
            return
        wanted = with_kinds(plot, items)
        if not story.has_exchange:
            wanted = [item | {"refund_type": REFUND} for item in wanted]
        story.rmas.append(
            self._simulation.start_return(
                order["identifier"],
                wanted,
                plot.return_method,
                terms=plot.terms,
                is_told_first=plot.is_told_first,
                does_place=False,
                unseen_orders=unseen_orders,
                gift_refund_only=plot.is_gift,
                giftee_email=f"gift.{order['customer']['email']}" if plot.is_gift else None,
                return_reason=self._dice.choice(REASONS),
                return_shipping_cost_cents=plot.shipping_cost_cents,
                concept=order["concept"],
                version=plot.version,
                condition=plot.condition,
                is_forgetful=plot.is_forgetful,
                has_bare_item=plot.has_bare_item,
            )
        )
        story.is_over = not story.steps

    def _return_exchange(self, story: Story) -> None:
        with self._simulation.books.lock:
            exchange = story.exchange(self._simulation.books)
            if exchange is None:
                raise ReturnRefused(f"order {story.order.identifier} has no exchange order")
            order = self._simulation.books.orders[exchange.identifier].document
        story.rmas.append(
            self._simulation.start_return(
                exchange.identifier,
                items_to_return(story.plot, order),
                return_reason=self._dice.choice(REASONS),
                concept=story.order.final["concept"],
                version=story.plot.version,
            )
        )


def _growing(failures: int) -> float:
    return min(float(2 ** min(failures - 2, 10)), LONGEST_PAUSE)

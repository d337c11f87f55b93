"""Plays returns by itself, so that a person can watch the desk at work.

The shop posts orders to the desk. The desk sends them on as snapshots; once the sandbox holds one,
a shopper starts a return, and its parcel moves on step by step. Every snapshot of an order is
posted until the desk has taken it, so a desk that is down for a while misses nothing.
"""

import threading
import time
from dataclasses import dataclass

from apps.common import http
from apps.sandbox.catalogue import REASONS
from apps.sandbox.faults import dice
from apps.sandbox.plots import Deck, Plot, items_to_return, places
from apps.sandbox.returns import ReturnRefused
from apps.sandbox.shop import Shop, ShopOrder
from apps.sandbox.simulation import Simulation
from apps.sandbox.state import JsonObject

ORDERS_PATH = "/api/v1/orders"
BACKLOG = 12
BACKLOG_SECONDS = 8.0
BRISK_ORDERS = 40
TICK_SECONDS = 0.02
POST_TIMEOUT = 10.0
LONGEST_PAUSE = 15.0


@dataclass
class _Story:
    """An order on its way through the desk, and the return that follows."""

    plot: Plot
    order: ShopOrder
    post_at: float
    posted: int = 0
    refusals: int = 0
    rma_identifier: str | None = None
    steps_done: int = 0
    is_over: bool = False

    @property
    def is_posted(self) -> bool:
        return self.posted == len(self.order.snapshots)


class Player:
    """Runs in a thread of its own until the sandbox stops.

    `pace` is the average pause in seconds between two steps of any return; `orders` is how many
    orders the shop makes, 0 for no end.
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
        self._stories: list[_Story] = []
        self._made = 0
        self._posted = 0
        self._over = 0
        self._trouble = ""
        self._failures = 0
        start = time.monotonic()
        self._order_at, self._step_at, self._post_at = start, start, start
        self._client = http.make_client(
            base_url=simulation.options.desk_url,
            timeout=POST_TIMEOUT,
            verify=simulation.options.desk_url.startswith("https"),
            headers={"Authorization": f"Api-Key {api_key}", "User-Agent": "simulated-shop"},
        )
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Starts playing."""
        self._thread.start()

    def stop(self) -> None:
        """Waits briefly for the thread, which ends when the sandbox stops."""
        self._thread.join(timeout=0.5)
        self._client.close()

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
        self._stories = [story for story in self._stories if story not in over]
        self._simulation.play_report = self.report()

    def report(self) -> JsonObject:
        """Returns how far the play is, for the page."""
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
        story = _Story(plot, self._shop.new_order(plot.wish), post_at=moment)
        self._stories.append(story)
        self._made += 1
        if plot.is_late:
            self._start_return(story, {story.order.identifier: story.order.final})
            story.post_at = moment + 3 * self._pace
        self._order_at = moment + self._pause_before_order()

    def _pause_before_order(self) -> float:
        """A quick backlog first, then about an order per three steps, then now and again."""
        if self._made < BACKLOG:
            return min(self._pace, BACKLOG_SECONDS / BACKLOG)
        steps = 3 if self._made < BRISK_ORDERS or self._limit else 12
        return self._around(self._pace * steps)

    def _around(self, seconds: float) -> float:
        return seconds * self._dice.uniform(0.5, 1.5)

    def _post_next(self, moment: float) -> None:
        due = [s for s in self._stories if not s.is_posted and s.post_at <= moment]
        if not due:
            return
        story = min(due, key=lambda story: story.post_at)
        trouble, is_desks = self._post(story.order.snapshots[story.posted])
        if not trouble:
            self._failures, self._trouble = 0, ""
            story.posted += 1
            story.refusals = 0
            story.post_at = moment + 2 * self._pace
            self._posted += story.is_posted
        elif is_desks:
            self._failures += 1
            self._trouble = trouble
            self._post_at = time.monotonic() + _growing(self._failures)
        else:
            story.refusals += 1
            self._trouble = f"order {story.order.identifier}: {trouble}"
            story.post_at = time.monotonic() + _growing(story.refusals)

    def _post(self, snapshot: JsonObject) -> tuple[str, bool]:
        """Posts a snapshot. Returns what went wrong, if anything, and whether the desk is ill."""
        body = {"returns_portal_order": {"orders": [snapshot]}}
        try:
            response = self._client.post(ORDERS_PATH, json=body)
        except http.TransportError as error:
            return f"the desk cannot be reached: {type(error).__name__}", True
        if not response.is_success:
            what = f"{response.status_code} {response.text[:200]}"
            return f"the desk answered {what}", response.status_code >= 500
        return _refusal_in(response), False

    # --- the shoppers -----------------------------------------------------------------------

    def _step(self, moment: float) -> None:
        ready = [story for story in self._stories if self._is_ready(story)]
        if not ready:
            return
        story = self._dice.choice(ready)
        if story.rma_identifier is None:
            self._start_return(story, {})
        else:
            self._move_on(story, story.rma_identifier)
        self._step_at = moment + self._around(self._pace)

    def _is_ready(self, story: _Story) -> bool:
        if story.is_over:
            return False
        if story.rma_identifier is not None:
            return True
        with self._simulation.books.lock:
            record = self._simulation.books.orders.get(story.order.identifier)
            return record is not None and record.document["status"] == "Shipped"

    def _start_return(self, story: _Story, unseen_orders: dict[str, JsonObject]) -> None:
        plot, order = story.plot, story.order.final
        items = items_to_return(plot, order)
        if not items:
            story.is_over = True
            return
        try:
            story.rma_identifier = self._simulation.start_return(
                order["identifier"],
                items,
                plot.return_method,
                gift_refund_only=plot.is_gift,
                giftee_email=f"gift.{order['customer']['email']}" if plot.is_gift else None,
                return_reason=self._dice.choice(REASONS),
                return_shipping_cost_cents=plot.shipping_cost_cents,
                unseen_orders=unseen_orders,
            )
        except ReturnRefused as error:
            self._trouble = str(error)
            story.is_over = True

    def _move_on(self, story: _Story, rma_identifier: str) -> None:
        event, which = story.plot.steps[story.steps_done]
        count = len(self._simulation.books.rmas[rma_identifier].units)
        try:
            self._simulation.move(rma_identifier, event, places(which, count))
        except ReturnRefused as error:
            self._trouble = str(error)
            story.is_over = True
            return
        story.steps_done += 1
        story.is_over = story.steps_done == len(story.plot.steps)


def _growing(failures: int) -> float:
    return min(float(2 ** min(failures - 2, 10)), LONGEST_PAUSE)


def _refusal_in(response: http.Response) -> str:
    """Returns what is wrong with an order by its own result, in an answer that is well itself."""
    try:
        answer = response.json()
    except ValueError:
        return ""
    results = answer.get("results") if isinstance(answer, dict) else None
    for result in results if isinstance(results, list) else []:
        if isinstance(result, dict) and result.get("errors"):
            return f"the desk refused it: {str(result['errors'])[:200]}"
    return ""

"""A story that the player tells: an order on its way through the desk, and what is returned."""

from dataclasses import dataclass, field

from apps.sandbox.plots import NOTHING, Plot, Steps
from apps.sandbox.shop import ShopOrder
from apps.sandbox.state import Books, ExchangeOrder, JsonObject


@dataclass
class Story:
    """How far it is. `not_before` holds it back after a failure; `rmas` are its returns so far.

    `has_exchange` turns false where the portal could offer none, or the desk refused it. `asked` is
    what the retailer's own system has asked of the desk, `first_answer` the answer that has to come
    again, and `unknown` how often the desk did not know yet what was asked about.
    """

    plot: Plot
    order: ShopOrder
    post_at: float
    steps: Steps
    posted: int = 0
    refusals: int = 0
    rmas: list[str] = field(default_factory=list)
    steps_done: int = 0
    is_over: bool = False
    has_exchange: bool = True
    failures: int = 0
    not_before: float = 0.0
    waits_since: float | None = None
    note: str = ""
    asked: list[JsonObject] = field(default_factory=list)
    first_answer: bytes = b""
    unknown: int = 0
    was_refused: bool = False

    @property
    def is_posted(self) -> bool:
        """Whether the desk has all snapshots of its order."""
        return self.posted == len(self.order.snapshots)

    @property
    def starts_with_return(self) -> bool:
        """Whether the next thing to happen is that the shopper starts a return."""
        return not self.rmas and not (self.plot.takes == NOTHING and self.steps)

    @property
    def step(self) -> tuple[str, str]:
        """What happens next, and to which units."""
        return self.steps[self.steps_done]

    def exchange(self, books: Books) -> ExchangeOrder | None:
        """Returns the exchange order of its first return."""
        name = books.exchange_of_order.get(self.order.identifier)
        return books.exchange_orders.get(name) if name else None

    def as_json(self, books: Books) -> JsonObject:
        """Returns how it goes, and how it should end."""
        rmas = [books.rmas[name] for name in self.rmas if name in books.rmas]
        statuses = [rma.status for rma in rmas]
        is_as_planned = all(status == self.plot.ends for status in statuses)
        exchange = self.exchange(books)
        return {
            "plot": self.plot.name,
            "order_identifier": self.order.identifier,
            "exchange_order_identifier": exchange.identifier if exchange else None,
            "rmas": list(self.rmas),
            "statuses": statuses,
            "should_end": self.plot.ends,
            "is_over": self.is_over,
            "is_as_it_should": self.is_over and is_as_planned and not self.was_refused,
            "asked": list(self.asked),
            "note": self.note,
        }

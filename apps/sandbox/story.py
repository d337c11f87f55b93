"""A story that the player tells: an order on its way through the desk, and what is returned."""

from dataclasses import dataclass, field

from apps.sandbox.plots import Plot, Steps
from apps.sandbox.shop import ShopOrder
from apps.sandbox.state import Books, ExchangeOrder, JsonObject


@dataclass
class Story:
    """How far it is. `not_before` holds it back after a failure; `rmas` are its returns so far.

    `has_exchange` turns false where the portal could offer none, or the desk refused it.
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

    @property
    def is_posted(self) -> bool:
        """Whether the desk has all snapshots of its order."""
        return self.posted == len(self.order.snapshots)

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
        exchange = self.exchange(books)
        return {
            "plot": self.plot.name,
            "order_identifier": self.order.identifier,
            "exchange_order_identifier": exchange.identifier if exchange else None,
            "rmas": list(self.rmas),
            "statuses": statuses,
            "should_end": self.plot.ends,
            "is_over": self.is_over,
            "is_as_it_should": self.is_over and all(s == self.plot.ends for s in statuses),
            "note": self.note,
        }

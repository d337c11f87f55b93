"""The stories the player tells: the kind of order, what is returned of it, and what happens."""

import random
from dataclasses import dataclass, field

from apps.sandbox.returns import NOT_RETURNABLE_LINE_TAGS
from apps.sandbox.shop import Wish
from apps.sandbox.state import JsonObject

ALL = "all"
ONE_UNIT = "one unit"
NOTHING = "nothing"
ALL_BUT_LAST = "all but last"
LAST = "last"
CARRIED = (("label", ALL), ("transit", ALL), ("delivered", ALL), ("received", ALL))
DROPPED_OFF = (("accepted", ALL), ("transit", ALL), ("delivered", ALL), ("received", ALL))


@dataclass(frozen=True)
class Plot:
    """One story. `steps` are events with the units they happen to."""

    name: str
    return_method: str = "mail-back"
    wish: Wish = field(default_factory=Wish)
    takes: str = ALL
    steps: tuple[tuple[str, str], ...] = CARRIED
    is_gift: bool = False
    shipping_cost_cents: int = 0
    is_late: bool = False


EXPRESS = "express-returns"
PLOTS = (
    Plot("mailed back"),
    Plot("mailed back, one unit", takes=ONE_UNIT, wish=Wish(min_units=2)),
    Plot("mailed back, several lines", wish=Wish(min_lines=2)),
    Plot("mailed back from a partly canceled order", wish=Wish(partly_canceled=True)),
    Plot("mailed back, label charged", shipping_cost_cents=695),
    Plot("mailed back after two shipments", wish=Wish(split=True)),
    Plot("a gift, mailed back", is_gift=True),
    Plot("dropped off", EXPRESS, steps=DROPPED_OFF),
    Plot("dropped off, one unit", EXPRESS, Wish(min_units=3), ONE_UNIT, DROPPED_OFF),
    Plot("dropped off, several lines", EXPRESS, Wish(min_lines=3), ALL, DROPPED_OFF),
    Plot("dropped off beside a tagged line", EXPRESS, Wish(tagged=True), ALL, DROPPED_OFF),
    Plot(
        "partly dropped off",
        EXPRESS,
        Wish(min_units=2),
        ALL,
        (("accepted", ALL_BUT_LAST), ("not_dropped_off", LAST), *DROPPED_OFF[1:]),
    ),
    Plot("canceled by the shopper", steps=(("label", ALL), ("canceled", ALL))),
    Plot("canceled before drop-off", EXPRESS, steps=(("canceled", ALL),)),
    Plot("lost by the carrier", steps=(("label", ALL), ("failure", ALL))),
    Plot("returned before the order is known", is_late=True),
    Plot("kept", takes=NOTHING, steps=()),
)


class Deck:
    """Deals the plots in random order, each once before any comes again."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._cards: list[Plot] = []

    def deal(self) -> Plot:
        """Returns the next plot."""
        if not self._cards:
            self._cards = list(PLOTS)
            self._dice.shuffle(self._cards)
        return self._cards.pop()


def items_to_return(plot: Plot, order: JsonObject) -> dict[str, int]:
    """Returns how many units of which lines the shopper sends back."""
    lines = [
        line
        for line in order["items"]
        if line["quantity_shipped"] and not NOT_RETURNABLE_LINE_TAGS.intersection(line["tags"])
    ]
    if plot.takes == NOTHING or not lines:
        return {}
    if plot.takes == ONE_UNIT:
        return {lines[0]["identifier"]: 1}
    return {line["identifier"]: line["quantity_shipped"] for line in lines}


def places(which: str, count: int) -> list[int] | None:
    """Returns the places of the units a step happens to; None stands for all that came."""
    if which == ALL_BUT_LAST:
        return list(range(max(1, count - 1)))
    if which == LAST:
        return [count - 1]
    return None

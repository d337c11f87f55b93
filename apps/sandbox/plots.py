"""The stories the player tells: the kind of order, what is returned of it, and what happens.

There is one for every kind of return that Optoro knows (contract §5, flows.md), some whose payment
does not go smoothly, and some in which the shop asks the desk for something by itself.
"""

import random
from dataclasses import dataclass, field

from apps.sandbox.exchanging import CHEAPER, EVEN, ExchangeTerms
from apps.sandbox.returns import NOT_RETURNABLE_LINE_TAGS
from apps.sandbox.shop import DEAR, HAS_CHEAPER, MANY_SIZES, NO_VARIANTS, SAME_PRICE, Wish
from apps.sandbox.state import (
    INSTANT_EXCHANGE,
    INSTANT_STORE_CREDIT,
    REFUND,
    STANDARD_EXCHANGE,
    JsonObject,
)

ALL = "all"
ONE_UNIT = "one unit"
FIRST_LINE = "first line"
NOTHING = "nothing"
ALL_BUT_LAST = "all but last"
LAST = "last"

Steps = tuple[tuple[str, str], ...]


def on_all(*events: str) -> Steps:
    """Returns steps that happen to all units."""
    return tuple((event, ALL) for event in events)


# Done by the shop rather than by Optoro: the exchange order is entered, ships, or is given up.
BOOK, SHIP, GIVE_UP = "book", "ship", "give_up"
# What the retailer's own system asks of the desk (`retailer.py`).
GOODWILL, GOODWILL_AGAIN, GOODWILL_OTHER = "goodwill", "goodwill_again", "goodwill_other"
REFUND_ONE, REFUND_EVERYTHING = "refund_one", "refund_everything"
ASK_CANCELLATION = "ask_cancellation"
RETAILERS = (GOODWILL, GOODWILL_AGAIN, GOODWILL_OTHER, REFUND_ONE, REFUND_EVERYTHING,
             ASK_CANCELLATION)  # fmt: skip
# The shopper sends back what came in exchange.
RETURN_EXCHANGE = "return_exchange"
ARRIVES = ("delivered", "received")
CARRIED = on_all("label", "transit", *ARRIVES)
DROPPED_OFF = on_all("accepted", "transit", *ARRIVES)
EXCHANGED = on_all("exchange", "label", "transit", BOOK, SHIP, *ARRIVES)
EXCHANGED_AT_DROP_OFF = on_all("exchange", "accepted", BOOK, SHIP, "transit", *ARRIVES)
STANDARD = on_all("label", "transit", "exchange", BOOK, SHIP, *ARRIVES)
ON_CARD = on_all("exchange", "label", "transit", *ARRIVES)


@dataclass(frozen=True)
class Plot:
    """One story. `steps` are events with the units they happen to; `ends` is how its RMAs end.

    `kind` is the refund type of what is exchanged: all that is taken or, with `is_mixed`, a part
    of it. `order_ending` tells the desk's simulated gateway how to treat refunds. Those that are
    `is_early` come first in a demonstration, and those that are `is_soon` after them.
    """

    name: str
    return_method: str = "mail-back"
    wish: Wish = field(default_factory=Wish)
    takes: str = ALL
    steps: Steps = CARRIED
    is_gift: bool = False
    shipping_cost_cents: int = 0
    is_late: bool = False
    kind: str = REFUND
    variant: str = EVEN
    terms: ExchangeTerms = field(default_factory=ExchangeTerms)
    is_mixed: bool = False
    version: int = 4
    condition: str = "A"
    is_forgetful: bool = False
    has_bare_item: bool = False
    is_told_first: bool = False
    ends: str = "REFUNDED"
    is_early: bool = False
    is_soon: bool = False
    order_ending: str = ""


EXPRESS, PICKUP, KEEP = "express-returns", "home-pickup", "customer-keep"
FOR_SAME, FOR_LESS = Wish(first=SAME_PRICE), Wish(first=HAS_CHEAPER)
SEVERAL = Wish(first=SAME_PRICE, min_units=2)

REFUND_PLOTS = (
    Plot("mailed back", is_early=True),
    Plot("mailed back, one unit", takes=ONE_UNIT, wish=Wish(min_units=2)),
    Plot("mailed back, several lines", wish=Wish(min_lines=2), version=5),
    Plot("mailed back from a partly canceled order", wish=Wish(partly_canceled=True)),
    Plot("mailed back, label charged", shipping_cost_cents=695),
    Plot("mailed back after two shipments", wish=Wish(split=True)),
    Plot("mailed back, a single item in an old message", takes=ONE_UNIT, version=3,
         has_bare_item=True),
    Plot("a gift, mailed back", is_gift=True, is_early=True),
    Plot("dropped off", EXPRESS, steps=DROPPED_OFF, is_early=True),
    Plot("dropped off, one unit", EXPRESS, Wish(min_units=3), ONE_UNIT, DROPPED_OFF),
    Plot("dropped off, several lines", EXPRESS, Wish(min_lines=3), ALL, DROPPED_OFF, version=3),
    Plot("dropped off beside a tagged line", EXPRESS, Wish(tagged=True), ALL, DROPPED_OFF),
    Plot("collected at home", PICKUP, steps=DROPPED_OFF, is_early=True),
    Plot("kept by the shopper, refunded at once", KEEP, steps=(), takes=ONE_UNIT, is_early=True),
    Plot("partly dropped off", EXPRESS, Wish(min_units=2), ALL,
         (("accepted", ALL_BUT_LAST), ("not_dropped_off", LAST), *DROPPED_OFF[1:]),
         version=5, is_early=True),
    Plot("received in bad condition", version=5, condition="C"),
    Plot("received as scrap", EXPRESS, steps=DROPPED_OFF, version=5, condition="X"),
    Plot("one unit never arrives, receiving closed", wish=Wish(min_units=2), version=5,
         steps=(("label", ALL), ("transit", ALL_BUT_LAST), ("delivered", ALL_BUT_LAST),
                ("received", ALL_BUT_LAST), ("not_received", LAST), ("closed", ALL)),
         ends="PARTIAL_REFUND", is_early=True),
    Plot("canceled by the shopper", steps=on_all("label", "canceled"), ends="CANCELED"),
    Plot("canceled before drop-off", EXPRESS, steps=on_all("canceled"), ends="CANCELED"),
    Plot("lost by the carrier", steps=on_all("label", "failure"), ends="CREATED"),
    Plot("sent back to the shopper", steps=on_all("label", "returned"), ends="CREATED"),
    Plot("returned before the order is known", is_late=True),
    Plot("kept", takes=NOTHING, steps=()),
)  # fmt: skip
EXCHANGE_PLOTS = (
    Plot("exchanged for another size", wish=FOR_SAME, takes=FIRST_LINE, kind=INSTANT_EXCHANGE,
         steps=EXCHANGED, is_early=True),
    Plot("exchanged at the drop-off, several size attributes", EXPRESS, Wish(first=MANY_SIZES),
         FIRST_LINE, EXCHANGED_AT_DROP_OFF, kind=INSTANT_EXCHANGE, is_early=True),
    Plot("exchanged, told by messages that forget it", EXPRESS, SEVERAL, FIRST_LINE,
         EXCHANGED_AT_DROP_OFF, kind=INSTANT_EXCHANGE, version=3, is_forgetful=True,
         terms=ExchangeTerms("1")),
    Plot("exchanged, the RMA comes before the exchange order", wish=FOR_SAME, takes=ONE_UNIT,
         kind=INSTANT_EXCHANGE, steps=EXCHANGED, is_told_first=True, version=5),
    Plot("exchanged for less, the rest refunded", wish=FOR_LESS, takes=FIRST_LINE,
         kind=INSTANT_EXCHANGE, variant=CHEAPER, steps=EXCHANGED, is_early=True),
    Plot("exchanged for less, in old words", wish=FOR_LESS, takes=ONE_UNIT, version=3,
         kind=INSTANT_EXCHANGE, variant=CHEAPER, steps=EXCHANGED, terms=ExchangeTerms("1")),
    Plot("exchanged for less, the rest on a gift card", wish=FOR_LESS, takes=FIRST_LINE,
         kind=INSTANT_EXCHANGE, variant=CHEAPER, steps=EXCHANGED,
         terms=ExchangeTerms(bonus_percent=5, rest_on_card=True)),
    Plot("exchanged and refunded in one", wish=Wish(first=SAME_PRICE, min_lines=2),
         kind=INSTANT_EXCHANGE, is_mixed=True, steps=EXCHANGED),
    Plot("one of two units exchanged", wish=SEVERAL, takes=FIRST_LINE, kind=INSTANT_EXCHANGE,
         is_mixed=True, steps=EXCHANGED, version=5),
    Plot("a gift, exchanged", wish=FOR_SAME, takes=FIRST_LINE, kind=INSTANT_EXCHANGE,
         is_gift=True, steps=EXCHANGED),
    Plot("exchange asked for twice alike", wish=FOR_SAME, takes=ONE_UNIT, kind=INSTANT_EXCHANGE,
         steps=(*EXCHANGED[:1], ("exchange_again", ALL), *EXCHANGED[1:])),
    Plot("exchange asked for twice, otherwise", wish=FOR_SAME, takes=ONE_UNIT,
         kind=INSTANT_EXCHANGE, steps=(*EXCHANGED[:1], ("exchange_other", ALL), *EXCHANGED[1:])),
    Plot("exchange goods returned in turn", wish=FOR_SAME, takes=FIRST_LINE,
         kind=INSTANT_EXCHANGE, steps=(*EXCHANGED, (RETURN_EXCHANGE, ALL), *CARRIED),
         is_early=True),
    Plot("exchange canceled by the shopper", wish=FOR_SAME, takes=ONE_UNIT, kind=INSTANT_EXCHANGE,
         steps=on_all("exchange", "label", "canceled", GIVE_UP), ends="CANCELED"),
    Plot("exchange sold out, turned into a refund", wish=FOR_SAME, takes=FIRST_LINE,
         kind=INSTANT_EXCHANGE,
         steps=on_all("exchange", "label", GIVE_UP, "convert", "transit", *ARRIVES)),
    Plot("exchange sold out after it was reported", wish=FOR_SAME, takes=ONE_UNIT,
         kind=INSTANT_EXCHANGE,
         steps=on_all("exchange", "label", "transit", BOOK, GIVE_UP, "convert", *ARRIVES)),
    Plot("no exchange on offer, so refunded", wish=Wish(first=NO_VARIANTS), takes=FIRST_LINE,
         kind=INSTANT_EXCHANGE, steps=EXCHANGED),
    Plot("taken as store credit with a bonus", takes=FIRST_LINE, kind=INSTANT_STORE_CREDIT,
         terms=ExchangeTerms(bonus_percent=10), steps=ON_CARD, is_early=True),
    Plot("taken as store credit, in old words", EXPRESS, takes=ONE_UNIT, version=3,
         kind=INSTANT_STORE_CREDIT, terms=ExchangeTerms("1", bonus_percent=10),
         steps=on_all("exchange", "accepted", "transit", *ARRIVES)),
    Plot("store credit and a refund in one", wish=Wish(min_lines=2), kind=INSTANT_STORE_CREDIT,
         is_mixed=True, steps=ON_CARD),
    Plot("standard exchange", wish=FOR_SAME, takes=FIRST_LINE, kind=STANDARD_EXCHANGE,
         steps=STANDARD, is_early=True),
    Plot("standard exchange for less", wish=FOR_LESS, takes=ONE_UNIT, kind=STANDARD_EXCHANGE,
         variant=CHEAPER, steps=STANDARD, version=5),
    Plot("standard exchange, canceled", wish=FOR_SAME, takes=ONE_UNIT, kind=STANDARD_EXCHANGE,
         steps=on_all("label", "canceled"), ends="CANCELED"),
    Plot("standard exchange, turned into a refund", wish=FOR_SAME, takes=FIRST_LINE,
         kind=STANDARD_EXCHANGE, steps=on_all("label", "transit", "convert", *ARRIVES)),
)  # fmt: skip
GATEWAY_PLOTS = (
    Plot("the gateway declines the refund", order_ending="-DECLINE", ends="CREATED", is_soon=True),
    Plot("the answer of the gateway is lost", order_ending="-TIMEOUT", is_soon=True),
    Plot("the gateway takes its time", order_ending="-PENDING", is_soon=True),
    Plot("the gateway answers nonsense", order_ending="-GARBAGE", is_soon=True),
)
# More than the desk lets a machine decide on, whatever the discount: it has to ask a person.
ABOVE_LIMIT = Wish(first=DEAR, min_worth_cents=125_000)
RETAILER_PLOTS = (
    Plot("goodwill, asked for twice alike and once otherwise", takes=NOTHING, is_soon=True,
         steps=on_all(GOODWILL, GOODWILL_AGAIN, GOODWILL_OTHER)),
    Plot("goodwill beside a return", takes=ONE_UNIT, wish=Wish(min_units=2), is_soon=True,
         steps=on_all("label", GOODWILL, "transit", *ARRIVES)),
    Plot("one unit lost in the post, another returned", takes=ONE_UNIT, wish=Wish(min_units=3),
         steps=on_all("label", REFUND_ONE, "transit", *ARRIVES), is_soon=True),
    Plot("all lost in the post, above the limit of machines", takes=NOTHING, wish=ABOVE_LIMIT,
         steps=on_all(REFUND_EVERYTHING), is_soon=True),
    Plot("cancellation asked for and confirmed", is_soon=True, ends="CANCELED",
         steps=on_all("label", ASK_CANCELLATION, "canceled")),
    Plot("cancellation asked for and never confirmed", is_soon=True, ends="CREATED",
         steps=on_all("label", ASK_CANCELLATION, "transit", *ARRIVES)),
)  # fmt: skip
PLOTS = (*REFUND_PLOTS, *EXCHANGE_PLOTS, *GATEWAY_PLOTS, *RETAILER_PLOTS)


class Deck:
    """Deals the plots in random order, each once before any comes again; at first the early ones,
    and then those to be seen soon.

    So the first dozen orders show most of what there is, and the next ones what can go wrong.
    """

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._cards: list[Plot] = []
        self._is_first = True

    def deal(self) -> Plot:
        """Returns the next plot."""
        if not self._cards:
            self._cards = list(PLOTS)
            self._dice.shuffle(self._cards)
            if self._is_first:
                self._cards.sort(key=lambda plot: (plot.is_early, plot.is_soon))
            self._is_first = False
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
    taken = lines[:1] if plot.takes == FIRST_LINE else lines
    return {line["identifier"]: line["quantity_shipped"] for line in taken}


def with_kinds(plot: Plot, items: dict[str, int]) -> list[JsonObject]:
    """Returns the items as a return is started with, each with what the shopper wants for it.

    With `is_mixed` the first line is exchanged and the others refunded; of a single line one unit
    is exchanged.
    """
    wanted: list[JsonObject] = [
        {"order_line_item_identifier": line, "quantity": count, "refund_type": plot.kind,
         "variant": plot.variant}
        for line, count in items.items()
    ]  # fmt: skip
    if plot.kind == REFUND or not plot.is_mixed:
        return wanted
    for item in wanted[1:]:
        item["refund_type"] = REFUND
    if len(wanted) == 1 and items[next(iter(items))] > 1:
        rest = {**wanted[0], "quantity": wanted[0]["quantity"] - 1, "refund_type": REFUND}
        wanted = [wanted[0] | {"quantity": 1}, rest]
    return wanted


def without_exchange(steps: Steps) -> Steps:
    """Returns the steps of a story in which no exchange came about."""
    own = ("exchange", "exchange_again", "exchange_other", "convert", BOOK, SHIP, GIVE_UP)
    left = [step for step in steps if step[0] not in own]
    names = [name for name, _ in left]
    if RETURN_EXCHANGE in names:
        left = left[: names.index(RETURN_EXCHANGE)]
    return tuple(left)


def places(which: str, count: int) -> list[int] | None:
    """Returns the places of the units a step happens to; None stands for all that came."""
    if which == ALL_BUT_LAST:
        return list(range(max(1, count - 1)))
    if which == LAST:
        return [count - 1]
    return None

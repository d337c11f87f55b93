"""What happened to each return of the benchmark: made up, the same in every run, in a shape that
real books have. Nothing here knows tables; amounts are integer cents, times epoch seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

DAY = 86_400
YEARS = 3
SECOND_STORE_SHARE = 0.10
FIRST_NAMES = (
    "Ada", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hiroshi", "Ines", "Jonas", "Kaya",
    "Liam", "Mei", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tomás", "Uma", "Viktor",
    "Wanda", "Xavier", "Yara", "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Bauer", "Costa", "Dubois", "Eriksson", "Fischer", "Garcia", "Haddad", "Ivanov",
    "Jensen", "Kowalski", "Lefèvre", "Moreau", "Nakamura", "Okafor", "Petrov", "Quist", "Rossi",
    "Schmidt", "Tanaka", "Ueda", "Vargas", "Walker", "Xu", "Young", "Zhang",
)  # fmt: skip
BRANDS = ("Northfold", "Hearth & Loom", "Little Harbor")
GOODS = ("Tee", "Jeans", "Overcoat", "Boots", "Dress", "Sweater", "Candle", "Blanket", "Scarf")
COLORS = ("Black", "White", "Indigo", "Camel", "Plum", "Stone", "Oat", "Rust")
REASONS = ("Too Small", "Too Large", "Changed Mind", "Damaged", "Not as Described", "Arrived Late")
METHODS = ("mail-back", "express-returns", "home-pickup", "customer-keep")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for second in _ALPHABET for first in _ALPHABET]


@dataclass(slots=True)
class Line:
    """An order line; every unit of it cost the same to the cent."""

    product: int
    quantity: int
    price: int
    discount: int
    tax: int

    @property
    def unit_cents(self) -> int:
        """What was paid for one unit."""
        return self.price - self.discount + self.tax

    @property
    def sku(self) -> str:
        """The SKU of the line's variant."""
        return f"{30_000 + self.product}-{self.product % 7}"

    @property
    def title(self) -> str:
        """What the shop calls it."""
        return f"{GOODS[self.product % 9]}, {COLORS[self.product % 8]}, {self.product % 7 + 36}"


@dataclass(slots=True)
class Order:
    """An order and its shopper."""

    number: int
    store: int
    ordered_at: int
    shopper: int
    currency: str
    brand: str
    lines: list[Line]
    identifier: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        """The order system's name for it, and who the shopper is."""
        self.identifier = f"SO-{self.number:08d}"
        self.first_name = FIRST_NAMES[self.shopper % 26]
        self.last_name = LAST_NAMES[self.shopper // 26 % 26]
        self.email = f"{self.first_name}.{self.last_name}.{self.shopper}@example.com".lower()


@dataclass(slots=True)
class Story:
    """One return: `status`, `tracking` and `receiving` are Optoro's words, `refund` the desk's
    status of its refund or empty, `units` how many of line `line` of the order come back."""

    number: int
    order: Order
    line: int
    units: int
    is_order_known: bool
    started_at: int
    status: str
    method: str
    refund_type: str
    tracking: str
    receiving: str
    refund: str
    is_second: bool
    reason: str
    age_days: float
    identifier: str = ""
    estimated_cents: int = 0
    shopper_cents: int = 0

    def __post_init__(self) -> None:
        """Optoro's name for it, in no order, and its estimates for one unit."""
        self.identifier = scrambled(self.number, 7_777_777_777, 10)
        self.estimated_cents = self.order.lines[self.line].unit_cents
        if self.refund_type == "REFUND":
            self.shopper_cents = self.estimated_cents
        elif self.refund_type == "UNEVEN_EXCHANGE":
            self.shopper_cents = self.estimated_cents // 5

    @property
    def is_exchange(self) -> bool:
        """Whether an exchange order was placed for it."""
        return self.refund_type != "REFUND" and self.is_order_known and not self.is_second


def scrambled(number: int, factor: int, length: int) -> str:
    """Returns a text for a number that no other number below 32 ** `length` has; `factor` is odd,
    `length` even."""
    rest = number * factor % 32**length
    pairs = []
    for _ in range(length // 2):
        pairs.append(_PAIRS[rest & 1023])
        rest >>= 10
    return "".join(pairs)


def refund_identifier(number: int) -> str:
    """Returns the identifier of the refund of return `number`, as the desk writes them."""
    text = scrambled(number, 982_451_653, 10)
    return f"RD-{text[:5]}-{text[5:]}"


def stories(count: int, now: int, seed: int = 5) -> Iterator[Story]:
    """Yields `count` returns, oldest first, the last one started shortly before `now`; a few
    returns are spread over days instead of years, so that some of everything is open."""
    numbers = Random(seed)
    first = now - min(YEARS * 365, max(20, count // 10)) * DAY
    step = (now - first) / count
    previous: Order | None = None
    for number in range(1, count + 1):
        started_at = int(first + step * number)
        order = _order(number, started_at, count, numbers)
        is_second = number % 10 == 0 and previous is not None
        if is_second and previous is not None:
            order = previous
        yield _story(number, order, started_at, now, is_second, numbers)
        previous = order


def _order(number: int, started_at: int, count: int, numbers: Random) -> Order:
    chance = numbers.random
    shopper = int(max(3, count // 3) * chance() ** 1.5)
    has_more_lines = number % 10 == 9 or chance() < 0.1
    lines = [_line(numbers) for _ in range(2 if has_more_lines else 1)]
    currency = chance()
    return Order(
        number=number,
        store=2 if chance() < SECOND_STORE_SHARE else 1,
        ordered_at=started_at - int((3 + 25 * chance()) * DAY),
        shopper=shopper,
        currency="USD" if currency < 0.85 else "EUR" if currency < 0.95 else "CAD",
        brand=BRANDS[shopper % 3],
        lines=lines,
    )


def _line(numbers: Random) -> Line:
    chance = numbers.random
    product = int(1000 * chance() ** 2)
    price = 900 + product * 37 % 240 * 100 + 99
    discount = price // 10 if chance() < 0.2 else 0
    quantity = _first(_QUANTITIES, chance())
    return Line(product, quantity, price, discount, (price - discount) * 825 // 10_000)


def _story(
    number: int, order: Order, started_at: int, now: int, is_second: bool, numbers: Random
) -> Story:
    chance = numbers.random
    age_days = (now - started_at) / DAY
    line = 1 if is_second else 0
    quantity = order.lines[line].quantity
    kind = chance()
    refund_type = "REFUND" if kind < 0.9 else _EXCHANGES[int(chance() * 4)]
    is_order_known = is_second or number % 10 == 9 or number % 200 != 7
    status, tracking, receiving = _progress(age_days, refund_type, chance())
    return Story(
        number=number,
        order=order,
        line=line,
        units=quantity if chance() < 0.8 else 1,
        is_order_known=is_order_known,
        started_at=started_at,
        status=status,
        method=METHODS[0 if chance() < 0.7 else int(chance() * 4)],
        refund_type=refund_type,
        tracking=tracking,
        receiving=receiving,
        refund=_refund(status, tracking, chance()) if is_order_known else "",
        is_second=is_second,
        reason=REASONS[int(chance() * 6)],
        age_days=age_days,
    )


_EXCHANGES = (
    "STANDARD_EXCHANGE", "INSTANT_EXCHANGE", "UNEVEN_EXCHANGE", "INSTANT_STORE_CREDIT",
)  # fmt: skip


def _progress(age_days: float, refund_type: str, chance: float) -> tuple[str, str, str]:
    """Returns (status, tracking, receiving) for a return of that age."""
    if age_days > 45:
        return _first(_OLD, chance)
    done = 0.6 if age_days > 10 else 0.15
    if chance < done:
        return "REFUNDED", "DELIVERED", "RECEIVED"
    rest = (chance - done) / (1 - done)
    if rest < 0.05 and refund_type == "STANDARD_EXCHANGE":
        return "PENDING_EXCHANGE", "", "PENDING"
    return _first(_NEW, rest)


def _first(shares: tuple[tuple[float, Any], ...], chance: float) -> Any:
    return next(seen for limit, seen in shares if chance < limit)


# Up to which chance a line was bought how often: a million returns are then more than a million
# refunded units in the first store.
_QUANTITIES = ((0.38, 1), (0.88, 2), (0.97, 3), (1.0, 4))
# Up to which chance a return shows what: the old ones are closed or were never sent, of the new
# ones that are not closed yet most are on their way.
_OLD = (
    (0.70, ("REFUNDED", "DELIVERED", "RECEIVED")),
    (0.84, ("CANCELED", "", "PENDING")),
    (0.93, ("CREATED", "PRE_TRANSIT", "PENDING")),
    (0.98, ("CREATED", "", "PENDING")),
    (0.999, ("CREATED", "DELIVERED", "NOT_RECEIVED")),
    (0.9996, ("CREATED", "FAILURE", "PENDING")),
    (1.0, ("CREATED", "RETURNED", "PENDING")),
)
_NEW = (
    (0.05, ("CANCELED", "", "PENDING")),
    (0.45, ("CREATED", "PRE_TRANSIT", "PENDING")),
    (0.75, ("CREATED", "TRANSIT", "PENDING")),
    (0.97, ("CREATED", "DELIVERED", "RECEIVED")),
    (1.0, ("CREATED", "DELIVERED", "NOT_RECEIVED")),
)


def _refund(status: str, tracking: str, chance: float) -> str:
    """Returns the status of the return's refund, empty where none was decided."""
    if status == "REFUNDED":
        return "paid"
    if status != "CREATED" or tracking not in ("TRANSIT", "DELIVERED"):
        return ""
    for limit, refund in _OPEN_REFUNDS:
        if chance < limit:
            return refund
    return ""


# Of the returns on their way: how many of their refunds are in which status.
_OPEN_REFUNDS = (
    (0.60, "paid"),
    (0.66, "approved"),
    (0.74, "proposed"),
    (0.75, "paying"),
    (0.77, "unknown"),
    (0.79, "declined"),
    (0.82, "canceled"),
)

"""One box that finds anything: exact hits first, then what begins that way, then what is similar.

Every question asks for one indexed column of one table and for few rows: an OR over several tables
would read them whole. The indexes on PostgreSQL are over the very expressions that stand here
(`apps/common/indexes.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import (
    CharField,
    Expression,
    F,
    Func,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Replace, Upper

from apps.desk.reads.similar import similar_orders
from apps.exchanges.models import ExchangeLine, ExchangeOrder
from apps.orders.models import Order, OrderLine, Transaction
from apps.refunds.models import Payout, Refund
from apps.rmas.models import Rma, RmaUnit

Found = Order | Rma | ExchangeOrder | Refund

LIMIT = 20
MAX_LENGTH = 255
SHORTEST_PREFIX = 3
# Fewer digits than these are no phone number, and more than these are its country code.
LEAST_DIGITS, MOST_DIGITS = 7, 10


class Kind(StrEnum):
    """What can be found."""

    ORDER = "order"
    RMA = "rma"
    EXCHANGE = "exchange"
    REFUND = "refund"


class How(StrEnum):
    """How closely something matches."""

    EXACT = "exact"
    BEGINS = "begins"
    SIMILAR = "similar"


@dataclass
class Hits:
    """What was found, by kind. `why` tells for each (kind, key) what matched, `how` how closely;
    `is_cut` that not all similar words were looked through."""

    orders: list[Order] = field(default_factory=list)
    rmas: list[Rma] = field(default_factory=list)
    exchanges: list[ExchangeOrder] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    why: dict[tuple[str, int], str] = field(default_factory=dict)
    how: How = How.EXACT
    is_cut: bool = False
    opens: bool = False

    @property
    def total(self) -> int:
        """How many things were found."""
        return len(self.orders) + len(self.rmas) + len(self.exchanges) + len(self.refunds)

    @property
    def only(self) -> Found | None:
        """The hit, where there is exactly one and it is certain enough to be opened."""
        found: list[Found] = [*self.orders, *self.rmas, *self.exchanges, *self.refunds]
        return found[0] if self.total == 1 and self.opens else None


class _InC(Func):
    """A text in PostgreSQL's collation C, as the indexes keep it; SQLite compares so anyway."""

    template = "%(expressions)s"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='%(expressions)s COLLATE "C"', **context)


class _Digits(Func):
    """The digits of a phone number, the last one first."""

    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "REVERSE(REGEXP_REPLACE(%(expressions)s, '[^0-9]', '', 'g')) COLLATE \"C\""
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "%(expressions)s"
        for sign in " -().+/":
            template = f"REPLACE({template}, '{sign}', '')"
        return self.as_sql(compiler, connection, template=f"REVERSE({template})", **context)


def in_capitals(column: str) -> Expression:
    """Returns a column in capitals, as the indexes over identifiers keep it."""
    return _InC(Upper(column))


def _words(column: str) -> Expression:
    return Upper(column, output_field=CharField())


def _compact(column: str) -> Expression:
    bare = Replace(F(column), Value(" "), Value(""))
    return _InC(Upper(Replace(bare, Value("-"), Value(""))))


def _is_any(text: str) -> bool:
    return bool(text)


def _is_email(text: str) -> bool:
    return "@" in text


def _is_name(text: str) -> bool:
    return "@" not in text and any(char.isalpha() for char in text)


@dataclass(frozen=True)
class _Question:
    """One column to ask: `rows` of which model, `key` to what is found, `column` as it is compared.
    `may_open` tells whether a single thing that begins so may be opened at once, `has_hash` that
    people write it with or without a hash sign."""

    kind: Kind
    rows: type[Any]
    key: str
    store: str
    column: str
    why: str
    write: Callable[[str], Expression] = in_capitals
    fits: Callable[[str], bool] = _is_any
    may_open: bool = True
    has_hash: bool = False
    also: Q = field(default_factory=Q)
    newest: tuple[str, ...] = ("-pk",)

    def called(self, store_id: int, names: Sequence[Expression]) -> list[int]:
        """Returns the keys of what has one of these names, newest first."""
        test = {"searched": names[0]} if len(names) == 1 else {"searched__in": names}
        return self._keys(store_id, test, *self.newest)

    def beginning(self, store_id: int, begin: Expression | str) -> list[int]:
        """Returns the keys of the last ones, by the alphabet, of what begins so: in the order of
        the index, so that none has to look through all that does."""
        return self._keys(store_id, {"searched__startswith": begin}, "-searched")

    def holding(self, store_id: int, part: Expression) -> list[int]:
        """Returns the keys of some of what holds a text."""
        return self._keys(store_id, {"searched__contains": part})

    def _keys(self, store_id: int, test: dict[str, Any], *order: str) -> list[int]:
        rows: QuerySet[Any] = self.rows.objects.filter(self.also, **{self.store: store_id})
        rows = rows.annotate(searched=self.write(self.column)).filter(**test)
        return list(rows.order_by(*order).values_list(self.key, flat=True)[:LIMIT])


_NEWEST = ("-remote_created_at", "-pk")


def _orders(column: str, why: str, **more: Any) -> _Question:
    return _Question(Kind.ORDER, Order, "pk", "store", column, why, newest=_NEWEST, **more)


def _rmas(column: str, why: str, **more: Any) -> _Question:
    return _Question(Kind.RMA, Rma, "pk", "store", column, why, newest=_NEWEST, **more)


def _exchanges(column: str, why: str, **more: Any) -> _Question:
    newest = ("-placed_at", "-pk")
    return _Question(
        Kind.EXCHANGE, ExchangeOrder, "pk", "store", column, why, newest=newest, **more
    )


def _lines(column: str, why: str, **more: Any) -> _Question:
    return _Question(Kind.ORDER, OrderLine, "order_id", "order__store", column, why, **more)


def _units(column: str, why: str, **more: Any) -> _Question:
    return _Question(Kind.RMA, RmaUnit, "rma_id", "rma__store", column, why, **more)


def _payouts(column: str, why: str) -> _Question:
    return _Question(Kind.REFUND, Payout, "refund_id", "store", column, why)


_QUESTIONS = (
    _orders("identifier", "identifier", has_hash=True),
    _orders("secondary_identifier", "secondary identifier", has_hash=True),
    _rmas("rma_identifier", "identifier"),
    _exchanges("order_identifier", "identifier", has_hash=True),
    _Question(
        Kind.REFUND,
        Refund,
        "pk",
        "store",
        "identifier",
        "identifier",
        newest=("-created_at", "-pk"),
    ),
    _lines("tracking_number", "shipment’s tracking number", write=_compact),
    _units("tracking_number", "return’s tracking number", write=_compact),
    _units(
        "order_identifier",
        "order that is not known yet",
        has_hash=True,
        also=Q(order_line__isnull=True, order=None),
    ),
    _orders("customer_email", "customer’s e-mail", fits=_is_email),
    _rmas("giftee_email", "giftee’s e-mail", fits=_is_email),
    _exchanges("customer_email", "customer’s e-mail", fits=_is_email),
    _orders("customer_name", "customer’s name", fits=_is_name, may_open=False),
    _exchanges("customer_name", "customer’s name", fits=_is_name, may_open=False),
    _lines("sku", "SKU", may_open=False),
    _units("sku", "SKU of a returned unit", may_open=False),
    _Question(
        Kind.EXCHANGE,
        ExchangeLine,
        "exchange_order_id",
        "exchange_order__store",
        "sku",
        "SKU",
        may_open=False,
    ),
    _lines("upc", "UPC", may_open=False),
    _units("upc", "UPC of a returned unit", may_open=False),
    _Question(
        Kind.ORDER, Transaction, "order_id", "order__store", "identifier", "payment’s transaction"
    ),
    _exchanges("transaction_id", "payment’s transaction"),
    _payouts("transaction_identifier", "transaction that was paid back"),
    _payouts("gateway_reference", "gateway’s reference"),
)
_PHONES = (
    _orders("customer_phone", "customer’s phone", write=_Digits),
    _exchanges("customer_phone", "customer’s phone", write=_Digits),
)
_NAME_WORDS = _orders("customer_name", "word in the customer’s name", write=_words)


class _Collected:
    """The keys found so far, each once and with the first reason."""

    def __init__(self) -> None:
        self.why: dict[tuple[Kind, int], str] = {}
        self.opens = True

    def add(self, question: _Question, keys: Iterable[int], *, why: str, opens: bool) -> None:
        """Adds what a question found, up to LIMIT of a kind."""
        for key in keys:
            held = sum(1 for kind, _ in self.why if kind == question.kind)
            if (question.kind, key) in self.why or held >= LIMIT:
                continue
            self.why[question.kind, key] = why
            self.opens = self.opens and opens


def search(*, store_id: int, text: str) -> Hits:
    """Returns what of the store is called `text`; only where nothing is, what begins with it; only
    where nothing does, names and e-mails like it."""
    text = text.strip()[:MAX_LENGTH]
    if not text or "\x00" in text:
        return Hits()
    found = _exact(store_id, text)
    if found.why:
        return _hits(store_id, found, How.EXACT)
    if len(text) >= SHORTEST_PREFIX:
        found = _beginnings(store_id, text)
        if found.why:
            return _hits(store_id, found, How.BEGINS)
    return _similar_hits(store_id, text)


def _exact(store_id: int, text: str) -> _Collected:
    found = _Collected()
    for question in _QUESTIONS:
        if question.fits(text):
            spellings = [Upper(Value(one)) for one in _spellings(text, question)]
            keys = question.called(store_id, spellings)
            found.add(question, keys, why=question.why, opens=True)
    digits = _phone_digits(text)
    if digits:
        for question in _PHONES:
            keys = question.beginning(store_id, digits)
            found.add(question, keys, why=question.why, opens=True)
    return found


def _beginnings(store_id: int, text: str) -> _Collected:
    found = _Collected()
    for question in _QUESTIONS:
        asks_emails = question.fits is _is_email
        if asks_emails if _is_email(text) else asks_emails or question.fits(text):
            begin = Upper(Value(_spelling(text, question)))
            keys = question.beginning(store_id, begin)
            why = f"{question.why} begins so"
            found.add(question, keys, why=why, opens=question.may_open)
    if _is_name(text):
        keys = _NAME_WORDS.holding(store_id, Upper(Value(f" {text}")))
        found.add(_NAME_WORDS, keys, why=f"{_NAME_WORDS.why} begins so", opens=False)
    return found


def _spelling(text: str, question: _Question) -> str:
    return text.replace(" ", "").replace("-", "") if question.write is _compact else text


def _spellings(text: str, question: _Question) -> list[str]:
    """The ways in which people write the same thing: order numbers with or without a hash sign,
    tracking numbers with blanks. Small and capital letters are the same everywhere."""
    text = _spelling(text, question)
    if not question.has_hash:
        return [text]
    bare = text.removeprefix("#")
    return [one for one in (text, f"#{bare}" if bare == text else bare) if one]


def _phone_digits(text: str) -> str:
    """Returns the end of a phone number, backwards, without the country code; "" for other text."""
    if any(char.isalpha() or char in "@#_" for char in text):
        return ""
    digits = "".join(char for char in text if char in "0123456789").lstrip("0")
    return digits[-MOST_DIGITS:][::-1] if len(digits) >= LEAST_DIGITS else ""


def _similar_hits(store_id: int, text: str) -> Hits:
    """Of an e-mail, what stands before the @ is compared: the rest is like a million others."""
    what, asked = ("email", text.split("@")[0]) if _is_email(text) else ("name", text)
    if len(asked) < SHORTEST_PREFIX or not any(char.isalpha() for char in asked):
        return Hits(how=How.SIMILAR)
    similar = similar_orders(store_id=store_id, column=f"customer_{what}", text=asked, limit=LIMIT)
    found = _Collected()
    why = f"similar {'e-mail' if what == 'email' else what}"
    found.add(_NAME_WORDS, similar.keys, why=why, opens=False)
    hits = _hits(store_id, found, How.SIMILAR)
    hits.is_cut = similar.is_cut
    return hits


def _hits(store_id: int, found: _Collected, how: How) -> Hits:
    def keys(kind: Kind) -> list[int]:
        return [key for one, key in found.why if one == kind]

    def read(rows: QuerySet[Any], kind: Kind) -> list[Any]:
        wanted = keys(kind)
        by_key = {row.pk: row for row in rows.filter(pk__in=wanted, store_id=store_id)}
        return [by_key[key] for key in wanted if key in by_key]

    return Hits(
        orders=read(Order.objects.defer("raw"), Kind.ORDER),
        rmas=read(Rma.objects.all(), Kind.RMA),
        exchanges=read(ExchangeOrder.objects.defer("content", "request"), Kind.EXCHANGE),
        refunds=read(
            Refund.objects.select_related("order").defer("order__raw", "raw"), Kind.REFUND
        ),
        why={(kind.value, key): why for (kind, key), why in found.why.items()},
        how=how,
        opens=found.opens,
    )

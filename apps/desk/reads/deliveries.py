"""Everything the page of an incoming message shows: what was understood, and what came before and
after it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from apps.common.errors import FieldError, InvalidMessage
from apps.common.hashing import canonical_json, sha256_of_content
from apps.desk.reads.differences import SHOWN_DIFFERENCES, Difference, differences
from apps.inbox import translate
from apps.inbox.models import Delivery, DeliveryState, Topic
from apps.optoro import exchange_message, rma_message
from apps.optoro.exchange_message import WireExchangeOrder
from apps.optoro.reading import load_json, refuse_unstorable
from apps.optoro.rma_message import WireRma, WireUnit
from apps.orders.models import Order
from apps.rmas.fold import progress
from apps.rmas.models import RmaMessage
from apps.rmas.types import RmaSnapshot, UnitSnapshot

# Reading megabytes again for every look at them would make the page slow.
READ_BYTES = 1_000_000
SHOWN_UNITS = 50
SHOWN_MESSAGES = 30
SHOWN_COPIES = 20
_DAWN = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_WORDS = (
    "refund_type",
    "package_tracking_status",
    "receiving_status",
    "warehouse_receipt_condition",
)


@dataclass(frozen=True)
class UnitView:
    """A unit as the message tells it; `is_known` tells whether the desk has its order, and
    `unknown` holds the fields whose word is not in the contract."""

    unit: WireUnit
    currency: str
    is_known: bool
    unknown: frozenset[str]


@dataclass(frozen=True)
class Understood:
    """An RMA message as the desk reads it. An amount of the whole return has the currency of its
    orders, "" while none is known."""

    message: WireRma
    units: list[UnitView]
    more_units: int
    currency: str


@dataclass(frozen=True)
class Told:
    """One of the messages of an RMA, oldest news first; `content` is what it says."""

    delivery_id: int
    said_at: datetime | None
    status: str
    content: RmaSnapshot
    is_this: bool


@dataclass(frozen=True)
class Lineage:
    """A message among those of its RMA, by when Optoro wrote them: not by when they came.

    `repeats` is the message that said the same before, in another spelling.
    """

    shown: list[Told]
    hidden: int
    newest: Told
    before: Told | None
    after: Told | None
    repeats: int | None
    changes: list[Difference]
    more_changes: int

    @property
    def is_newest(self) -> bool:
        """Whether no message of its RMA has newer news."""
        return self.after is None


@dataclass(frozen=True)
class DeliveryPage:
    """The page of a message, beside its own row."""

    understood: Understood | None
    exchange: WireExchangeOrder | None
    errors: list[FieldError]
    is_read: bool
    lineage: Lineage | None
    earlier_pk: int | None
    later_pk: int | None
    same_body: list[int]
    what_to_do: str


def delivery_page(delivery: Delivery) -> DeliveryPage:
    """Reads the page of a message. One above READ_BYTES is not read again, and one that cannot be
    used has `errors` instead of what was understood."""
    body = bytes(delivery.body)
    is_read = len(body) <= READ_BYTES
    wire, errors = _read(delivery.topic, body) if is_read else (None, [])
    rma = wire if isinstance(wire, WireRma) else None
    earlier_pk, later_pk = _beside(delivery)
    return DeliveryPage(
        understood=_understood(delivery.store_id, rma) if rma else None,
        exchange=wire if isinstance(wire, WireExchangeOrder) else None,
        errors=errors,
        is_read=is_read,
        lineage=_lineage(delivery, rma) if rma else None,
        earlier_pk=earlier_pk,
        later_pk=later_pk,
        same_body=_same_body(delivery),
        what_to_do=_what_to_do(delivery, errors),
    )


def _read(topic: str, body: bytes) -> tuple[WireRma | WireExchangeOrder | None, list[FieldError]]:
    try:
        content = load_json(body)
        refuse_unstorable(content)
        parse = exchange_message.parse if topic == Topic.EXCHANGE_ORDER else rma_message.parse
        return parse(content), []
    except InvalidMessage as error:
        return None, error.errors


def _understood(store_id: int, wire: WireRma) -> Understood:
    names = {unit.order_identifier for unit in wire.units}
    rows = Order.objects.filter(store_id=store_id, identifier__in=names)
    currencies = dict(rows.values_list("identifier", "currency"))
    unknown = {(drift.field, drift.value) for drift in wire.drift}
    return Understood(
        message=wire,
        units=[
            UnitView(
                unit=unit,
                currency=currencies.get(unit.order_identifier, ""),
                is_known=unit.order_identifier in currencies,
                unknown=frozenset(
                    name for name in _UNIT_WORDS if (name, getattr(unit, name)) in unknown
                ),
            )
            for unit in wire.units[:SHOWN_UNITS]
        ],
        more_units=len(wire.units[SHOWN_UNITS:]),
        currency=next(iter(currencies.values()), ""),
    )


def _lineage(delivery: Delivery, wire: WireRma) -> Lineage | None:
    """Places the message among those that are kept of its RMA; None while it is not among them."""
    snapshot = translate.rma_snapshot(wire)
    digest = sha256_of_content(snapshot.to_content())
    rows = RmaMessage.objects.filter(
        rma__store_id=delivery.store_id, rma__rma_identifier=wire.rma_identifier
    ).values_list("delivery_id", "content_sha256", "content")
    found = list(rows)
    mine = next((row for row in found if row[0] == delivery.pk), None)
    mine = mine or next((row for row in found if row[1] == digest), None)
    if mine is None:
        return None
    told = sorted((_told(row, is_this=row is mine) for row in found), key=_news)
    at = next(place for place, one in enumerate(told) if one.is_this)
    before = told[at - 1] if at else None
    changes = _changes(before.content, told[at].content) if before else []
    start = max(0, min(at - SHOWN_MESSAGES // 2, len(told) - SHOWN_MESSAGES))
    shown = told[start : start + SHOWN_MESSAGES]
    return Lineage(
        shown=shown,
        hidden=len(told) - len(shown),
        newest=told[-1],
        before=before,
        after=told[at + 1] if at + 1 < len(told) else None,
        repeats=mine[0] if mine[0] != delivery.pk else None,
        changes=changes[:SHOWN_DIFFERENCES],
        more_changes=len(changes[SHOWN_DIFFERENCES:]),
    )


def _told(row: tuple[int, str, dict[str, Any]], *, is_this: bool) -> Told:
    content = RmaSnapshot.from_content(row[2])
    said_at = content.updated_at or content.created_at
    return Told(row[0], said_at, content.status, content, is_this)


def _news(told: Told) -> tuple[datetime, tuple[int, ...], str]:
    """Sorts messages as the fold does."""
    content = told.content
    return (told.said_at or _DAWN, progress(content), canonical_json(content.to_content()))


def _changes(before: RmaSnapshot, after: RmaSnapshot) -> list[Difference]:
    old, new = _numbered(before.units, after.units)
    return differences(_document(before, old), _document(after, new))


def _document(content: RmaSnapshot, units: list[dict[str, Any]]) -> dict[str, Any]:
    return {**content.to_content(), "units": units}


def _numbered(
    before: Iterable[UnitSnapshot], after: Iterable[UnitSnapshot]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Gives the units of two messages names, so that the same unit has the same name in both.

    Nothing in a message identifies a unit within its line, so those are taken for the same that
    are equal, then those in the same parcel, then whichever are left.
    """
    old, new = list(before), list(after)
    names = _filled([], [None] * len(old), old)
    free = list(range(len(old)))
    known: list[str | None] = [None] * len(new)
    for is_same in _SAME_UNIT:
        for place, unit in enumerate(new):
            match = next((n for n in free if is_same(old[n], unit)), None)
            if known[place] is None and match is not None:
                known[place] = names[match]
                free.remove(match)
    return _named_units(names, old), _named_units(_filled(names, known, new), new)


_SAME_UNIT: tuple[Callable[[UnitSnapshot, UnitSnapshot], bool], ...] = (
    lambda one, other: one == other,
    lambda one, other: (
        bool(one.tracking_number)
        and (one.line, one.tracking_number) == (other.line, other.tracking_number)
    ),
    lambda one, other: one.line == other.line,
)


def _named_units(names: list[str], units: list[UnitSnapshot]) -> list[dict[str, Any]]:
    return [{"identifier": name, **asdict(unit)} for name, unit in zip(names, units, strict=True)]


def _filled(used: list[str], known: list[str | None], units: list[UnitSnapshot]) -> list[str]:
    """Names the units that have no name yet: order, line, and the next free number."""
    taken = {*used, *(name for name in known if name)}
    names: list[str] = []
    for name, unit in zip(known, units, strict=True):
        line = f"{unit.order_identifier} line {unit.order_line_item_identifier}"
        numbered = (f"{line}, unit {number}" for number in count(1))
        names.append(name or next(one for one in numbered if one not in taken))
        taken.add(names[-1])
    return names


def _beside(delivery: Delivery) -> tuple[int | None, int | None]:
    """The messages about the same subject that came right before and right after this one."""
    if not delivery.subject:
        return None, None
    rows = Delivery.objects.filter(
        store_id=delivery.store_id, subject=delivery.subject, topic=delivery.topic
    ).values_list("pk", flat=True)
    earlier = rows.filter(pk__lt=delivery.pk).order_by("-pk").first()
    return earlier, rows.filter(pk__gt=delivery.pk).order_by("pk").first()


def _same_body(delivery: Delivery) -> list[int]:
    """Messages of the same body that are no copies: they came for another X-Optiturn-Id."""
    if not delivery.subject:
        return []
    rows = Delivery.objects.filter(
        store_id=delivery.store_id,
        subject=delivery.subject,
        topic=delivery.topic,
        body_sha256=delivery.body_sha256,
    )
    return list(
        rows.exclude(pk=delivery.pk).order_by("pk").values_list("pk", flat=True)[:SHOWN_COPIES]
    )


def _what_to_do(delivery: Delivery, errors: list[FieldError]) -> str:
    """What a person does about a message that is set aside."""
    if delivery.state != DeliveryState.QUARANTINED:
        return ""
    if not errors:
        return (
            "Nothing is wrong with the message itself. Mend what the reason names, then replay it."
        )
    if not any(error.field for error in errors):
        return (
            "These bytes can never be read, so replaying them does not help. Ask Optoro to send "
            "the message again, then dismiss its item under Attention."
        )
    return (
        "Ask Optoro to send the return again with the fields below mended; the new message is "
        "taken by itself. Replaying this one helps only once the desk accepts what it says."
    )

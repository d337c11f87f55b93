"""The state of an RMA as a pure function of the set of its messages.

Messages come duplicated, late and in any order, several can share one `updated_at` (contract
§10.1), and a later one can leave out what an earlier one said (§10.2). So nothing is ever applied
"on top": all messages are sorted by (`updated_at`, progress, content) and folded from the start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from apps.common.hashing import canonical_json
from apps.rmas import rules
from apps.rmas.types import RmaSnapshot, RmaState, UnitSnapshot, UnitState

_DAWN = datetime(1970, 1, 1, tzinfo=UTC)

# Facts about a unit that a later message may leave out but cannot unsay.
_STICKY_FACTS = (
    "secondary_identifier",
    "upc",
    "exchange_order_identifier",
    "original_order_identifier",
    "tracking_number",
    "package_tracking_status",
    "receiving_status",
    "warehouse_receipt_condition",
)


@dataclass
class _Unit:
    """A unit while it is being folded."""

    facts: UnitSnapshot
    is_withdrawn: bool = False
    was_seen_open: bool = False
    open_package_tracking_status: str = ""
    open_receiving_status: str = ""


@dataclass
class _Book:
    """What is known after some of the messages."""

    newest: RmaSnapshot
    is_canceled: bool = False
    giftee_email: str = ""
    warehouse_identifier: str = ""
    concept: str = ""
    receiving_complete: bool | None = None
    gift_refund_only: bool = False
    lines: dict[tuple[str, str], list[_Unit]] = field(default_factory=dict)


def fold(messages: Iterable[RmaSnapshot]) -> RmaState:
    """Returns the state that a set of messages (at least one) describes.

    Duplicates and the order given do not matter. The newest message wins, except that CANCELED is
    final and that facts once known stay (`_STICKY_FACTS`, the giftee, the warehouse).
    """
    ordered = sorted({canonical_json(m.to_content()): m for m in messages}.items(), key=_sort_key)
    if not ordered:
        raise ValueError("an RMA's state needs at least one message")
    book = _Book(newest=ordered[0][1])
    for _, message in ordered:
        _apply(book, message)
    return _state(book)


def _sort_key(entry: tuple[str, RmaSnapshot]) -> tuple[datetime, tuple[int, ...], str]:
    content, message = entry
    return (message.updated_at or message.created_at or _DAWN, progress(message), content)


def progress(message: RmaSnapshot) -> tuple[int, ...]:
    """Returns how far along a message is, to settle ties in `updated_at`: its status first, then
    its parcels, then receiving, then how much it knows."""
    return (
        rules.STATUS_PROGRESS.get(message.status, -1),
        sum(rules.tracking_progress(unit.package_tracking_status) for unit in message.units),
        sum(rules.receiving_progress(unit.receiving_status) for unit in message.units),
        sum(bool(getattr(unit, name)) for unit in message.units for name in _STICKY_FACTS),
    )


def _apply(book: _Book, message: RmaSnapshot) -> None:
    book.newest = message
    book.is_canceled = book.is_canceled or message.status == rules.CANCELED
    book.giftee_email = message.giftee_email or book.giftee_email
    book.warehouse_identifier = message.warehouse_identifier or book.warehouse_identifier
    book.concept = message.concept or book.concept
    if message.gift_refund_only is not None:
        book.gift_refund_only = message.gift_refund_only
    if message.receiving_complete is not None:
        book.receiving_complete = message.receiving_complete
    told: dict[tuple[str, str], list[UnitSnapshot]] = {}
    for unit in message.units:
        told.setdefault(unit.line, []).append(unit)
    for line in book.lines.keys() | told.keys():
        _apply_line(book.lines.setdefault(line, []), told.get(line, []))
    if message.status != rules.REFUNDED:
        _remember_open(book)


def _remember_open(book: _Book) -> None:
    """Notes what the units show while Optoro does not call the RMA REFUNDED."""
    for units in book.lines.values():
        for unit in units:
            unit.was_seen_open = True
            unit.open_package_tracking_status = unit.facts.package_tracking_status
            unit.open_receiving_status = unit.facts.receiving_status


def _apply_line(known: list[_Unit], told: Sequence[UnitSnapshot]) -> None:
    """Puts what a message tells about a line's units onto the units known; new ones are added,
    missing ones are marked withdrawn."""
    pairs, unmatched = _match(known, told)
    for index, unit in enumerate(known):
        if index in pairs:
            unit.facts = _merge(unit.facts, pairs[index])
            unit.is_withdrawn = False
        else:
            unit.is_withdrawn = True
    known.extend(_Unit(facts) for facts in unmatched)


def _match(
    known: Sequence[_Unit], told: Sequence[UnitSnapshot]
) -> tuple[dict[int, UnitSnapshot], list[UnitSnapshot]]:
    """Tells which told unit is which known one. Nothing in a message identifies a unit, and units
    of one line may come in another order each time, so: equal ones first, then those in the same
    parcel, then the rest, those furthest along with those furthest along."""
    left = sorted(told, key=_unit_key)
    free = sorted(range(len(known)), key=lambda n: (_unit_key(known[n].facts), n))
    pairs: dict[int, UnitSnapshot] = {}
    tests = (
        lambda facts, unit: facts == unit,
        lambda facts, unit: (
            bool(unit.tracking_number) and facts.tracking_number == unit.tracking_number
        ),
        lambda facts, unit: True,
    )
    for is_same in tests:
        for index in list(free):
            unit = next((unit for unit in left if is_same(known[index].facts, unit)), None)
            if unit is not None:
                pairs[index] = unit
                left.remove(unit)
                free.remove(index)
    return pairs, left


def _unit_key(unit: UnitSnapshot) -> tuple[int, int, str]:
    return (
        -rules.tracking_progress(unit.package_tracking_status),
        -rules.receiving_progress(unit.receiving_status),
        repr(unit),
    )


def _merge(known: UnitSnapshot, told: UnitSnapshot) -> UnitSnapshot:
    """Returns the newer facts, with those kept that the newer message merely leaves out."""
    kept = {name: getattr(told, name) or getattr(known, name) for name in _STICKY_FACTS}
    if kept["receiving_status"] != rules.RECEIVED:
        # Two units of a line can change places: a condition stays with the one that was received.
        kept["warehouse_receipt_condition"] = told.warehouse_receipt_condition
    # A unit converted to REFUND is no exchange any more; otherwise an exchange stays one.
    is_exchange = told.is_exchange or (known.is_exchange and told.refund_type != rules.REFUND)
    return replace(told, is_exchange=is_exchange, **kept)


def _state(book: _Book) -> RmaState:
    newest = book.newest
    return RmaState(
        status=rules.CANCELED if book.is_canceled else newest.status,
        return_method=newest.return_method,
        return_shipping_cost_cents=newest.return_shipping_cost_cents,
        bonus_credit_amount_cents=newest.bonus_credit_amount_cents,
        gift_refund_only=book.gift_refund_only,
        giftee_email=book.giftee_email,
        warehouse_identifier=book.warehouse_identifier,
        receiving_complete=book.receiving_complete,
        concept=book.concept,
        created_at=newest.created_at,
        updated_at=newest.updated_at,
        units=tuple(
            UnitState(
                facts=unit.facts,
                ordinal=ordinal,
                is_withdrawn=unit.is_withdrawn,
                was_seen_open=unit.was_seen_open,
                open_package_tracking_status=unit.open_package_tracking_status,
                open_receiving_status=unit.open_receiving_status,
            )
            for _, units in sorted(book.lines.items())
            for ordinal, unit in enumerate(units, start=1)
        ),
    )

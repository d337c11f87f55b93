"""When each unit last changed in a way that a refund policy judges, and when the first one was
scanned. Pure.

Numbers within a line say nothing about who a unit is (see `fold.py`), so the units of a line are
compared as a bag: one that is there again under another number has not changed.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from apps.rmas import rules
from apps.rmas.models import RmaUnit
from apps.rmas.types import RmaSnapshot
from apps.timeline.types import Change

# What `refunds.rules.unit_verdict` asks of a unit. A message that only mends a UPC is no event: it
# must not put the unit under a newer policy.
_JUDGED_FACTS = (
    "package_tracking_status",
    "receiving_status",
    "warehouse_receipt_condition",
    "refund_type",
    "estimated_refund_amount_cents",
    "optoro_refund_amount_cents",
    "shopper_refund_amount_cents",
    "is_withdrawn",
)

_SCANNED = rules.ON_ITS_WAY | {rules.DELIVERED}
_OVER = frozenset({rules.REFUNDED, rules.CANCELED})


def first_scan(messages: Iterable[RmaSnapshot]) -> datetime | None:
    """Returns when Optoro first told that a unit was handed over, scanned or received (UTC, by the
    messages' own time); None where none was, or no such message has a time."""
    told = (
        message.updated_at
        for message in messages
        if message.updated_at
        and any(
            unit.package_tracking_status in _SCANNED or unit.receiving_status == rules.RECEIVED
            for unit in message.units
        )
    )
    return min(told, default=None)


def waits_since(
    status: str, rows: Iterable[RmaUnit], tracking: AbstractSet[str]
) -> datetime | None:
    """Returns since when nothing new is known of a unit whose parcel is in a state of `tracking`
    and that is not received (UTC); None where there is none, or the RMA's `status` is an end: of
    what is refunded or canceled Optoro tells nothing any more."""
    if status in _OVER:
        return None
    waiting = (
        row.changed_at
        for row in rows
        if row.package_tracking_status in tracking
        and row.receiving_status != rules.RECEIVED
        and not row.is_withdrawn
    )
    return min(waiting, default=None)


def concerns_every_unit(changes: Iterable[Change]) -> bool:
    """Tells whether a change of the RMA itself is an event of all its units: another return method,
    or the end of the wait for the exchange order."""
    return any(
        change.field == "return_method"
        or (change.field == "status" and change.before == rules.PENDING_EXCHANGE)
        for change in changes
    )


def set_moments(
    rows: Iterable[RmaUnit],
    known: Iterable[RmaUnit],
    *,
    received_at: datetime,
    is_event_of_all: bool,
) -> None:
    """Sets `changed_at` and `policy_renewed_at` of an RMA's new rows, given those known so far.

    Each row takes them over from an equal known unit of its line, its own first; those without an
    equal one have changed at `received_at` (UTC), as all have where `is_event_of_all`.
    """
    before = _by_line(known)
    for line, members in _by_line(rows).items():
        _set_in_line(members, before.get(line, []), received_at)
    if is_event_of_all:
        for members in _by_line(rows).values():
            for row in members:
                row.changed_at = max(row.changed_at, received_at)


def _by_line(units: Iterable[RmaUnit]) -> dict[tuple[str, str], list[RmaUnit]]:
    found: dict[tuple[str, str], list[RmaUnit]] = {}
    for unit in units:
        line = (unit.order_identifier, unit.order_line_item_identifier)
        found.setdefault(line, []).append(unit)
    return found


def _set_in_line(rows: Sequence[RmaUnit], known: Sequence[RmaUnit], received_at: datetime) -> None:
    numbered = {old.ordinal: old for old in known}
    renewals = [old.policy_renewed_at for old in known if old.policy_renewed_at]
    changed = _take_over(rows, dict(numbered))
    for row in changed:
        old = numbered.get(row.ordinal)
        row.changed_at = max(old.changed_at, received_at) if old else received_at
        row.policy_renewed_at = max(renewals, default=None)


def _take_over(rows: Sequence[RmaUnit], left: dict[int, RmaUnit]) -> list[RmaUnit]:
    """Gives rows the moments of the equal units `left` (by number), each once and to the row of the
    same number first; returns the rows without one. By dictionaries: a line can have thousands."""
    others = []
    for row in rows:
        own = left.get(row.ordinal)
        if own and _judged(own) == _judged(row):
            _copy(left.pop(row.ordinal), row)
        else:
            others.append(row)
    alike: dict[tuple[Any, ...], list[RmaUnit]] = {}
    for ordinal in sorted(left, reverse=True):
        alike.setdefault(_judged(left[ordinal]), []).append(left[ordinal])
    changed = []
    for row in others:
        equals = alike.get(_judged(row))
        if equals:
            _copy(equals.pop(), row)
        else:
            changed.append(row)
    return changed


def _copy(old: RmaUnit, row: RmaUnit) -> None:
    row.changed_at = old.changed_at
    row.policy_renewed_at = old.policy_renewed_at


def _judged(unit: RmaUnit) -> tuple[Any, ...]:
    return tuple(getattr(unit, name) for name in _JUDGED_FACTS)

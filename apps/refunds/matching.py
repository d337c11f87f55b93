"""Which units of a line are owed, given what was decided for the line before. Pure.

Nothing identifies a unit within its line (contract §5). When an older message turns up late, the
fold may number a line's units anew, and a unit's row then shows what another unit did. So what was
decided before is set against the line's units by what was paid, not by their numbers.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from apps.refunds.models import Destination, RefundUnit
from apps.refunds.rules import is_paid_in_credit
from apps.refunds.types import UnitShare
from apps.rmas.models import RmaUnit


@dataclass(frozen=True)
class Decided:
    """A unit's share in a live refund."""

    unit_id: int
    shopper_amount_cents: int
    optoro_amount_cents: int
    is_in_credit: bool = False


def decided_share(row: RefundUnit) -> Decided:
    """Returns what was decided for a unit; read the row with its line's refund."""
    return Decided(
        unit_id=row.rma_unit_id,
        shopper_amount_cents=row.shopper_amount_cents,
        optoro_amount_cents=row.optoro_amount_cents,
        is_in_credit=(
            row.line.refund.destination == Destination.STORE_CREDIT and row.shopper_amount_cents > 0
        ),
    )


@dataclass(frozen=True)
class Due:
    """A unit that is owed: what it shows, and the row that stands for it in the refund."""

    facts: RmaUnit
    row: RmaUnit


def due_in_line(
    *,
    members: Sequence[RmaUnit],
    eligible: Collection[int],
    takeable: Collection[int] = (),
    decided: Iterable[Decided],
    blocked: Iterable[int],
) -> tuple[list[Due], int]:
    """Returns the units of a line that are owed now, and how many are held back.

    `eligible` are the keys of the units that would be refunded if nothing had been decided before.
    Each decided share takes one of them away, or one of those `takeable`, which would be refunded
    under the policy of an earlier decision: its own row if that still shows the same figures, else
    another with the same figures, else its own row, else any. So do the rows in `blocked`
    (declined, or canceled by a person). A unit without a past of its own that is taken away by
    another row's is held back: a person should know.
    """
    decided, blocked = list(decided), list(blocked)
    left = [unit for unit in members if unit.pk in eligible or unit.pk in takeable]
    taken_keys = set()
    for share in decided:
        taken = _taken_by(share, left)
        if taken is not None:
            left.remove(taken)
            taken_keys.add(taken.pk)
    for unit_id in blocked:
        taken = next((unit for unit in left if unit.pk == unit_id), left[0] if left else None)
        if taken is not None:
            left.remove(taken)
            taken_keys.add(taken.pk)
    left = [unit for unit in left if unit.pk in eligible]
    rows = {share.unit_id for share in decided}
    held_back = len(taken_keys - rows - set(blocked))
    return _with_rows(left, members, rows), held_back


def _taken_by(share: Decided, left: Sequence[RmaUnit]) -> RmaUnit | None:
    own = [unit for unit in left if unit.pk == share.unit_id]
    off = {unit.pk: cents_off(unit, share) for unit in left}
    least = min((cents for cents in off.values() if cents is not None), default=None)
    alike = [unit for unit in left if least is not None and off[unit.pk] == least]
    both = [unit for unit in own if unit in alike]
    return next(iter([*both, *alike, *own, *left]), None)


def cents_off(unit: RmaUnit, share: Decided) -> int | None:
    """Returns how many cents a share is below what a unit shows, in one of its parts: rounding
    cents may have been taken off, at most one for each unit of the line. None where the two are not
    alike; store credit that went out is not like a payment of the same amount.
    """
    if is_paid_in_credit(unit) != share.is_in_credit:
        return None
    shopper_off = unit.shopper_refund_amount_cents - share.shopper_amount_cents
    optoro_off = unit.optoro_refund_amount_cents - share.optoro_amount_cents
    most = unit.order_line.quantity if unit.order_line else 1
    is_rounding = min(shopper_off, optoro_off) == 0 and max(shopper_off, optoro_off) <= most
    return shopper_off + optoro_off if is_rounding else None


def _with_rows(
    owed: Sequence[RmaUnit], members: Sequence[RmaUnit], taken_rows: Collection[int]
) -> list[Due]:
    """Gives each owed unit a row that is in no live refund: its own where that is free."""
    free = [unit for unit in members if unit.pk not in taken_rows]
    spare = [unit for unit in free if unit not in owed]
    return [Due(unit, unit if unit in free else spare.pop(0)) for unit in owed]


def share_of_unit(due: Due) -> UnitShare:
    """Returns what a unit that is owed contributes, before any rounding cent is taken off."""
    return UnitShare(
        due.row,
        due.facts.estimated_refund_amount_cents,
        due.facts.shopper_refund_amount_cents,
        due.facts.optoro_refund_amount_cents,
    )

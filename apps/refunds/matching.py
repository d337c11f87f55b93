"""Which units of a line are owed, given what was decided for the line before. Pure.

Nothing identifies a unit within its line (contract §5). When an older message turns up late, the
fold may number a line's units anew, and a unit's row then shows what another unit did. So what was
decided before is set against the line's units by what was paid, not by their numbers.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from apps.rmas.models import RmaUnit


@dataclass(frozen=True)
class Decided:
    """A unit's share in a live refund."""

    unit_id: int
    shopper_amount_cents: int
    optoro_amount_cents: int


@dataclass(frozen=True)
class Due:
    """A unit that is owed: what it shows, and the row that stands for it in the refund."""

    facts: RmaUnit
    row: RmaUnit


def due_in_line(
    *,
    members: Sequence[RmaUnit],
    eligible: Collection[int],
    decided: Iterable[Decided],
    blocked: Iterable[int],
) -> tuple[list[Due], int]:
    """Returns the units of a line that are owed now, and how many are held back.

    `eligible` are the keys of the units that would be refunded if nothing had been decided before.
    Each decided share takes one of them away: its own row if that still shows the same figures,
    else another with the same figures, else its own row, else any. So do the rows in `blocked`
    (declined, or canceled by a person). A unit without a past of its own that is taken away by
    another row's is held back: a person should know.
    """
    decided, blocked = list(decided), list(blocked)
    left = [unit for unit in members if unit.pk in eligible]
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
    rows = {share.unit_id for share in decided}
    held_back = len(taken_keys - rows - set(blocked))
    return _with_rows(left, members, rows), held_back


def _taken_by(share: Decided, left: Sequence[RmaUnit]) -> RmaUnit | None:
    own = [unit for unit in left if unit.pk == share.unit_id]
    alike = [unit for unit in left if _figures(unit) == _figures_of(share)]
    both = [unit for unit in own if unit in alike]
    return next(iter([*both, *alike, *own, *left]), None)


def _figures(unit: RmaUnit) -> tuple[int, int]:
    return (unit.shopper_refund_amount_cents, unit.optoro_refund_amount_cents)


def _figures_of(share: Decided) -> tuple[int, int]:
    return (share.shopper_amount_cents, share.optoro_amount_cents)


def _with_rows(
    owed: Sequence[RmaUnit], members: Sequence[RmaUnit], taken_rows: Collection[int]
) -> list[Due]:
    """Gives each owed unit a row that is in no live refund: its own where that is free."""
    free = [unit for unit in members if unit.pk not in taken_rows]
    spare = [unit for unit in free if unit not in owed]
    return [Due(unit, unit if unit in free else spare.pop(0)) for unit in owed]

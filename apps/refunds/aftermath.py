"""What Optoro says differently of units after they were refunded. A refund that was sent is frozen
(contract §8), so a difference is for a person."""

from collections.abc import Iterable

from apps.common import money
from apps.refunds.matching import cents_off, decided_share
from apps.refunds.models import RefundStatus, RefundUnit, Source
from apps.rmas import rules as rma_rules
from apps.rmas.models import RmaUnit


def changes_since_refund(units: Iterable[RmaUnit]) -> list[str]:
    """Returns, in words, which refunded units of an RMA no longer show what was refunded.

    Nothing identifies a unit within its line, so the units of a line are compared as a set: what
    was refunded against what the line's units show now.
    """
    units = list(units)
    left: dict[int | None, list[RmaUnit]] = {}
    for unit in units:
        if not unit.is_withdrawn:
            left.setdefault(unit.order_line_id, []).append(unit)
    changed = [
        share
        for share in _paid_shares(units)
        if not _taken_away(share, left.setdefault(share.rma_unit.order_line_id, []))
    ]
    return sorted({_in_words(share, left[share.rma_unit.order_line_id]) for share in changed})


def _paid_shares(units: Iterable[RmaUnit]) -> list[RefundUnit]:
    paid = RefundUnit.objects.filter(
        rma_unit__in=list(units), is_live=True, line__refund__status=RefundStatus.PAID
    ).exclude(line__refund__source=Source.EXTERNAL)
    by_figures = paid.exclude(line__calculation=None)  # not where a person named the amount
    return list(by_figures.select_related("line__refund", "rma_unit").order_by("pk"))


def _taken_away(share: RefundUnit, left: list[RmaUnit]) -> bool:
    """Takes a unit that shows what was refunded out of those left, its own first; tells whether
    there was one."""
    same = [unit for unit in left if _shows(unit, share)]
    own = [unit for unit in same if unit.pk == share.rma_unit_id]
    if same:
        left.remove((own or same)[0])
    return bool(same)


def _shows(unit: RmaUnit, share: RefundUnit) -> bool:
    """Tells whether a unit still is what was refunded: the same money, to the same place,
    less no more than the rounding cents that the line's calculation took off."""
    is_given_twice = (
        unit.refund_type in rma_rules.EXCHANGES
        and unit.shopper_refund_amount_cents > 0
        and unit.optoro_refund_amount_cents == 0
    )
    off = cents_off(unit, decided_share(share))
    taken_off = (share.line.calculation or {}).get("taken_off_cents", 0)
    return not is_given_twice and off is not None and off <= taken_off


def _in_words(share: RefundUnit, left: list[RmaUnit]) -> str:
    """`left` are the units of the line that show something else than what was refunded."""
    refund, unit = share.line.refund, share.rma_unit

    def show(cents: int) -> str:
        return money.show(cents, refund.currency)

    was = (
        f"{unit.label}: refund {refund.identifier} gave {show(share.shopper_amount_cents)} to the "
        f"shopper and {show(share.optoro_amount_cents)} to Optoro"
    )
    now = next((one for one in left if one.pk == unit.pk), left[0] if left else None)
    if now is None:
        return f"{was}; the newest message has fewer units of this line"
    return (
        f"{was}; Optoro now says {now.refund_type}, {show(now.shopper_refund_amount_cents)} to "
        f"the shopper and {show(now.optoro_refund_amount_cents)} to Optoro"
    )

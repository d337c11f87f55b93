"""What Optoro says differently of units after they were refunded. A refund that was sent is frozen
(contract §8), so a difference is for a person."""

from collections.abc import Iterable

from apps.common import money
from apps.refunds.models import RefundStatus, RefundUnit, Source
from apps.rmas.models import RmaUnit


def changes_since_refund(units: Iterable[RmaUnit]) -> list[str]:
    """Returns, in words, which refunded units of an RMA no longer show what was refunded.

    Nothing identifies a unit within its line, so the units of a line are compared as a set: what
    was refunded against what the line's units show now.
    """
    by_line: dict[int, list[RmaUnit]] = {}
    for unit in units:
        if unit.order_line_id:
            by_line.setdefault(unit.order_line_id, []).append(unit)
    changes = []
    for members in by_line.values():
        for share in _unmatched(members):
            changes.append(_in_words(share, members))
    return sorted(set(changes))


def _unmatched(members: list[RmaUnit]) -> list[RefundUnit]:
    """Returns the paid shares of a line that no unit of it shows any more."""
    left = [unit for unit in members if not unit.is_withdrawn]
    unmatched = []
    for share in _paid_shares(members):
        same = [unit for unit in left if _shows(unit, share)]
        own = [unit for unit in same if unit.pk == share.rma_unit_id]
        if same:
            left.remove((own or same)[0])
        else:
            unmatched.append(share)
    return unmatched


def _paid_shares(members: list[RmaUnit]) -> list[RefundUnit]:
    paid = RefundUnit.objects.filter(
        rma_unit__in=members, is_live=True, line__refund__status=RefundStatus.PAID
    ).exclude(line__refund__source=Source.EXTERNAL)
    return list(paid.select_related("line__refund", "rma_unit").order_by("pk"))


def _shows(unit: RmaUnit, share: RefundUnit) -> bool:
    """A rounding cent may have been taken off one of the two parts."""
    shopper_off = unit.shopper_refund_amount_cents - share.shopper_amount_cents
    optoro_off = unit.optoro_refund_amount_cents - share.optoro_amount_cents
    return (shopper_off, optoro_off) in ((0, 0), (1, 0), (0, 1))


def _in_words(share: RefundUnit, members: list[RmaUnit]) -> str:
    refund, unit = share.line.refund, share.rma_unit

    def show(cents: int) -> str:
        return money.show(cents, refund.currency)

    was = (
        f"{unit.label}: refund {refund.identifier} gave {show(share.shopper_amount_cents)} to the "
        f"shopper and {show(share.optoro_amount_cents)} to Optoro"
    )
    if sum(not member.is_withdrawn for member in members) < len(_paid_shares(members)):
        return f"{was}; the newest message has fewer units of this line"
    return (
        f"{was}; Optoro now says {unit.refund_type}, {show(unit.shopper_refund_amount_cents)} to "
        f"the shopper and {show(unit.optoro_refund_amount_cents)} to Optoro"
    )

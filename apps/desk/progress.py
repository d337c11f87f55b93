"""How far a refund and a returned unit have come, as steps to draw. Pure.

The four ticks of a refund close the loop with Optoro: decided here, paid by the gateway, reported
in the order's snapshot, confirmed by Optoro's own REFUNDED.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from apps.desk import words
from apps.refunds.models import Refund, RefundKind, RefundStatus
from apps.rmas import rules
from apps.rmas.models import Rma, RmaUnit

DONE, WAITING, STOPPED, SKIPPED = "done", "waiting", "stopped", "skipped"

NO_TIMES: Mapping[str, datetime] = MappingProxyType({})

_STATE_WORDS = {
    DONE: "done",
    WAITING: "not yet",
    STOPPED: "stopped",
    SKIPPED: "does not apply",
}


@dataclass(frozen=True)
class Step:
    """One step: `note` says why it stopped or was skipped, `at` when it was done, `due_at` when it
    will be (UTC)."""

    label: str
    state: str
    at: datetime | None = None
    note: str = ""
    due_at: datetime | None = None

    @property
    def spoken(self) -> str:
        """The step's state in words, for those who do not see the color."""
        return self.note or _STATE_WORDS[self.state]


def _step(label: str, is_done: bool, at: datetime | None = None) -> Step:
    return Step(label, DONE if is_done else WAITING, at if is_done else None)


def ticks(refund: Refund) -> list[Step]:
    """Returns decided, paid, reported, confirmed of a refund."""
    return [_decided(refund), _paid(refund), *_told(refund)]


def _decided(refund: Refund) -> Step:
    if refund.status == RefundStatus.CANCELED:
        return Step("Decided", STOPPED, note="canceled")
    if refund.status == RefundStatus.PROPOSED:
        return Step("Decided", WAITING, note="waits for approval")
    return Step("Decided", DONE, refund.approved_at or refund.created_at)


def _paid(refund: Refund) -> Step:
    label = words.paid_word(refund)
    stops = {
        RefundStatus.DECLINED: "declined",
        RefundStatus.UNKNOWN: "outcome unknown",
    }
    if refund.status in stops:
        return Step(label, STOPPED, note=stops[RefundStatus(refund.status)])
    if words.is_put_off(refund):
        return Step(label, WAITING, due_at=refund.payment_due_at)
    if refund.status == RefundStatus.CANCELED:
        return Step(label, SKIPPED, note="nothing is paid")
    if refund.status == RefundStatus.PAID and not words.pays_money(refund):
        return Step(label, DONE, refund.paid_at, note="no money to move")
    return _step(label, refund.status == RefundStatus.PAID, refund.paid_at)


_NEVER_REPORTED = (RefundStatus.CANCELED, RefundStatus.DECLINED)


def _told(refund: Refund) -> list[Step]:
    reported = _step("Reported", refund.reported_at is not None, refund.reported_at)
    if refund.reported_at is None and refund.status in _NEVER_REPORTED:
        note = "nothing to report"
        return [Step(label, SKIPPED, note=note) for label in ("Reported", "Confirmed")]
    if refund.rma_id is None and refund.confirmed_at is None:
        is_goodwill = refund.kind == RefundKind.GOODWILL
        note = "goodwill closes no return" if is_goodwill else "no return to close"
        return [reported, Step("Confirmed", SKIPPED, note=note)]
    return [reported, _step("Confirmed", refund.confirmed_at is not None, refund.confirmed_at)]


AFTER_HANDOVER = (rules.ACCEPTED, rules.TRANSIT, rules.DELIVERED)
ON_THE_WAY = (rules.TRANSIT, rules.DELIVERED)
_LOST = {
    rules.RETURNED: "went back to the shopper",
    rules.FAILURE: "the parcel failed",
}

HANDED_OVER, IN_TRANSIT, RECEIVED = _PARCEL_LABELS = ("Handed over", "In transit", "Received")
_REFUND_LABELS = ("Decided", "Paid", "Reported", "Confirmed")


def unit_steps(
    rma: Rma, unit: RmaUnit, refund: Refund | None, times: Mapping[str, datetime] = NO_TIMES
) -> list[Step]:
    """Returns the way of one unit, from the return's start to Optoro's confirmation; `refund` is
    the one the unit is in (the last one where none is live), `times` tells when the steps of its
    parcel were reached, where that is known."""
    steps = [Step("Started", DONE, rma.remote_created_at), *_parcel(rma, unit, times)]
    if unit.is_excluded and (refund is None or refund.status == RefundStatus.CANCELED):
        note = f"excluded by {unit.excluder}"
        stop = Step("Decided", STOPPED, unit.excluded_at, note=note)
        return [*steps, stop, *(Step(label, WAITING) for label in _REFUND_LABELS[1:])]
    if refund:
        return steps + ticks(refund)
    return steps + [Step(label, WAITING) for label in _REFUND_LABELS]


def _parcel(rma: Rma, unit: RmaUnit, times: Mapping[str, datetime]) -> list[Step]:
    tracking = unit.package_tracking_status
    if rma.return_method == rules.CUSTOMER_KEEP:
        return [Step(label, SKIPPED, note="the shopper keeps it") for label in _PARCEL_LABELS]
    is_received = unit.receiving_status == rules.RECEIVED
    if tracking == rules.NOT_DROPPED_OFF and not is_received:
        return [
            Step(HANDED_OVER, STOPPED, note="not dropped off"),
            Step(IN_TRANSIT, WAITING),
            Step(RECEIVED, WAITING),
        ]
    is_lost = tracking in _LOST
    has_gone = is_received or is_lost or tracking in AFTER_HANDOVER
    return [
        _step(HANDED_OVER, has_gone, times.get(HANDED_OVER)),
        Step(IN_TRANSIT, STOPPED, note=_LOST[tracking])
        if is_lost and not is_received
        else _step(IN_TRANSIT, is_received or tracking in ON_THE_WAY, times.get(IN_TRANSIT)),
        _received(unit, times.get(RECEIVED)),
    ]


def _received(unit: RmaUnit, at: datetime | None) -> Step:
    if unit.receiving_status == rules.NOT_RECEIVED:
        return Step(RECEIVED, STOPPED, note="not received by the warehouse")
    if unit.receiving_status == rules.RECEIVED:
        return Step(RECEIVED, DONE, at)
    if unit.package_tracking_status == rules.DELIVERED:
        return Step(RECEIVED, WAITING, note="delivered, not received yet")
    return Step(RECEIVED, WAITING)


def refund_of(unit: RmaUnit) -> Refund | None:
    """Returns the refund a unit is in: the live one, else the last. Expects
    `refund_units__line__refund` to be prefetched."""
    rows = sorted(unit.refund_units.all(), key=lambda row: (row.is_live, row.pk))
    return rows[-1].line.refund if rows else None

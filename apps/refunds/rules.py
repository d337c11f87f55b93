"""When a unit is refunded, and how a refund moves. Pure."""

from collections.abc import Collection
from typing import Protocol

from apps.refunds.models import Destination, RefundStatus
from apps.refunds.types import Answer, PastRefunds, Policy, Verdict
from apps.rmas import rules as rma_rules

# The one table of how a refund's status may move.
TRANSITIONS: dict[str, frozenset[str]] = {
    RefundStatus.PROPOSED: frozenset({RefundStatus.APPROVED, RefundStatus.CANCELED}),
    RefundStatus.APPROVED: frozenset(
        # PAID at once only where the shopper is owed nothing (the whole is settlement).
        {RefundStatus.PAYING, RefundStatus.PAID, RefundStatus.CANCELED}
    ),
    RefundStatus.PAYING: frozenset(
        {RefundStatus.PAID, RefundStatus.DECLINED, RefundStatus.UNKNOWN}
    ),
    RefundStatus.UNKNOWN: frozenset(
        # PAYING again where the gateway says that it has not decided yet.
        {RefundStatus.PAYING, RefundStatus.PAID, RefundStatus.DECLINED}
    ),
    RefundStatus.PAID: frozenset(),
    RefundStatus.DECLINED: frozenset(),
    RefundStatus.CANCELED: frozenset(),
}

# A refund in one of these states holds its amount back: unknown may have been paid.
LIVE_STATUSES = (
    RefundStatus.PROPOSED,
    RefundStatus.APPROVED,
    RefundStatus.PAYING,
    RefundStatus.PAID,
    RefundStatus.UNKNOWN,
)


def may_move(before: str, after: str) -> bool:
    """Tells whether a refund's status may go from `before` to `after`."""
    return after in TRANSITIONS[before]


class UnitFacts(Protocol):
    """What the rule needs of a unit."""

    order_identifier: str
    order_line_item_identifier: str
    refund_type: str
    package_tracking_status: str
    receiving_status: str
    was_seen_open: bool
    open_package_tracking_status: str
    open_receiving_status: str
    warehouse_receipt_condition: str
    estimated_refund_amount_cents: int
    optoro_refund_amount_cents: int
    shopper_refund_amount_cents: int
    is_withdrawn: bool
    exclusion_reason: str
    excluder: str

    @property
    def is_excluded(self) -> bool: ...


class RmaFacts(Protocol):
    """What the rule needs of an RMA."""

    status: str
    return_method: str
    gift_refund_only: bool
    giftee_email: str

    @property
    def is_cancellation_requested(self) -> bool: ...


_STOPPED_TRACKING = {
    rma_rules.FAILURE: "the parcel failed",
    rma_rules.RETURNED: "the parcel went back to the shopper",
    rma_rules.NOT_DROPPED_OFF: "the unit was not dropped off",
}


def unit_verdict(
    *,
    unit: UnitFacts,
    rma: RmaFacts,
    policy: Policy,
    past: PastRefunds,
    is_order_known: bool,
    is_order_behind: bool,
    flag: str = "",
) -> Verdict:
    """Returns what automation does with a unit, and why (flows.md, "When a unit becomes
    refundable" and "Never refundable by automation").

    `flag` says why somebody stopped automation for its order or return: what would be refunded is
    then left to people, who know of it.
    """
    verdict = _judged(unit, rma, policy, past, is_order_known, is_order_behind)
    if flag and verdict.answer == Answer.REFUND:
        return Verdict(Answer.PERSON, f"automation is stopped: {flag}", is_shown_elsewhere=True)
    return verdict


def _judged(
    unit: UnitFacts,
    rma: RmaFacts,
    policy: Policy,
    past: PastRefunds,
    is_order_known: bool,
    is_order_behind: bool,
) -> Verdict:
    if past.live_identifier:
        return Verdict(Answer.REFUNDED, f"in refund {past.live_identifier}")
    if rma.status == rma_rules.CANCELED:
        return Verdict(Answer.CLOSED, "the RMA is canceled")
    if rma.is_cancellation_requested:
        return Verdict(Answer.CLOSED, "its cancellation was asked for")
    if unit.is_excluded:
        return Verdict(Answer.CLOSED, f"{unit.excluder} excluded it: {unit.exclusion_reason}")
    return (
        _stopped_by_kind(unit, rma)
        or _stopped_by_parcel(unit, rma)
        or _stopped_by_condition(unit, policy)
        or _stopped_by_past(past)
        or _not_triggered(unit, rma, policy)
        or _stopped_by_order(unit, is_order_known, is_order_behind)
        or _stopped_by_figures(unit, rma)
        or Verdict(Answer.REFUND, _trigger_reason(unit, rma, policy))
    )


def _person(reason: str) -> Verdict:
    return Verdict(Answer.PERSON, reason)


def _stopped_by_kind(unit: UnitFacts, rma: RmaFacts) -> Verdict | None:
    if rma.status == rma_rules.PENDING_EXCHANGE:
        return Verdict(Answer.WAIT, "waits for its exchange order")
    if rma.status not in rma_rules.STATUS_PROGRESS:
        return _person(f"RMA status {rma.status!r} is not in the contract")
    if unit.is_withdrawn:
        return Verdict(Answer.CLOSED, "the newest message no longer has this unit")
    if unit.refund_type not in rma_rules.REFUND_TYPES:
        return _person(f"refund type {unit.refund_type!r} is not in the contract")
    if rma.return_method not in rma_rules.RETURN_METHODS:
        return _person(f"return method {rma.return_method!r} is not in the contract")
    return None


def _stopped_by_parcel(unit: UnitFacts, rma: RmaFacts) -> Verdict | None:
    tracking = unit.package_tracking_status
    if tracking == rma_rules.NOT_DROPPED_OFF and rma.status == rma_rules.REFUNDED:
        return Verdict(
            Answer.CLOSED, "it was not dropped off, and Optoro closed the RMA without it"
        )
    if tracking in _STOPPED_TRACKING:
        return _person(_STOPPED_TRACKING[tracking])
    if tracking not in rma_rules.TRACKING_PROGRESS:
        return _person(f"package tracking status {tracking!r} is not in the contract")
    if unit.receiving_status == rma_rules.NOT_RECEIVED:
        return _person("the warehouse did not receive it")
    if unit.receiving_status not in rma_rules.RECEIVING_PROGRESS:
        return _person(f"receiving status {unit.receiving_status!r} is not in the contract")
    return None


def _stopped_by_condition(unit: UnitFacts, policy: Policy) -> Verdict | None:
    """The condition is known once the warehouse has received the unit; from then on it counts."""
    condition = unit.warehouse_receipt_condition
    if policy.automatic_conditions is None:
        return None
    if not condition and unit.receiving_status != rma_rules.RECEIVED:
        return None
    if condition in policy.automatic_conditions:
        return None
    if not condition:
        return _person("received without a condition, which the policy leaves to a person")
    return _person(f"received in condition {condition}, which the policy leaves to a person")


def _stopped_by_past(past: PastRefunds) -> Verdict | None:
    if past.declined_identifier:
        return Verdict(
            Answer.PERSON,
            f"refund {past.declined_identifier} was declined by the gateway",
            is_shown_elsewhere=True,
        )
    if past.canceled_identifier:
        return _person(f"refund {past.canceled_identifier} was canceled by a person")
    return None


def _not_triggered(unit: UnitFacts, rma: RmaFacts, policy: Policy) -> Verdict | None:
    """An RMA that Optoro calls REFUNDED is judged by what it showed before: refunds reach Optoro
    only through the desk, so a unit that had reached its trigger is still owed, and one that had
    not was closed for a reason that the desk does not know."""
    is_closed = rma.status == rma_rules.REFUNDED
    if is_closed and not unit.was_seen_open:
        return _person("Optoro calls the RMA REFUNDED, and the desk has not refunded this unit")
    tracking = unit.open_package_tracking_status if is_closed else unit.package_tracking_status
    receiving = unit.open_receiving_status if is_closed else unit.receiving_status
    if policy.trigger_of(rma.return_method) == "receipt":
        if rma.return_method == rma_rules.CUSTOMER_KEEP:
            return _person("the policy waits for receipt, but the shopper keeps the goods")
        is_due = receiving == rma_rules.RECEIVED
        awaited = "receipt at the warehouse"
    else:
        is_due = rma_rules.is_handed_over(
            return_method=rma.return_method,
            package_tracking_status=tracking,
            receiving_status=receiving,
        )
        awaited = _HANDED_OVER_BY.get(rma.return_method, "the drop-off")
    if is_due:
        return None
    if is_closed:
        return _person(f"Optoro calls the RMA REFUNDED, but {awaited} was never reported")
    return Verdict(Answer.WAIT, f"waits for {awaited}")


def _stopped_by_order(
    unit: UnitFacts, is_order_known: bool, is_order_behind: bool
) -> Verdict | None:
    """Optoro lets a shopper return only what a snapshot called shipped. An RMA that returns more
    than that shows that the desk's order is behind: none of its figures are used until it has
    caught up."""
    if not is_order_known:
        return Verdict(Answer.WAIT, f"order {unit.order_identifier} is not known yet")
    if is_order_behind:
        return _person(
            f"the RMA returns more than order {unit.order_identifier} has shipped as far as the "
            "desk knows; send the newest order"
        )
    return None


def _stopped_by_figures(unit: UnitFacts, rma: RmaFacts) -> Verdict | None:
    shopper, optoro = unit.shopper_refund_amount_cents, unit.optoro_refund_amount_cents
    estimated = unit.estimated_refund_amount_cents
    if min(shopper, optoro) < 0 or shopper + optoro != estimated:
        return _person(
            f"Optoro's figures do not add up: shopper {shopper} + Optoro {optoro} is not "
            f"estimated {estimated} (cents)"
        )
    if unit.refund_type in rma_rules.EXCHANGES and shopper and not optoro:
        return _person(
            f"the shopper has exchanged it, but Optoro's figures pay all of it back ({shopper} "
            "cents)"
        )
    if rma.gift_refund_only and not rma.giftee_email and shopper:
        return _person("a gift refund without giftee_email: nobody to send the gift card to")
    return None


def _trigger_reason(unit: UnitFacts, rma: RmaFacts, policy: Policy) -> str:
    kind = _KINDS[unit.refund_type]
    if rma.return_method == rma_rules.CUSTOMER_KEEP:
        return f"{kind}customer-keep, nothing to send back"
    waits_for_receipt = policy.trigger_of(rma.return_method) == "receipt"
    if waits_for_receipt or unit.receiving_status == rma_rules.RECEIVED:
        return f"{kind}{rma.return_method}, received at the warehouse"
    status = unit.open_package_tracking_status or unit.package_tracking_status
    return f"{kind}{rma.return_method}, {status}"


_HANDED_OVER_BY = {
    rma_rules.MAIL_BACK: "the carrier's scan",
    rma_rules.HOME_PICKUP: "the pickup",
}

_KINDS = {
    rma_rules.REFUND: "",
    rma_rules.STANDARD_EXCHANGE: "exchange, ",
    rma_rules.INSTANT_EXCHANGE: "instant exchange, ",
    rma_rules.UNEVEN_EXCHANGE: "uneven exchange, ",
    rma_rules.INSTANT_STORE_CREDIT: "instant store credit, ",
}


def is_paid_in_credit(unit: UnitFacts) -> bool:
    """Tells whether the shopper's part of a unit went out as store credit with the exchange order,
    so that nothing more is paid for it (flows.md, "Where the money goes")."""
    return (
        unit.refund_type == rma_rules.INSTANT_STORE_CREDIT and unit.shopper_refund_amount_cents > 0
    )


def destination_of(
    rma: RmaFacts, shopper_amount_cents: int, units: Collection[UnitFacts]
) -> tuple[str, str]:
    """Returns where the shopper's part goes, and the recipient's e-mail (flows.md, "Where the
    money goes"). A gift refund never goes to the original payment, and store credit went out with
    the exchange order."""
    if any(is_paid_in_credit(unit) for unit in units):
        return Destination.STORE_CREDIT, ""
    if shopper_amount_cents == 0:
        has_credit = any(unit.refund_type == rma_rules.INSTANT_STORE_CREDIT for unit in units)
        return Destination.STORE_CREDIT if has_credit else Destination.NONE, ""
    if rma.gift_refund_only:
        return Destination.GIFT_CARD, rma.giftee_email
    return Destination.ORIGINAL_PAYMENT, ""


def bonus_credit_cents(
    *, units: Collection[UnitFacts], bonus_credit_amount_cents: int, noted_before_cents: int
) -> int:
    """Returns the bonus credit to note on a refund of these units: the RMA's, once over all its
    refunds, where one of the units was turned into store credit or exchanged. Never part of what is
    refunded (design: its own figure)."""
    if all(unit.refund_type == rma_rules.REFUND for unit in units):
        return 0
    return max(0, bonus_credit_amount_cents - noted_before_cents)


def retained_cents(
    *, policy: Policy, return_shipping_cost_cents: int, retained_before_cents: int, shopper: int
) -> int:
    """Returns what is kept back of the shopper's part for return shipping: the cost once per RMA,
    over all its refunds, and never more than the shopper's part."""
    if not policy.charges_return_shipping:
        return 0
    return max(0, min(return_shipping_cost_cents - retained_before_cents, shopper))

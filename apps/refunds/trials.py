"""What automation would do with an RMA's units under some policy: the real rules, tried out. Pure;
`backtest.py` reads what it needs and adds up."""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from apps.orders.rules import shipped_amount_cents
from apps.refunds import limits
from apps.refunds.policies import Policies
from apps.refunds.queries import NO_FLAGS, NO_PAST, verdicts
from apps.refunds.rules import is_paid_in_credit, retained_cents
from apps.refunds.types import Answer, PastRefunds, Policy, UnitShare, Verdict
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit


class Outcome(StrEnum):
    """What becomes of a unit."""

    AUTOMATIC = "automatic"
    APPROVAL = "approval"
    WAIT = "wait"
    PERSON = "person"
    CLOSED = "closed"
    DECIDED = "decided"


REFUNDED = (Outcome.AUTOMATIC, Outcome.APPROVAL)

_OUTCOMES = {
    Answer.WAIT: Outcome.WAIT,
    Answer.PERSON: Outcome.PERSON,
    Answer.CLOSED: Outcome.CLOSED,
}


@dataclass(frozen=True)
class Result:
    """What becomes of a unit under a policy, and whether already when it was handed over. Amounts
    take long to write, and few reasons are ever read: `tell` is asked for the words when they are.
    """

    outcome: Outcome
    tell: Callable[[], str]
    is_at_handover: bool = False

    @property
    def reason(self) -> str:
        """Why, in words for a person."""
        return self.tell()


def _result(outcome: Outcome, reason: str) -> Result:
    return Result(outcome, lambda: reason)


@dataclass(frozen=True)
class Known:
    """What was decided before: by unit key, and (cents, units) by order line key. In a back-test
    (`is_backtest`) nothing was, except that `paid_units` tells which units the desk's own refunds
    closed."""

    is_backtest: bool = False
    past: Mapping[int, PastRefunds] = field(default_factory=dict)
    spent: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    paid_units: Collection[int] = ()


def results_of(
    rma: Rma, units: Sequence[RmaUnit], policies: Policies, known: Known
) -> dict[int, Result]:
    """Returns, by unit key, what becomes of each of these units of one RMA.

    Beside the verdicts, the limit of each line and the tolerance are asked, as `proposals.py` does.
    The limits of the order and of its payment are not: they hang on everything decided before. Nor
    are flags: they stop automation today, under any policy.
    """
    judged = verdicts(rma, units, policies, past=NO_PAST, flags=NO_FLAGS)
    if rma.status == rma_rules.REFUNDED and known.paid_units:
        open_still = verdicts(_as_if_open(rma), units, policies, past=NO_PAST, flags=NO_FLAGS)
        judged |= {pk: found for pk, found in open_still.items() if pk in known.paid_units}
    early = _refunded_at_handover(rma, units, policies) if known.is_backtest else {}
    results = {}
    for unit in units:
        verdict = early.get(unit.pk, judged[unit.pk])
        outcome = _OUTCOMES.get(verdict.answer)
        if outcome is None:
            by_hand = policies.for_unit(rma, unit).needs_approval(rma.return_method)
            outcome = Outcome.APPROVAL if by_hand else Outcome.AUTOMATIC
        result = Result(outcome, partial(str, verdict.reason), unit.pk in early)
        results[unit.pk] = _with_past(result, known.past.get(unit.pk))
    return results | _beyond_their_lines(rma, units, policies, known, results)


def _refunded_at_handover(
    rma: Rma, units: Sequence[RmaUnit], policies: Policies
) -> dict[int, Verdict]:
    """Returns the units that a policy refunds when they are handed over, with nothing known of
    their receipt yet: what the warehouse found afterwards came too late to matter.

    Customer-keep has no such moment, and a canceled RMA is judged as it is: whether it was canceled
    before the scan, its last state does not tell.
    """
    if rma.status == rma_rules.CANCELED or rma.return_method == rma_rules.CUSTOMER_KEEP:
        return {}
    handed_over = [_before_receipt(unit) for unit in units]
    judged = verdicts(_as_if_open(rma), handed_over, policies, past=NO_PAST, flags=NO_FLAGS)
    return {pk: verdict for pk, verdict in judged.items() if verdict.answer == Answer.REFUND}


def _before_receipt(unit: RmaUnit) -> RmaUnit:
    before = copy.copy(unit)
    before.receiving_status = rma_rules.PENDING
    before.warehouse_receipt_condition = ""
    return before


def _as_if_open(rma: Rma) -> Rma:
    """An RMA that the desk's own refunds made REFUNDED would still be open without them: under a
    later trigger such a unit waits, and is no riddle for a person."""
    still_open = copy.copy(rma)
    if rma.status != rma_rules.PENDING_EXCHANGE:
        still_open.status = rma_rules.CREATED
    return still_open


def _with_past(result: Result, past: PastRefunds | None) -> Result:
    if past is None:
        return result
    if past.live_identifier:
        return _result(Outcome.DECIDED, f"in refund {past.live_identifier} already")
    if result.outcome in REFUNDED and (past.declined_identifier or past.canceled_identifier):
        name = past.declined_identifier or past.canceled_identifier
        return _result(Outcome.PERSON, f"refund {name} was declined or canceled before")
    return result


_LineKey = tuple[int, str, Policy, bool]


def _beyond_their_lines(
    rma: Rma,
    units: Sequence[RmaUnit],
    policies: Policies,
    known: Known,
    results: Mapping[int, Result],
) -> dict[int, Result]:
    """Returns the units that a line's limit or the tolerance gives to a person."""
    groups: dict[_LineKey, list[RmaUnit]] = {}
    for unit in units:
        if results[unit.pk].outcome in REFUNDED and unit.order_line_id:
            policy, in_credit = policies.for_unit(rma, unit), is_paid_in_credit(unit)
            key = (unit.order_line_id, unit.original_order_identifier, policy, in_credit)
            groups.setdefault(key, []).append(unit)
    stopped: dict[int, Result] = {}
    for (_, _, policy, _), members in groups.items():
        tell = _why_not(members, policy, known)
        if tell is not None:
            stopped |= {unit.pk: Result(Outcome.PERSON, tell) for unit in members}
    return stopped


def _why_not(members: Sequence[RmaUnit], policy: Policy, known: Known) -> Callable[[], str] | None:
    line, order = members[0].order_line, members[0].order
    assert line is not None
    assert order is not None
    cents, count = known.spent.get(line.pk, (0, 0))
    room = limits.LineRoom(
        amount_cents=max(0, shipped_amount_cents(line) - cents),
        units=max(0, line.quantity_shipped - count),
        refunded_cents=cents,
        refunded_units=count,
    )
    shares = [
        UnitShare(
            unit,
            unit.estimated_refund_amount_cents,
            unit.shopper_refund_amount_cents,
            unit.optoro_refund_amount_cents,
        )
        for unit in members
    ]
    calculation = limits.calculate(line, shares, room, policy.tolerance_cents)
    if not limits.fit_shares(shares, calculation, room):
        return partial(limits.why_not, line, shares, room, order.currency)
    if not calculation.is_within_tolerance:
        return partial(limits.why_too_different, line, calculation, order.currency)
    return None


def paid_to_shopper_cents(unit: RmaUnit) -> int:
    """Returns what would still be paid to the shopper for a unit, before return shipping is kept
    back: nothing where it went out as store credit."""
    return 0 if is_paid_in_credit(unit) else unit.shopper_refund_amount_cents


def retained_for(
    rma: Rma,
    units: Sequence[RmaUnit],
    policies: Policies,
    results: Mapping[int, Result],
    retained_before_cents: int,
) -> int:
    """Returns what would be kept back for return shipping, in cents: the RMA's cost once, never
    more than the shopper is paid for units whose policy charges it."""
    charged = [
        (policies.for_unit(rma, unit), paid_to_shopper_cents(unit))
        for unit in units
        if results[unit.pk].outcome in REFUNDED
    ]
    charging = [(policy, cents) for policy, cents in charged if policy.charges_return_shipping]
    if not charging:
        return 0
    return retained_cents(
        policy=charging[0][0],
        return_shipping_cost_cents=rma.return_shipping_cost_cents,
        retained_before_cents=retained_before_cents,
        shopper=sum(cents for _, cents in charging),
    )

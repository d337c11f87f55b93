"""Why this amount: the steps of a refund, as figures and words.

Nothing is worked out here: the figures are those that were decided with and kept with each line
(`refunds/calculation.py`). All amounts are integer cents in the refund's currency; what is taken
away is negative, so that the steps of a block add up to its total.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from apps.common.money import show
from apps.desk.reads.rows import gift_card_of
from apps.desk.words import wait_minutes, wait_name
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.rules import status_of
from apps.refunds.calculation import LineCalculation
from apps.refunds.models import (
    Destination,
    Refund,
    RefundKind,
    RefundLine,
    RefundPolicy,
    RefundStatus,
    RefundUnit,
    Source,
)
from apps.refunds.rules import LIVE_STATUSES


@dataclass(frozen=True)
class Step:
    """One figure and what it is; `is_total` where it is the sum of the steps above it."""

    label: str
    cents: int
    note: str = ""
    is_total: bool = False


@dataclass(frozen=True)
class Block:
    """Steps that add up: every total is the sum of the steps above it in its block."""

    title: str
    steps: tuple[Step, ...]
    note: str = ""


@dataclass(frozen=True)
class LineWhy:
    """A line of a refund; without blocks, `note` says why there are none."""

    line: RefundLine
    blocks: tuple[Block, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Why:
    """A whole refund: its lines (`no_lines` says why there are none), what becomes of their sum,
    and under which policy. `wait_note` says what it waits, or waited, for before it is paid."""

    lines: tuple[LineWhy, ...]
    parts: Block
    destination: str
    policy: RefundPolicy | None
    policy_note: str
    no_lines: str = ""
    wait_note: str = ""
    bonus_note: str = ""
    retained_note: str = ""
    exchange_identifier: str = ""


@dataclass(frozen=True)
class _Around:
    """What is read once for all refunds of a page."""

    policies: dict[int, RefundPolicy] = field(default_factory=dict)
    retained: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    exchanges: dict[int, ExchangeOrder] = field(default_factory=dict)


def whys(refunds: Iterable[Refund]) -> dict[int, Why]:
    """Returns, by key, why each refund has its amount. Expects lines with their order lines, the
    order, the paid order and the RMA to be read with them; asks at most twice for all, and three
    times more where some are store credit."""
    refunds = list(refunds)
    keys = {refund.policy_id for refund in refunds if refund.policy_id}
    policies = RefundPolicy.objects.in_bulk(keys) if keys else {}
    retained = _retained({r.rma_id for r in refunds if r.rma_id})
    around = _Around(policies, retained, _exchanges(refunds))
    return {refund.pk: _why(refund, around) for refund in refunds}


def _retained(rma_ids: set[int]) -> dict[int, list[tuple[int, int]]]:
    live: QuerySet[Refund] = Refund.objects.filter(rma__in=rma_ids, status__in=LIVE_STATUSES)
    found: dict[int, list[tuple[int, int]]] = {}
    rows = live.filter(retained_amount_cents__gt=0).order_by("pk")
    for rma_id, pk, cents in rows.values_list("rma", "pk", "retained_amount_cents"):
        found.setdefault(rma_id, []).append((pk, cents))
    return found


def _exchanges(refunds: Iterable[Refund]) -> dict[int, ExchangeOrder]:
    """Returns, by refund key, the exchange orders that carry store credit: the one that the units
    name, else the one that was placed for the return."""
    credited = {r.pk: r for r in refunds if r.destination == Destination.STORE_CREDIT}
    if not credited:
        return {}
    named = dict(
        RefundUnit.objects.filter(line__refund__in=credited)
        .exclude(rma_unit__exchange_order_identifier="")
        .values_list("line__refund", "rma_unit__exchange_order_identifier")
    )
    returns = {refund.rma_identifier for refund in credited.values()} - {""}
    rows = ExchangeOrder.objects.filter(
        Q(order_identifier__in=named.values()) | Q(rma_identifier__in=returns),
        store_id__in={refund.store_id for refund in credited.values()},
    )
    placed = list(rows.defer("content", "request").prefetch_related("lines").order_by("pk"))
    by_name = {row.order_identifier: row for row in placed}
    by_return = {row.rma_identifier: row for row in placed if row.rma_identifier}
    found = {
        pk: by_name.get(named.get(pk, "")) or by_return.get(refund.rma_identifier)
        for pk, refund in credited.items()
    }
    return {pk: row for pk, row in found.items() if row}


def _why(refund: Refund, around: _Around) -> Why:
    lines = list(refund.lines.all())
    policy = around.policies.get(refund.policy_id or 0)
    exchange = around.exchanges.get(refund.pk)
    return Why(
        lines=tuple(line_why(refund, line) for line in lines),
        parts=parts_of(refund, lines),
        destination=_destination(refund, exchange),
        exchange_identifier=exchange.order_identifier if exchange else "",
        policy=policy,
        policy_note=_policy_note(refund, policy),
        no_lines="" if lines else _why_no_lines(refund),
        wait_note=_wait_note(refund),
        retained_note=_retained_note(refund, around),
        bonus_note=(
            "Bonus credit is its own figure: it is noted here and not part of the refund."
            if refund.bonus_credit_amount_cents
            else ""
        ),
    )


# --- A line ----------------------------------------------------------------------------------


def line_why(refund: Refund, line: RefundLine) -> LineWhy:
    """Returns how a line's amount was worked out when it was decided."""
    if line.calculation is None:
        return LineWhy(line, note=_why_no_figures(refund, line))
    calculation = LineCalculation.from_content(line.calculation)
    return LineWhy(line, blocks=blocks_of(calculation, refund.currency))


def _why_no_figures(refund: Refund, line: RefundLine) -> str:
    if refund.source == Source.EXTERNAL:
        return (
            "The order system reported this refund and its amount; the desk did not work it "
            "out. Where it named no amount per line, the total is split by what the lines cost."
        )
    if refund.source == Source.AUTOMATIC:
        return "Decided before the desk kept its figures with each line."
    most = f"It is never more than what was paid for {_units(line.quantity)} of this line."
    if refund.rma_id is None:
        return (
            "The units are in no return, so Optoro estimates nothing: the amount is what was paid, "
            f"unless {_maker(refund)} named another one. {most}"
        )
    maker = _maker(refund)
    return f"{maker[:1].upper()}{maker[1:]} named this amount, instead of Optoro’s estimate. {most}"


def _maker(refund: Refund) -> str:
    return "whoever made the refund" if refund.source == Source.STAFF else "the caller of the API"


def _why_no_lines(refund: Refund) -> str:
    if refund.kind == RefundKind.GOODWILL:
        return (
            f"Goodwill is for no unit: {_maker(refund)} named the amount. All goodwill of an "
            "order together stays within the limit of the approval policy."
        )
    return (
        "The order system reported this refund without lines; the desk did not work its amount out."
    )


def _wait_note(refund: Refund) -> str:
    if refund.payment_due_at is None:
        return ""
    if refund.source == Source.AUTOMATIC:
        return "the policy’s delay."
    return f"its {wait_name(refund, wait_minutes(refund))}, in which it can be taken back."


def blocks_of(found: LineCalculation, currency: str) -> tuple[Block, ...]:
    """Returns the steps of a line: what was paid, what is left of the line, what is refunded."""
    return (_paid_block(found), _room_block(found), _amount_block(found, currency))


def _units(count: int) -> str:
    return f"{count} unit{'' if count == 1 else 's'}"


def _steps(*steps: Step | None) -> tuple[Step, ...]:
    return tuple(step for step in steps if step is not None)


def _paid_block(found: LineCalculation) -> Block:
    rounding = Step("Rounding", found.rounding_cents, "what the shares leave over")
    return Block(
        "What was paid for these units",
        _steps(
            Step(f"Price of {_units(found.quantity)}", found.price_cents, "share of the line"),
            Step("Discount", -found.discount_cents, "share of the line"),
            Step("Tax", found.tax_cents, "share of the line"),
            rounding if found.rounding_cents else None,
            Step("Paid for these units", found.paid_cents, is_total=True),
        ),
    )


def _room_block(found: LineCalculation) -> Block:
    beyond = found.room_cents - (found.cap_cents - found.refunded_before_cents)
    return Block(
        "What the line could still refund",
        _steps(
            Step(
                f"Paid for {_units(found.quantity_shipped)} shipped",
                found.cap_cents,
                "the most the line can ever refund",
            ),
            Step(
                "Refunded before",
                -found.refunded_before_cents,
                f"{_units(found.quantity_refunded_before)}, whoever refunded them",
            ),
            Step("Refunded beyond the limit", beyond, "so nothing is left") if beyond else None,
            Step("Left of the line", found.room_cents, is_total=True),
        ),
    )


def _amount_block(found: LineCalculation, currency: str) -> Block:
    off = Step(
        "Rounding cents",
        -found.taken_off_cents,
        "taken off to fit what is left of the line, at most one per unit refunded of it",
    )
    return Block(
        "What is refunded",
        _steps(
            Step("Optoro’s estimate for the shopper", found.shopper_estimate_cents),
            Step("Optoro’s estimate for Optoro", found.optoro_estimate_cents, "settlement"),
            Step("Optoro’s estimate", found.estimated_cents, is_total=True),
            off if found.taken_off_cents else None,
            Step("Refunded for these units", found.amount_cents, is_total=True),
        ),
        note=_tolerance_note(found, currency),
    )


def _tolerance_note(found: LineCalculation, currency: str) -> str:
    difference = found.difference_cents
    if difference == 0:
        told = "Optoro’s estimate is exactly what was paid."
    else:
        side = "above" if difference > 0 else "below"
        told = f"Optoro’s estimate is {show(abs(difference), currency)} {side} what was paid."
    if found.tolerance_cents is None:
        return f"{told} The policy lets any difference pass, up to what is left of the line."
    return f"{told} The policy lets {show(found.tolerance_cents, currency)} per unit pass."


# --- The refund ------------------------------------------------------------------------------


def parts_of(refund: Refund, lines: Sequence[RefundLine]) -> Block:
    """Returns what becomes of the lines' sum: Optoro's part, return shipping, the shopper's."""
    total = refund.total_refund_amount_cents
    steps = [Step(f"Line {line.order_line.identifier}", line.amount_cents) for line in lines]
    if not lines and refund.kind == RefundKind.GOODWILL:
        steps = [Step("Goodwill", total, "for no unit")]
    elif not lines:
        steps = [Step("Reported by the order system", total, "without lines")]
    return Block(
        "From the lines to the shopper",
        (
            *steps,
            Step("Refund", total, _reported_note(refund), is_total=True),
            Step("Settled with Optoro", -refund.optoro_amount_cents),
            Step("Return shipping kept back", -refund.retained_amount_cents),
            Step("To the shopper", refund.shopper_amount_cents, is_total=True),
        ),
    )


def _reported_note(refund: Refund) -> str:
    is_over = refund.status in (RefundStatus.CANCELED, RefundStatus.DECLINED)
    if is_over and refund.reported_at is None:
        return "would have been reported"
    return "reported to Optoro"


def _destination(refund: Refund, exchange: ExchangeOrder | None) -> str:
    """Where the shopper's part goes and why (flows.md, "Where the money goes")."""
    if refund.source == Source.EXTERNAL:
        return "Paid outside the desk, as the order system reported."
    if refund.destination == Destination.STORE_CREDIT:
        return _store_credit(exchange)
    if refund.destination == Destination.NONE or not refund.shopper_amount_cents:
        return "Nothing is left to pay to the shopper."
    is_gift = refund.rma is not None and refund.rma.gift_refund_only
    if refund.destination == Destination.GIFT_CARD and not is_gift:
        return f"To a gift card for {refund.recipient_email}, as {_maker(refund)} chose."
    if refund.destination == Destination.GIFT_CARD:
        return (
            f"To a gift card for {refund.recipient_email}, because the return is a gift "
            "(gift_refund_only): the giver’s payment is never touched."
        )
    if refund.paid_order_id != refund.order_id:
        return (
            f"To the original payment of order {refund.paid_order.identifier}: the goods of order "
            f"{refund.order.identifier} came by an exchange, which took no payment of its own."
        )
    if refund.kind == RefundKind.GOODWILL or refund.rma_id is None:
        return f"To the original payment of order {refund.order.identifier}."
    return f"To the original payment of order {refund.order.identifier}, whose goods came back."


_GOES_OUT = {
    "placed": "It goes out as a gift card with exchange order {}{}, so no money is paid.",
    "shipped": "It went out as a gift card with exchange order {}{}, so no money is paid.",
    "canceled": (
        "It was to go out as a gift card with exchange order {}{}, which is canceled: find out "
        "whether the shopper has it."
    ),
}


def _store_credit(exchange: ExchangeOrder | None) -> str:
    if exchange is None:
        return "It goes out as a gift card with the exchange order, so no money is paid."
    card, told = gift_card_of(exchange.lines.all()), ""
    if card:
        told = f" ({show(card.total, exchange.currency)}"
        if card.bonus:
            amount, bonus = (
                show(card.amount, exchange.currency),
                show(card.bonus, exchange.currency),
            )
            told = f" ({amount} + {bonus} bonus = {told[2:]}"
        told += ")"
    status = status_of(exchange.own_order_status)
    return _GOES_OUT[status].format(exchange.order_identifier, told)


def _policy_note(refund: Refund, policy: RefundPolicy | None) -> str:
    if refund.source == Source.EXTERNAL:
        return "No policy of the desk: the refund was made outside."
    if policy is None:
        return "The store’s settings: no refund policy was in force."
    return f"The policy for {policy.concept or 'every brand without its own'} in force from"


def _retained_note(refund: Refund, around: _Around) -> str:
    if refund.source == Source.EXTERNAL or refund.rma is None:
        return ""
    cost = refund.rma.return_shipping_cost_cents
    before = sum(c for pk, c in around.retained.get(refund.rma.pk, []) if pk < refund.pk)
    policy = around.policies.get(refund.policy_id or 0)
    if not cost:
        return "The return has no shipping cost."
    told = f"The return’s shipping cost is {show(cost, refund.currency)}"
    if policy and not policy.charges_return_shipping:
        return f"{told}; the policy does not charge it."
    earlier = f", {show(before, refund.currency)} of it kept back before" if before else ""
    if not refund.retained_amount_cents:
        return f"{told}{earlier}; nothing of it is kept back from this refund."
    return f"{told}{earlier}; it is kept back once per return, never more than the shopper’s part."

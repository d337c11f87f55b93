"""Everything the return page shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.attention.models import Item
from apps.cases.models import SubjectKind
from apps.cases.queries import flags_of
from apps.desk.progress import Step, refund_of, unit_steps
from apps.desk.reads.case import CasePanel, case_panel
from apps.desk.reads.linked import (
    link_refunds,
    link_units,
    refunds_with_parts,
    units_with_lines,
)
from apps.desk.reads.milestones import Times, unit_times
from apps.desk.reads.orders import RefundView, attention_for, refund_views
from apps.desk.reads.rma_money import Money, money_of
from apps.desk.reads.rows import ExchangeRow, exchange_rows_of
from apps.desk.reads.shopper import Shopper, shopper_of
from apps.desk.reads.timeline import Timeline, timeline_of
from apps.exchanges.queries import exchange_orders_of_rma
from apps.inbox.models import Delivery
from apps.inbox.queries import deliveries_of
from apps.orders.models import Order
from apps.orders.rules import unit_amount_cents
from apps.refunds.cancellation import why_not_cancelable
from apps.refunds.conversion import why_not_convertible
from apps.refunds.exclusions import why_not_excludable
from apps.refunds.models import Refund
from apps.refunds.policies import PolicyBook, policy_book
from apps.refunds.queries import past_of, verdicts
from apps.refunds.types import Answer, Verdict
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import units_of

MESSAGES_SHOWN = 50


@dataclass(frozen=True)
class UnitView:
    """A unit with its way, its refund, why it is (not) refunded, and what stands against excluding
    it."""

    unit: RmaUnit
    steps: list[Step]
    refund: Refund | None
    verdict: Verdict
    why_not_excludable: str

    @property
    def refunded_cents(self) -> int | None:
        """What the unit is refunded with, None where it is in no live refund."""
        rows = self.unit.refund_units.all()
        return next((row.amount_cents for row in rows if row.is_live), None)

    @property
    def title(self) -> str:
        """What the unit is called on its order, where the order is known."""
        return self.unit.order_line.title if self.unit.order_line else ""

    @property
    def paid_cents(self) -> int | None:
        """What the shopper paid for one such unit, by the order line; None while it is unknown.

        Units of a line differ by a rounding cent at most: this is the share of the first ones.
        """
        line = self.unit.order_line
        if line is None or self.unit.ordinal > line.quantity:
            return None
        return unit_amount_cents(line, self.unit.ordinal - 1)


@dataclass(frozen=True)
class Standing:
    """How many units of a return stand the same way: in this refund, or with this verdict."""

    count: int
    verdict: Verdict
    refund: Refund | None


@dataclass(frozen=True)
class RmaPage:
    """The return page; `currency` is empty while none of its orders is known, `trigger` where its
    units are under policies that differ in it. `why_not_…` say what stands against asking for its
    cancellation, for its conversion, and against deciding anew."""

    rma: Rma
    currency: str
    orders: list[Order]
    unknown_orders: list[str]
    units: list[UnitView]
    money: Money
    trigger: str
    refunds: list[RefundView]
    exchanges: list[ExchangeRow]
    attention: list[Item]
    messages: list[Delivery]
    timeline: Timeline
    case: CasePanel
    shopper: Shopper | None
    why_not_cancelable: str
    why_not_convertible: str
    why_not_decidable: str

    @property
    def standings(self) -> list[Standing]:
        """Where its units stand."""
        return standings_of(self.units)

    @property
    def has_standard_exchange(self) -> bool:
        """Whether it returns goods for a standard exchange, which could become a refund."""
        return any(view.unit.refund_type == rma_rules.STANDARD_EXCHANGE for view in self.units)

    @property
    def is_ended(self) -> bool:
        """Whether Optoro has canceled it: nothing more can be done with it."""
        return self.rma.status == rma_rules.CANCELED

    @property
    def exchange_names(self) -> set[str]:
        """The identifiers of its exchange orders, for linking what units name."""
        return {row.placed.order_identifier for row in self.exchanges}


def rma_page(rma: Rma, *, person_id: int, query: Mapping[str, str]) -> RmaPage:
    """Reads the page of an RMA for a person; `query` is the address, which chooses how much of the
    timeline and the notes is shown."""
    units = _units(rma)
    orders = {unit.order.pk: unit.order for unit in units if unit.order}
    refunds = _refunds(rma, units, orders.values())
    link_units(units, refunds)
    policies = policy_book(rma.store)
    case, timeline = _case_and_timeline(rma, units, person_id, query)
    found = _verdicts(rma, units, policies, flags_of(case.flagged))
    times = unit_times(rma, units)
    exchanges = exchange_rows_of(exchange_orders_of_rma(rma))
    return RmaPage(
        rma=rma,
        currency=next((order.currency for order in orders.values()), ""),
        orders=list(orders.values()),
        unknown_orders=sorted({unit.order_identifier for unit in units if not unit.order}),
        units=[_unit_view(rma, unit, found[unit.pk], times[unit.pk]) for unit in units],
        money=money_of([(unit, found[unit.pk]) for unit in units], refunds, exchanges),
        trigger=_trigger(rma, units, policies),
        refunds=refund_views(refunds),
        exchanges=exchanges,
        attention=attention_for(rma.store_id, [], [rma.rma_identifier]),
        messages=list(
            deliveries_of(rma.store_id).filter(subject=rma.rma_identifier)[:MESSAGES_SHOWN]
        ),
        timeline=timeline,
        case=case,
        shopper=_shopper(rma, orders.values()),
        why_not_cancelable=why_not_cancelable(rma),
        why_not_convertible=why_not_convertible(rma),
        why_not_decidable=why_not_decidable(rma),
    )


def _units(rma: Rma) -> list[RmaUnit]:
    rows = units_with_lines(units_of([rma]))
    return list(rows.order_by("order_identifier", "order_line_item_identifier", "ordinal"))


def _verdicts(
    rma: Rma,
    units: list[RmaUnit],
    policies: PolicyBook,
    flags: Mapping[tuple[str, str], str] | None = None,
) -> dict[int, Verdict]:
    past = past_of(row for unit in units for row in unit.refund_units.all())
    return verdicts(rma, units, policies, past=past, flags=flags)


def _case_and_timeline(
    rma: Rma, units: list[RmaUnit], person_id: int, query: Mapping[str, str]
) -> tuple[CasePanel, Timeline]:
    """A flag or a note stands on the order's own identifier, whatever name Optoro calls it by."""
    names = {unit.order.identifier if unit.order else unit.order_identifier for unit in units}
    case = case_panel(
        store_id=rma.store_id,
        subject_kind=SubjectKind.RMA,
        subject=rma.rma_identifier,
        person_id=person_id,
        related=names,
        whole=query.get("notes") == "all",
    )
    timeline = timeline_of(
        store_id=rma.store_id,
        subject_kind=SubjectKind.RMA,
        subject=rma.rma_identifier,
        related=names,
        people=case.people,
        query=query,
    )
    return case, timeline


def _shopper(rma: Rma, orders: Iterable[Order]) -> Shopper | None:
    orders = list(orders)
    return shopper_of(
        store_id=rma.store_id,
        emails=[*(order.customer_email for order in orders), rma.giftee_email],
        without_orders=[order.pk for order in orders],
        without_rmas=[rma.pk],
    )


def why_not_decidable(rma: Rma) -> str:
    """Returns, in words, why deciding anew on an RMA would lead to nothing, or ""."""
    if rma.status == rma_rules.CANCELED:
        return f"RMA {rma.rma_identifier} is canceled"
    if rma.is_cancellation_requested:
        return f"the cancellation of RMA {rma.rma_identifier} is asked for: withdraw that first"
    return ""


def _trigger(rma: Rma, units: list[RmaUnit], policies: PolicyBook) -> str:
    counted = [unit for unit in units if not unit.is_withdrawn]
    triggers = {policies.for_unit(rma, unit).trigger_of(rma.return_method) for unit in counted}
    return triggers.pop() if len(triggers) == 1 else ""


def unit_views(rma: Rma) -> list[UnitView]:
    """Reads the units of an RMA as they stand now, in their order."""
    units = _units(rma)
    link_units(units, [])
    found = _verdicts(rma, units, policy_book(rma.store))
    times = unit_times(rma, units)
    return [_unit_view(rma, unit, found[unit.pk], times[unit.pk]) for unit in units]


def standings_of(views: Iterable[UnitView]) -> list[Standing]:
    """Returns where the units that are still in a return stand, in as few rows as there are
    different answers."""
    found: dict[tuple[str, str], list[UnitView]] = {}
    for view in views:
        if not view.unit.is_withdrawn:
            found.setdefault((view.verdict.answer, view.verdict.reason), []).append(view)
    return [
        Standing(
            len(members),
            members[0].verdict,
            members[0].refund if members[0].verdict.answer == Answer.REFUNDED else None,
        )
        for members in found.values()
    ]


def _unit_view(rma: Rma, unit: RmaUnit, verdict: Verdict, times: Times) -> UnitView:
    refund = refund_of(unit)
    live = [row.line.refund for row in unit.refund_units.all() if row.is_live]
    return UnitView(
        unit,
        unit_steps(rma, unit, refund, times),
        refund,
        verdict,
        why_not_excludable(unit, refunds=live),
    )


def _refunds(rma: Rma, units: Iterable[RmaUnit], orders: Iterable[Order]) -> list[Refund]:
    refunds = refunds_with_parts(Refund.objects.filter(rma=rma))
    order_lines = [unit.order_line for unit in units if unit.order_line]
    link_refunds(refunds, orders=orders, rmas=[rma], order_lines=order_lines)
    return refunds

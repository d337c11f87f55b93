"""Everything the return page shows."""

from dataclasses import dataclass

from apps.attention.models import Item
from apps.desk.progress import Step, refund_of, unit_steps
from apps.desk.reads.orders import RefundView, attention_for, cut, refund_views
from apps.desk.reads.rma_money import Money, money_of
from apps.desk.reads.rows import ExchangeRow, exchange_rows_of
from apps.exchanges.queries import exchange_orders_of_rma
from apps.inbox.models import Delivery
from apps.inbox.queries import deliveries_of
from apps.orders.models import Order
from apps.orders.rules import unit_amount_cents
from apps.refunds.cancellation import why_not_cancelable
from apps.refunds.models import Refund, RefundKind, RefundStatus
from apps.refunds.policies import PolicyBook, policy_book
from apps.refunds.queries import verdicts
from apps.refunds.types import Verdict
from apps.rmas.models import Rma, RmaUnit
from apps.rmas.queries import units_of
from apps.timeline.models import Event
from apps.timeline.queries import events_about

MESSAGES_SHOWN = 50


@dataclass(frozen=True)
class UnitView:
    """A unit with its way, its refund, and why it is (not) refunded."""

    unit: RmaUnit
    steps: list[Step]
    refund: Refund | None
    verdict: Verdict

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
class RmaPage:
    """The return page; `currency` is empty while none of its orders is known, `trigger` where its
    units are under policies that differ in it. `why_not_cancelable` says what stands against asking
    for its cancellation."""

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
    events: list[Event]
    has_more_events: bool
    why_not_cancelable: str

    @property
    def exchange_names(self) -> set[str]:
        """The identifiers of its exchange orders, for linking what units name."""
        return {row.placed.order_identifier for row in self.exchanges}


def rma_page(rma: Rma, *, whole_timeline: bool = False) -> RmaPage:
    """Reads the page of an RMA."""
    rows = units_of([rma]).prefetch_related("refund_units__line__refund")
    units = list(rows.order_by("order_identifier", "order_line_item_identifier", "ordinal"))
    policies = policy_book(rma.store)
    found = verdicts(rma, units, policies)
    refunds = _refunds(rma)
    exchanges = exchange_rows_of(exchange_orders_of_rma(rma))
    orders = {unit.order.pk: unit.order for unit in units if unit.order}
    events, has_more = cut(
        events_about(store_id=rma.store_id, rma_identifiers=[rma.rma_identifier]), whole_timeline
    )
    return RmaPage(
        rma=rma,
        currency=next((order.currency for order in orders.values()), ""),
        orders=list(orders.values()),
        unknown_orders=sorted({unit.order_identifier for unit in units if not unit.order}),
        units=[_unit_view(rma, unit, found[unit.pk]) for unit in units],
        money=money_of([(unit, found[unit.pk]) for unit in units], refunds, exchanges),
        trigger=_trigger(rma, units, policies),
        refunds=refund_views(refunds),
        exchanges=exchanges,
        attention=attention_for(rma.store_id, [], [rma.rma_identifier]),
        messages=list(
            deliveries_of(rma.store_id).filter(subject=rma.rma_identifier)[:MESSAGES_SHOWN]
        ),
        events=events,
        has_more_events=has_more,
        why_not_cancelable=why_not_cancelable(rma),
    )


def refunds_to_cancel(rma: Rma) -> list[Refund]:
    """Returns the refunds that a request for cancellation cancels: decided and not paid."""
    rows = Refund.objects.filter(
        store_id=rma.store_id,
        rma_identifier=rma.rma_identifier,
        kind=RefundKind.GOODS,
        status__in=[RefundStatus.PROPOSED, RefundStatus.APPROVED],
    )
    return list(rows.order_by("pk"))


def _trigger(rma: Rma, units: list[RmaUnit], policies: PolicyBook) -> str:
    counted = [unit for unit in units if not unit.is_withdrawn]
    triggers = {policies.for_unit(rma, unit).trigger_of(rma.return_method) for unit in counted}
    return triggers.pop() if len(triggers) == 1 else ""


def _unit_view(rma: Rma, unit: RmaUnit, verdict: Verdict) -> UnitView:
    refund = refund_of(unit)
    return UnitView(unit, unit_steps(rma, unit, refund), refund, verdict)


def _refunds(rma: Rma) -> list[Refund]:
    rows = (
        Refund.objects.filter(rma=rma)
        .select_related("order", "paid_order", "rma", "author", "approver")
        .prefetch_related("lines__order_line", "payouts__attempts")
        .order_by("created_at", "pk")
    )
    return list(rows)

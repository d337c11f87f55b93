"""What a policy would have done: a back-test over the returns of the last days, and what putting
open returns under the newest policy would do now. Reads only.

The units are judged by the very rules that decide (`rules.unit_verdict`, the line's limit, the
tolerance): in a back-test first as they were when they were handed over, then as they stand now, so
that a policy that refunds at the scan does not know what the warehouse found later. The limits of
an order and of its payment are left out, and the screens say so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Sum

from apps.common import clock
from apps.refunds.models import Refund, RefundLine, RefundPolicy, RefundUnit
from apps.refunds.policies import Policies, PolicyBook, brand_of
from apps.refunds.policy_changes import open_returns_under_older_policies
from apps.refunds.queries import past_refunds
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.trials import (
    REFUNDED,
    Known,
    Outcome,
    Result,
    paid_to_shopper_cents,
    results_of,
    retained_for,
)
from apps.refunds.types import Policy
from apps.rmas.models import Rma, RmaUnit

DAYS = 30
CHUNK = 500
MAX_UNITS = 10_000
DIFFERENCES_SHOWN = 50
# Of tens of thousands of units, no more is read than the rules ask for.
_FIELDS = (
    *(field.name for field in RmaUnit._meta.concrete_fields),
    *("order__currency", "order__concept", "order_line__identifier", "order_line__is_removed"),
    *("order_line__quantity", "order_line__quantity_shipped", "order_line__quantity_canceled"),
    *("order_line__unit_price_amount_cents", "order_line__product_amount_cents"),
    *("order_line__tax_amount_cents", "order_line__discount_amount_cents"),
)


@dataclass
class Sums:
    """Units, what they are worth by Optoro's estimate, and what shoppers would be paid for them
    before return shipping is kept back; cents, for one currency ("" while none is known)."""

    units: int = 0
    estimated_cents: int = 0
    shopper_cents: int = 0


@dataclass
class Side:
    """What one policy does with all units: sums by outcome and currency, and what is kept back for
    return shipping, in cents by currency."""

    sums: dict[Outcome, dict[str, Sums]] = field(default_factory=dict)
    retained: dict[str, int] = field(default_factory=dict)

    def units(self, outcome: Outcome) -> int:
        """Returns how many units come to this."""
        return sum(found.units for found in self.sums.get(outcome, {}).values())

    def of(self, outcome: Outcome, currency: str) -> Sums:
        """Returns the sums of an outcome in a currency."""
        return self.sums.get(outcome, {}).get(currency, Sums())

    def to_shoppers_cents(self, currency: str) -> int:
        """Returns what all refunds, automatic or approved, would pay to shoppers in a currency,
        after return shipping is kept back."""
        paid = sum(self.of(outcome, currency).shopper_cents for outcome in REFUNDED)
        return paid - self.retained.get(currency, 0)


@dataclass(frozen=True)
class Difference:
    """A unit that the two policies treat differently."""

    rma: Rma
    unit: RmaUnit
    currency: str
    before: Result
    after: Result


@dataclass
class Backtest:
    """The same units under two policies. `earlier` and `later` count those that both refund, but
    the second at the hand-over or only at receipt; `is_cut` tells that older units were left out.
    """

    since: datetime | None
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    rmas: int = 0
    units: int = 0
    differing: int = 0
    earlier: int = 0
    later: int = 0
    differences: list[Difference] = field(default_factory=list)
    currencies: set[str] = field(default_factory=set)
    is_cut: bool = False


@dataclass(frozen=True)
class NewestPolicies:
    """For every unit the newest policy of its brand: what a renewal puts it under."""

    book: PolicyBook
    moment: datetime

    def for_unit(self, rma: Rma, unit: RmaUnit) -> Policy:
        """Returns the policy in force at the moment, whenever the unit changed."""
        return self.book.at(brand_of(rma, unit), self.moment)


def backtest(
    *, store_id: int, concept: str, before: Policies, after: Policies, days: int = DAYS
) -> Backtest:
    """Returns what automation would do, under each policy, with the units of a brand's RMAs that
    the desk first heard of in the last `days` days, as if nothing had been decided before.

    With a blank `concept`, of the brands without a policy of their own. "First heard of" and not
    Optoro's own date, because every RMA has it. Withdrawn units are left out; beyond MAX_UNITS the
    newest RMAs count.
    """
    since = clock.now() - timedelta(days=days)
    found = Backtest(since)
    own = None if concept else _own_brands(store_id)
    for chunk in _chunks(_rmas_since(store_id, concept, since, own)):
        units = _units_by_rma(chunk)
        known = Known(is_backtest=True, paid_units=_paid_units(chunk))
        for rma in chunk:
            members = [unit for unit in units.get(rma.pk, []) if _is_of(rma, unit, concept, own)]
            if not _add(found, rma, members, (before, after), known, retained_before_cents=0):
                return found
    return found


def renewal(*, store_id: int, concept: str, book: PolicyBook) -> Backtest:
    """Returns what putting the open returns of a brand under its newest policy would do now:
    `before` is each unit under the policy that decides on it as things stand, `after` under the
    newest. What was decided already counts, and stays as it is. Units of other brands in the same
    RMAs are left out: a renewal leaves them alone."""
    found = Backtest(None)
    own = None if concept else _own_brands(store_id)
    newest = NewestPolicies(book, clock.now())
    for chunk in _chunks(open_returns_under_older_policies(store_id=store_id, concept=concept)):
        units = _units_by_rma(chunk)
        everything = [unit for members in units.values() for unit in members]
        known = Known(past=past_refunds(everything), spent=_spent(chunk))
        kept = _retained(chunk)
        for rma in chunk:
            members = [unit for unit in units.get(rma.pk, []) if _is_of(rma, unit, concept, own)]
            if not _add(found, rma, members, (book, newest), known, kept.get(rma.pk, 0)):
                return found
    return found


def _own_brands(store_id: int) -> set[str]:
    own = RefundPolicy.objects.filter(store_id=store_id).exclude(concept="")
    return set(own.order_by().values_list("concept", flat=True).distinct())


def _is_of(rma: Rma, unit: RmaUnit, concept: str, own: set[str] | None) -> bool:
    brand = brand_of(rma, unit)
    return brand == concept if own is None else brand not in own


def _rmas_since(
    store_id: int, concept: str, since: datetime, own: set[str] | None
) -> QuerySet[Rma]:
    """Keys grow with the moment of arrival: the first key bounds every chunk by the primary key,
    so that the table is read for `first_seen_at` once and not once per chunk."""
    rmas = Rma.objects.filter(store_id=store_id, first_seen_at__gte=since)
    first = rmas.aggregate(first=Min("pk"))["first"]
    if first is None:
        return rmas.none()
    rmas = rmas.filter(pk__gte=first)
    if own is not None:
        units = RmaUnit.objects.filter(rma=OuterRef("pk"))
        of_others = units.filter(Q(order=None) | ~Q(order__concept__in=own))
        return rmas.exclude(concept__in=own).filter(~Q(concept="") | Q(Exists(of_others)))
    by_order = RmaUnit.objects.filter(rma=OuterRef("pk"), order__concept=concept)
    return rmas.filter(Q(concept=concept) | (Q(concept="") & Q(Exists(by_order))))


def _chunks(rmas: QuerySet[Rma]) -> Iterator[list[Rma]]:
    """Yields RMAs newest first, a bounded number at a time."""
    rows = rmas.order_by("-pk")
    chunk = list(rows[:CHUNK])
    while chunk:
        yield chunk
        chunk = list(rows.filter(pk__lt=chunk[-1].pk)[:CHUNK]) if len(chunk) == CHUNK else []


def _units_by_rma(rmas: Sequence[Rma]) -> dict[int, list[RmaUnit]]:
    rows = RmaUnit.objects.filter(rma__in=rmas, is_withdrawn=False)
    found: dict[int, list[RmaUnit]] = {}
    for unit in rows.select_related("order", "order_line").only(*_FIELDS):
        found.setdefault(unit.rma_id, []).append(unit)
    return found


def _paid_units(rmas: Sequence[Rma]) -> set[int]:
    live = RefundUnit.objects.filter(rma_unit__rma__in=rmas, is_live=True)
    return set(live.values_list("rma_unit", flat=True))


def _spent(rmas: Sequence[Rma]) -> dict[int, tuple[int, int]]:
    lines = RmaUnit.objects.filter(rma__in=rmas, order_line__isnull=False).order_by()
    rows = (
        RefundLine.objects.filter(
            order_line__in=lines.values("order_line"), refund__status__in=LIVE_STATUSES
        )
        .order_by()
        .values_list("order_line")
        .annotate(cents=Sum("amount_cents"), count=Sum("quantity"))
    )
    return {line: (cents, count) for line, cents, count in rows}


def _retained(rmas: Sequence[Rma]) -> dict[int, int]:
    rows = Refund.objects.filter(rma__in=rmas, status__in=LIVE_STATUSES).order_by()
    return dict(rows.values_list("rma").annotate(cents=Sum("retained_amount_cents")))


def _add(
    found: Backtest,
    rma: Rma,
    units: Sequence[RmaUnit],
    policies: tuple[Policies, Policies],
    known: Known,
    retained_before_cents: int,
) -> bool:
    """Adds an RMA's units to both sides; False where they are too many, and nothing is added."""
    if not units:
        return True
    if found.units + len(units) > MAX_UNITS:
        found.is_cut = True
        return False
    found.rmas += 1
    found.units += len(units)
    found.currencies |= {_currency(unit) for unit in units}
    both = [results_of(rma, units, tried, known) for tried in policies]
    for side, tried, results in zip((found.before, found.after), policies, both, strict=True):
        _add_to_side(side, units, results)
        kept = retained_for(rma, units, tried, results, retained_before_cents)
        currency = _currency(units[0])
        side.retained[currency] = side.retained.get(currency, 0) + kept
    for unit in units:
        before, after = (results[unit.pk] for results in both)
        if before.outcome == after.outcome:
            is_refunded = after.outcome in REFUNDED
            found.earlier += is_refunded and after.is_at_handover > before.is_at_handover
            found.later += is_refunded and after.is_at_handover < before.is_at_handover
            continue
        found.differing += 1
        if len(found.differences) < DIFFERENCES_SHOWN:
            found.differences.append(Difference(rma, unit, _currency(unit), before, after))
    return True


def _add_to_side(side: Side, units: Sequence[RmaUnit], results: dict[int, Result]) -> None:
    for unit in units:
        by_currency = side.sums.setdefault(results[unit.pk].outcome, {})
        sums = by_currency.setdefault(_currency(unit), Sums())
        sums.units += 1
        sums.estimated_cents += unit.estimated_refund_amount_cents
        sums.shopper_cents += paid_to_shopper_cents(unit)


def _currency(unit: RmaUnit) -> str:
    return unit.order.currency if unit.order else ""

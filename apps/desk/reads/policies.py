"""Everything the pages of refund policies show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from apps.common import clock
from apps.desk.policy_words import OUTCOMES, Changed, Said, changes_between, said_by
from apps.desk.words import Word
from apps.orders.models import Order
from apps.refunds.backtest import Backtest, Difference, Side, Sums, renewal
from apps.refunds.models import RefundPolicy
from apps.refunds.policies import PolicyBook, base_policy, policy_book, policy_from
from apps.refunds.policy_changes import open_returns_under_older_policies
from apps.refunds.policy_edits import PolicyValues
from apps.refunds.trials import REFUNDED, Outcome
from apps.refunds.types import Policy
from apps.rmas.models import Rma
from apps.stores.models import Store

_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class BrandPolicy:
    """A brand with the policy in force for it. `version` is None where the store's settings
    count; a brand without a version of its own has `is_own` false."""

    concept: str
    title: str
    policy: Policy
    version: RefundPolicy | None
    is_own: bool
    open_under_older: int

    @property
    def said(self) -> list[Said]:
        """The policy in sentences."""
        return said_by(PolicyValues.of(self.policy))


@dataclass(frozen=True)
class VersionView:
    """A version of a brand's policy and what it changed."""

    version: RefundPolicy
    changes: list[Changed]
    is_newest: bool


def brands_of(store: Store) -> list[str]:
    """Returns the brands seen in the store's orders, RMAs and policies, by name; without the blank
    one, which stands for all others."""
    names: set[str] = set()
    for model in (Order, Rma, RefundPolicy):
        names.update(_concepts(model.objects.filter(store=store)))
    return sorted(names, key=str.casefold)


def _concepts(rows: QuerySet[Any]) -> Iterator[str]:
    """The brands there are, each found behind the last one by index: brands are few, and to ask
    for all at once is to look through all rows."""
    last = ""
    while True:
        further = rows.filter(concept__gt=last).order_by("concept")
        found = list(further.values_list("concept", flat=True)[:1])
        if not found:
            return
        last = found[0]
        yield last


def policies_of_brands(store: Store) -> list[BrandPolicy]:
    """Returns the policy in force for every other brand, then for each brand."""
    book, brands = _book(store), brands_of(store)
    return [_brand_policy(store, book, concept) for concept in ["", *brands]]


def policy_of_brand(store: Store, concept: str) -> BrandPolicy:
    """Returns the policy in force for one brand."""
    return _brand_policy(store, _book(store), concept)


def _book(store: Store) -> PolicyBook:
    """The store's policies with their authors."""
    rows = RefundPolicy.objects.filter(store=store).select_related("author")
    return PolicyBook(base_policy(store), list(rows.order_by("effective_from", "pk")))


def _brand_policy(store: Store, book: PolicyBook, concept: str) -> BrandPolicy:
    policy = book.at(concept, clock.now())
    version = next((v for v in book.versions if v.pk == policy.policy_id), None)
    is_own = bool(version and version.concept == concept) or not concept
    older = open_returns_under_older_policies(store_id=store.pk, concept=concept)
    has_others = any(v.concept for v in book.versions)
    return BrandPolicy(
        concept=concept,
        title=concept or ("Every other brand" if has_others else "Every brand"),
        policy=policy,
        version=version,
        is_own=is_own,
        open_under_older=older.count() if is_own and version else 0,
    )


def history_of(store: Store, concept: str) -> list[VersionView]:
    """Returns the versions of a brand's own policy, newest first. The first one is compared with
    what counted for the brand before it."""
    book = _book(store)
    own = [version for version in book.versions if version.concept == concept]
    views = []
    for number, version in enumerate(own):
        before = (
            policy_from(own[number - 1])
            if number
            else book.at(concept, version.effective_from - _A_MOMENT)
        )
        changes = changes_between(PolicyValues.of(before), PolicyValues.of(policy_from(version)))
        views.append(VersionView(version, changes, version is own[-1]))
    return views[::-1]


# --- Back-tests ------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutcomeRow:
    """What becomes of some units under two policies, in one currency."""

    word: Word
    before: Sums
    after: Sums

    @property
    def more_units(self) -> int:
        """How many more units the changed policy brings to this."""
        return self.after.units - self.before.units

    @property
    def more_cents(self) -> int:
        """How much more shoppers are paid for these units under the changed policy."""
        return self.after.shopper_cents - self.before.shopper_cents


@dataclass(frozen=True)
class CurrencyTable:
    """The back-test's figures in one currency ("" while none is known)."""

    currency: str
    rows: list[OutcomeRow]
    retained_before: int
    retained_after: int
    paid_before: int
    paid_after: int

    @property
    def more_retained(self) -> int:
        """How much more return shipping is kept back."""
        return self.retained_after - self.retained_before

    @property
    def more_paid(self) -> int:
        """How much more shoppers are paid in all, approvals counted."""
        return self.paid_after - self.paid_before


@dataclass(frozen=True)
class DifferenceRow:
    """A unit that the two policies treat differently, in words."""

    found: Difference
    before: Word
    after: Word


def tables_of(found: Backtest) -> list[CurrencyTable]:
    """Returns one table per currency; outcomes that no unit comes to are left out."""
    return [_table(found.before, found.after, currency) for currency in sorted(found.currencies)]


def _table(before: Side, after: Side, currency: str) -> CurrencyTable:
    rows = [
        OutcomeRow(word, before.of(outcome, currency), after.of(outcome, currency))
        for outcome, word in OUTCOMES.items()
    ]
    return CurrencyTable(
        currency=currency,
        rows=[row for row in rows if row.before.units or row.after.units],
        retained_before=before.retained.get(currency, 0),
        retained_after=after.retained.get(currency, 0),
        paid_before=before.to_shoppers_cents(currency),
        paid_after=after.to_shoppers_cents(currency),
    )


def differences_of(found: Backtest) -> list[DifferenceRow]:
    """Returns the units that differ, as far as they are listed."""
    return [
        DifferenceRow(row, OUTCOMES[row.before.outcome], OUTCOMES[row.after.outcome])
        for row in found.differences
    ]


@dataclass(frozen=True)
class Amounts:
    """What would be refunded in one currency: worth, to shoppers, kept back; cents."""

    currency: str
    units: int
    estimated_cents: int
    shopper_cents: int
    retained_cents: int


@dataclass(frozen=True)
class Renewal:
    """What putting the open returns of a brand under its newest policy would do now."""

    rmas: int
    units: int
    automatic_units: int
    approval_units: int
    amounts: list[Amounts]
    differences: list[DifferenceRow]
    differing: int
    is_cut: bool
    as_of: datetime


def renewal_of(store: Store, concept: str) -> Renewal:
    """Reads what a renewal would do; amounts cover automatic refunds and proposals alike."""
    found = renewal(store_id=store.pk, concept=concept, book=policy_book(store))
    sums = [_amounts(found.after, currency) for currency in sorted(found.currencies)]
    return Renewal(
        rmas=open_returns_under_older_policies(store_id=store.pk, concept=concept).count(),
        units=found.units,
        automatic_units=found.after.units(Outcome.AUTOMATIC),
        approval_units=found.after.units(Outcome.APPROVAL),
        amounts=[row for row in sums if row.units],
        differences=differences_of(found),
        differing=found.differing,
        is_cut=found.is_cut,
        as_of=clock.now(),
    )


def _amounts(side: Side, currency: str) -> Amounts:
    parts: Sequence[Sums] = [side.of(outcome, currency) for outcome in REFUNDED]
    return Amounts(
        currency=currency,
        units=sum(part.units for part in parts),
        estimated_cents=sum(part.estimated_cents for part in parts),
        shopper_cents=side.to_shoppers_cents(currency),
        retained_cents=side.retained.get(currency, 0),
    )

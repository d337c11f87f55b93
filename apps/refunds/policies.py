"""Which refund policy is in force for a unit.

A changed policy counts for what happens from then on: a unit is judged by the policy that was in
force when a message last told something of it that a policy judges (`rmas/moments.py`), so that a
change never pays a backlog by surprise. A person can put the open returns of a brand under its
newest policy (`policy_changes.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apps.common import clock
from apps.refunds.models import Refund, RefundPolicy
from apps.refunds.types import Policy
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma, RmaUnit
from apps.stores.models import Store
from apps.stores.queries import connection_of

TRIGGER_FIELDS = {
    rma_rules.MAIL_BACK: "mail_back_trigger",
    rma_rules.EXPRESS_RETURNS: "express_returns_trigger",
    rma_rules.HOME_PICKUP: "home_pickup_trigger",
    rma_rules.CUSTOMER_KEEP: "customer_keep_trigger",
}


class Policies(Protocol):
    """Where the policy of each unit is asked for."""

    def for_unit(self, rma: Rma, unit: RmaUnit) -> Policy:
        """Returns the policy that decides on a unit."""
        ...


@dataclass(frozen=True)
class OnePolicy:
    """The same policy for every unit: the one a refund was decided under, or one being tried."""

    policy: Policy

    def for_unit(self, rma: Rma, unit: RmaUnit) -> Policy:
        """Returns it."""
        return self.policy


@dataclass(frozen=True)
class PolicyBook:
    """All versions of a store's policies, oldest first, and what counts where there is none."""

    base: Policy
    versions: Sequence[RefundPolicy]

    def for_unit(self, rma: Rma, unit: RmaUnit) -> Policy:
        """Returns the policy of the unit's brand as it was when a message last changed the unit,
        or when a person last renewed it."""
        moment = max(unit.changed_at, unit.policy_renewed_at or unit.changed_at)
        return self.at(brand_of(rma, unit), moment)

    def at(self, concept: str, moment: datetime) -> Policy:
        """Returns the policy of a brand at a moment: its own, else every brand's, else the base."""
        in_force = [version for version in self.versions if version.effective_from <= moment]
        for name in (concept, ""):
            of_brand = [version for version in in_force if version.concept == name]
            if of_brand:
                return policy_from(of_brand[-1])
        return self.base


def brand_of(rma: Rma, unit: RmaUnit) -> str:
    """Returns the brand that a unit's policy is looked up by: the RMA's, else its order's."""
    return rma.concept or (unit.order.concept if unit.order else "")


def policy_book(store: Store) -> PolicyBook:
    """Returns the store's policies."""
    versions = RefundPolicy.objects.filter(store=store).order_by("effective_from", "pk")
    return PolicyBook(base=base_policy(store), versions=list(versions))


def base_policy(store: Store) -> Policy:
    """Returns how the store decides where no policy was set: by its settings, else the
    environment's."""
    connection = connection_of(store)
    return Policy(
        trigger=connection.refund_trigger,
        charges_return_shipping=connection.charges_return_shipping,
    )


def policy_from(version: RefundPolicy) -> Policy:
    """Returns what a version of a policy says."""
    every = {*rma_rules.CONDITIONS, ""} <= set(version.automatic_conditions)
    return Policy(
        trigger=version.mail_back_trigger,
        triggers=tuple((method, getattr(version, name)) for method, name in TRIGGER_FIELDS.items()),
        charges_return_shipping=version.charges_return_shipping,
        payment_delay=timedelta(minutes=version.payment_delay_minutes),
        automatic_conditions=None if every else frozenset(version.automatic_conditions),
        tolerance_cents=version.tolerance_cents,
        tender_order=version.tender_order,
        policy_id=version.pk,
    )


def brand_policy(store: Store, concept: str) -> Policy:
    """Returns the policy of a brand that is in force now."""
    return policy_book(store).at(concept, clock.now())


def policies_of(refund: Refund) -> OnePolicy:
    """Returns the policy a refund was decided under: a newer one does not undo its decision."""
    if refund.policy:
        return OnePolicy(policy_from(refund.policy))
    return OnePolicy(base_policy(refund.store))

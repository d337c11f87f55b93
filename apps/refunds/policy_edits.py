"""Changing a refund policy as a person saw it: against the version they compared with, and never
behind somebody's back."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self

from django.db import transaction

from apps.common import clock
from apps.common.errors import Refused
from apps.refunds.models import RefundPolicy, TenderOrder
from apps.refunds.policies import TRIGGER_FIELDS, policy_book
from apps.refunds.policy_changes import renew_policy_of_open_returns, set_policy
from apps.refunds.types import Policy
from apps.rmas import rules as rma_rules
from apps.stores.models import Store

EVERY_CONDITION = (*rma_rules.CONDITIONS, "")


@dataclass(frozen=True)
class PolicyValues:
    """What a policy says, as a person edits it: a trigger per return method, minutes, conditions
    ("" for none told), cents per unit (None for any difference), which of several payments is paid
    back first."""

    mail_back_trigger: str
    express_returns_trigger: str
    home_pickup_trigger: str
    customer_keep_trigger: str
    payment_delay_minutes: int
    automatic_conditions: tuple[str, ...]
    charges_return_shipping: bool
    tolerance_cents: int | None
    tender_order: str = TenderOrder.GIFT_CARD_FIRST.value

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Returns what a policy in force says."""
        conditions = policy.automatic_conditions
        triggers = {name: policy.trigger_of(method) for method, name in TRIGGER_FIELDS.items()}
        return cls(
            **triggers,
            payment_delay_minutes=int(policy.payment_delay.total_seconds()) // 60,
            automatic_conditions=tuple(
                word for word in EVERY_CONDITION if conditions is None or word in conditions
            ),
            charges_return_shipping=policy.charges_return_shipping,
            tolerance_cents=policy.tolerance_cents,
            tender_order=policy.tender_order,
        )

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """Reads back what `to_content` wrote."""
        return cls(**{**content, "automatic_conditions": tuple(content["automatic_conditions"])})

    def to_content(self) -> dict[str, Any]:
        """Returns the values as JSON content."""
        return {**asdict(self), "automatic_conditions": list(self.automatic_conditions)}

    def to_policy(self) -> Policy:
        """Returns a policy to try out; it has no version."""
        is_every = set(EVERY_CONDITION) <= set(self.automatic_conditions)
        return Policy(
            trigger=self.mail_back_trigger,
            triggers=tuple(
                (method, getattr(self, name)) for method, name in TRIGGER_FIELDS.items()
            ),
            charges_return_shipping=self.charges_return_shipping,
            payment_delay=timedelta(minutes=self.payment_delay_minutes),
            automatic_conditions=None if is_every else frozenset(self.automatic_conditions),
            tolerance_cents=self.tolerance_cents,
            tender_order=self.tender_order,
        )


class ChangedMeanwhile(Refused):
    """Somebody else changed the policy since it was compared with."""


def in_force(store: Store, concept: str) -> Policy:
    """Returns the policy in force for a brand: its own, else every brand's, else the settings."""
    return policy_book(store).at(concept, clock.now())


@transaction.atomic
def change_policy(
    *,
    store: Store,
    concept: str,
    values: PolicyValues,
    note: str,
    compared_with: tuple[int | None, PolicyValues],
    user_id: int,
) -> RefundPolicy:
    """Puts `values` in force for a brand from now on.

    `compared_with` is the version (None: the store's settings) and what it said when the person
    looked. Raises ChangedMeanwhile where that is no longer in force, and Refused where the values
    change nothing. Of two who save at once, one is refused: the store's row is locked.
    """
    Store.objects.select_for_update(no_key=True).get(pk=store.pk)
    policy = in_force(store, concept)
    now_says = PolicyValues.of(policy)
    if values == now_says:
        raise Refused("nothing is changed: this is what is in force already")
    if (policy.policy_id, now_says) != compared_with:
        raise ChangedMeanwhile("the policy was changed meanwhile")
    content = values.to_content()
    version = RefundPolicy(store=store, concept=concept, note=note, **content)
    return set_policy(version=version, user_id=user_id)


@transaction.atomic
def renew_as_shown(*, store: Store, concept: str, version_id: int, user_id: int) -> int:
    """Puts the open returns of a brand under its newest policy; returns how many.

    Raises ChangedMeanwhile where `version_id` is not the newest any more: the amounts that the
    person has seen would not be the ones that are paid.
    """
    Store.objects.select_for_update(no_key=True).get(pk=store.pk)
    if in_force(store, concept).policy_id != version_id:
        raise ChangedMeanwhile("the policy was changed meanwhile: look at the amounts again")
    return renew_policy_of_open_returns(store_id=store.pk, concept=concept, user_id=user_id)

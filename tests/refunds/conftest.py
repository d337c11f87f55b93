"""What the tests of refunds share."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import User
from apps.refunds.models import RefundPolicy
from apps.refunds.policy_changes import set_policy
from apps.rmas import rules as rma_rules

METHODS = ("mail_back", "express_returns", "home_pickup", "customer_keep")


@pytest.fixture
def lead(db: None) -> User:
    """Who changes policies."""
    return User.objects.create_user("lead")


@pytest.fixture
def change(store: Any, lead: User) -> Callable[..., RefundPolicy]:
    """Sets a policy, as the form does."""

    def change(concept: str = "", **values: Any) -> RefundPolicy:
        usual = {f"{method}_trigger": "default" for method in METHODS}
        every = {"automatic_conditions": [*rma_rules.CONDITIONS, ""]}
        version = RefundPolicy(store=store, concept=concept, **{**usual, **every, **values})
        return set_policy(version=version, user_id=lead.pk)

    return change

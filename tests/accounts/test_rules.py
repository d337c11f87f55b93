"""Who may do what."""

import pytest

from apps.accounts.models import Role
from apps.accounts.rules import ALLOWED, Action, may, roles_that_may


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        (Action.VIEW, {"read_only", "agent", "lead", "finance", "administrator"}),
        (Action.DECIDE_REFUND, {"agent", "lead", "administrator"}),
        (Action.RESOLVE_ATTENTION, {"agent", "lead", "administrator"}),
        (Action.RESOLVE_MONEY, {"agent", "lead", "finance", "administrator"}),
        (Action.REPLAY_MESSAGE, {"lead", "administrator"}),
        (Action.VIEW_FINANCE, {"lead", "finance", "administrator"}),
        (Action.RECONCILE_STATEMENTS, {"finance", "administrator"}),
    ],
)
def test_the_table(action, roles):
    assert {role for role in Role if may(role, action)} == roles


def test_every_action_is_in_the_table_and_a_role_nobody_has_may_nothing():
    assert set(ALLOWED) == set(Action)
    assert not any(may("owner", action) or may("", action) for action in Action)


def test_the_roles_that_may_are_named_as_people_know_them():
    assert roles_that_may(Action.REPLAY_MESSAGE) == "Lead, Administrator"

"""Who may do what: one table, asked by every screen and endpoint."""

from enum import StrEnum

from apps.accounts.models import Role


class Action(StrEnum):
    """What a person can do in a store."""

    VIEW = "view"
    MAKE_REFUND = "make_refund"
    DECIDE_REFUND = "decide_refund"
    SETTLE_PAYOUT = "settle_payout"
    CANCEL_RMA = "cancel_rma"
    REPLAY_MESSAGE = "replay_message"
    RESOLVE_ATTENTION = "resolve_attention"
    RESOLVE_MONEY = "resolve_money"
    WRITE_NOTE = "write_note"
    WORK_CASE = "work_case"
    SHARE_VIEW = "share_view"
    EDIT_CATALOG = "edit_catalog"
    EDIT_POLICY = "edit_policy"
    EDIT_APPROVALS = "edit_approvals"
    MANAGE_PEOPLE = "manage_people"
    VIEW_FINANCE = "view_finance"
    EDIT_SCHEDULES = "edit_schedules"
    CLOSE_BOOKS = "close_books"
    RECONCILE_STATEMENTS = "reconcile_statements"


ALLOWED: dict[Action, frozenset[Role]] = {
    Action.VIEW: frozenset(Role),
    Action.MAKE_REFUND: frozenset({Role.AGENT, Role.LEAD, Role.ADMINISTRATOR}),
    Action.DECIDE_REFUND: frozenset({Role.AGENT, Role.LEAD, Role.ADMINISTRATOR}),
    Action.SETTLE_PAYOUT: frozenset({Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR}),
    Action.CANCEL_RMA: frozenset({Role.AGENT, Role.LEAD, Role.ADMINISTRATOR}),
    Action.RESOLVE_ATTENTION: frozenset({Role.AGENT, Role.LEAD, Role.ADMINISTRATOR}),
    # What is about payments and settlement (`attention.rules.resolving`) is finance's work, too.
    Action.RESOLVE_MONEY: frozenset({Role.AGENT, Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR}),
    Action.WRITE_NOTE: frozenset({Role.AGENT, Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR}),
    Action.WORK_CASE: frozenset({Role.AGENT, Role.LEAD, Role.ADMINISTRATOR}),
    Action.SHARE_VIEW: frozenset({Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR}),
    Action.REPLAY_MESSAGE: frozenset({Role.LEAD, Role.ADMINISTRATOR}),
    Action.EDIT_CATALOG: frozenset({Role.LEAD, Role.ADMINISTRATOR}),
    Action.EDIT_POLICY: frozenset({Role.LEAD, Role.ADMINISTRATOR}),
    # Who decides on refunds does not decide on how much they may decide.
    Action.EDIT_APPROVALS: frozenset({Role.ADMINISTRATOR}),
    Action.MANAGE_PEOPLE: frozenset({Role.ADMINISTRATOR}),
    Action.VIEW_FINANCE: frozenset({Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR}),
    # What leaves the store by mail, and for whom.
    Action.EDIT_SCHEDULES: frozenset({Role.FINANCE, Role.ADMINISTRATOR}),
    Action.CLOSE_BOOKS: frozenset({Role.FINANCE, Role.ADMINISTRATOR}),
    Action.RECONCILE_STATEMENTS: frozenset({Role.FINANCE, Role.ADMINISTRATOR}),
}


def may(role: str, action: Action) -> bool:
    """Tells whether a person of `role` may do `action`."""
    return role in ALLOWED[action]


def roles_that_may(action: Action) -> str:
    """Returns the roles that may do `action`, in words, for the page that refuses it."""
    return ", ".join(role.label for role in Role if role in ALLOWED[action])


def needed_role(action: Action) -> str:
    """Returns the same as it stands behind "needs": one role, or one of several."""
    several = "one of these roles: " if len(ALLOWED[action]) > 1 else "the role "
    return several + roles_that_may(action)

"""Who may decide on how much. The rules are pure; the newest version of a store's policy counts."""

from dataclasses import fields

from apps.accounts.models import Role
from apps.common import money
from apps.refunds.models import ApprovalPolicy, Source
from apps.refunds.types import Approvals
from apps.stores.models import Store


def approvals_of(store: Store) -> Approvals:
    """Returns who may decide on how much in a store: its newest version, else the defaults."""
    version = ApprovalPolicy.objects.filter(store=store).order_by("-pk").first()
    return approvals_from(version) if version else Approvals()


def approvals_from(version: ApprovalPolicy) -> Approvals:
    """Returns what a version says: cents (None is no limit) and minutes."""
    return Approvals(**{field.name: getattr(version, field.name) for field in fields(Approvals)})


def role_limit_cents(approvals: Approvals, role: str) -> int | None:
    """Returns the most a role decides on, in cents; None is no limit, 0 nothing at all."""
    limits = {
        Role.AGENT: approvals.agent_limit_cents,
        Role.LEAD: approvals.lead_limit_cents,
        Role.ADMINISTRATOR: approvals.administrator_limit_cents,
    }
    return limits.get(Role(role), 0) if role in Role.values else 0


def limit_alone_cents(approvals: Approvals, *, source: str, role: str) -> int | None:
    """Returns the most that a person of `role`, or a machine, decides on alone, in cents; None is
    no limit."""
    if source == Source.AUTOMATIC:
        return approvals.automatic_limit_cents
    if source == Source.API:
        return approvals.api_limit_cents
    limits = (role_limit_cents(approvals, role), approvals.two_person_above_cents)
    return min((limit for limit in limits if limit is not None), default=None)


def why_it_waits(
    approvals: Approvals, *, source: str, role: str, amount_cents: int, currency: str
) -> str:
    """Returns, in words, why a refund of `amount_cents` waits for (another) person's approval, or
    "" where whoever made it decides alone."""

    def show(cents: int) -> str:
        return money.show(cents, currency)

    if source == Source.AUTOMATIC:
        return _above(approvals.automatic_limit_cents, amount_cents, "automatic refunds", show)
    if source == Source.API:
        return _above(approvals.api_limit_cents, amount_cents, "refunds by API", show)
    label = Role(role).label if role in Role.values else role or "none"
    above = _above(role_limit_cents(approvals, role), amount_cents, f"the role {label}", show)
    if above:
        return above
    limit = approvals.two_person_above_cents
    if limit is not None and amount_cents > limit:
        return f"above {show(limit)} a second person must approve"
    return ""


def why_not_approve(
    approvals: Approvals,
    *,
    source: str,
    author_id: int | None,
    approver_id: int | None,
    role: str,
    amount_cents: int,
    currency: str,
) -> str:
    """Returns, in words, why this person may not approve a refund, or "".

    Nobody approves what they made themselves, and nobody more than their role decides on.
    """
    if source == Source.STAFF and author_id == approver_id:
        return "nobody approves a refund that they made themselves: another person must"
    limit = role_limit_cents(approvals, role)
    if limit is None or amount_cents <= limit:
        return ""
    who = ", ".join(
        f"{candidate.label} ({_up_to(approvals, candidate, currency)})"
        for candidate in (Role.AGENT, Role.LEAD, Role.ADMINISTRATOR)
        if _decides_on(approvals, candidate, amount_cents)
    )
    label = Role(role).label if role in Role.values else role or "none"
    return (
        f"{money.show(amount_cents, currency)} is more than the role {label} decides on "
        f"({money.show(limit, currency)}); these can: {who or 'nobody'}"
    )


def _above(limit_cents: int | None, amount_cents: int, whose: str, show) -> str:  # type: ignore[no-untyped-def]
    if limit_cents is None or amount_cents <= limit_cents:
        return ""
    return f"{show(amount_cents)} is above the limit of {whose}, {show(limit_cents)}"


def _decides_on(approvals: Approvals, role: Role, amount_cents: int) -> bool:
    limit = role_limit_cents(approvals, role)
    return limit is None or amount_cents <= limit


def _up_to(approvals: Approvals, role: Role, currency: str) -> str:
    limit = role_limit_cents(approvals, role)
    return "no limit" if limit is None else f"up to {money.show(limit, currency)}"

"""Refunds that wait for a person's approval, and the store's policy of who decides on how much."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, QuerySet, Sum

from apps.accounts.models import Role
from apps.common import clock
from apps.common.money import show
from apps.desk.policy_words import Changed, Said, amount_text
from apps.desk.reads.refunds import maker_of
from apps.refunds.approvals import approvals_from, approvals_of, why_not_approve
from apps.refunds.models import ApprovalPolicy, Refund, RefundStatus, Source
from apps.refunds.rules import LIVE_STATUSES
from apps.refunds.types import Approvals
from apps.stores.models import Store
from apps.timeline.models import Event

HISTORY_SHOWN = 50
HISTORY_OF = timedelta(days=90)


@dataclass(frozen=True)
class History:
    """What a shopper was refunded lately, by e-mail: how many refunds that were decided, and their
    amounts in words, one for each currency. Nobody is known without an e-mail."""

    email: str
    count: int = 0
    amounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A refund that waits: why, and why whoever looks may not approve it ("" where they may)."""

    refund: Refund
    reason: str
    why_not: str
    maker: str
    history: History


def waiting_refunds(store_id: int) -> QuerySet[Refund]:
    """Returns the refunds of a store that wait for approval, oldest first."""
    return Refund.objects.filter(store_id=store_id, status=RefundStatus.PROPOSED).order_by(
        "created_at", "pk"
    )


def why_not_by(
    refund: Refund, *, user_id: int, role: str, approvals: Approvals | None = None
) -> str:
    """Returns why a person of `role` may not approve a refund, or "". `approvals` is the store's
    policy where it is read already."""
    return why_not_approve(
        approvals or approvals_of(refund.store),
        source=refund.source,
        author_id=refund.author_id,
        approver_id=user_id,
        role=role,
        amount_cents=refund.total_refund_amount_cents,
        currency=refund.currency,
    )


def keys_to_approve(store: Store, *, user_id: int, role: str) -> list[int]:
    """Returns the keys of the waiting refunds that a person may approve."""
    approvals = approvals_of(store)
    rows = waiting_refunds(store.pk).only(
        "source", "author", "total_refund_amount_cents", "currency"
    )
    return [
        row.pk
        for row in rows
        if not why_not_by(row, user_id=user_id, role=role, approvals=approvals)
    ]


def waiting_rows(
    refunds: Iterable[Refund], store: Store, *, user_id: int, role: str
) -> list[Waiting]:
    """Returns what the list of waiting refunds shows of each."""
    approvals, refunds = approvals_of(store), list(refunds)
    histories = histories_of(store.pk, {refund.order.customer_email for refund in refunds})
    keys = api_keys_of(store.pk, refunds)
    return [
        Waiting(
            refund,
            reason_of(refund),
            why_not_by(refund, user_id=user_id, role=role, approvals=approvals),
            keys.get(refund.identifier) or maker_of(refund, ()),
            histories[refund.order.customer_email],
        )
        for refund in refunds
    ]


def api_keys_of(store_id: int, refunds: Iterable[Refund]) -> dict[str, str]:
    """Returns, by refund identifier, which API key made each that a machine made."""
    by_api = [refund for refund in refunds if refund.source == Source.API]
    if not by_api:
        return {}
    events = Event.objects.filter(
        store_id=store_id,
        kind="refund.proposed",
        order_identifier__in={refund.order.identifier for refund in by_api},
        refund_identifier__in={refund.identifier for refund in by_api},
    ).exclude(actor_name="")
    rows = events.values_list("refund_identifier", "actor_name")
    return {identifier: f"API key {name}" for identifier, name in rows}


def histories_of(store_id: int, emails: Iterable[str]) -> dict[str, History]:
    """Returns, by e-mail, what shoppers were refunded within the last 90 days, whoever decided it;
    what still waits for approval is left out."""
    known = {email for email in emails if email}
    found: dict[str, list[tuple[int, str]]] = {email: [] for email in known}
    decided = [status for status in LIVE_STATUSES if status != RefundStatus.PROPOSED]
    rows = Refund.objects.filter(
        store_id=store_id,
        order__store_id=store_id,
        order__customer_email__in=known,
        status__in=decided,
        created_at__gte=clock.now() - HISTORY_OF,
    )
    sums = rows.order_by("currency").values_list("order__customer_email", "currency")
    for email, currency, count, cents in sums.annotate(
        Count("pk"), Sum("total_refund_amount_cents")
    ):
        found[email].append((count, show(cents, currency)))
    histories = {
        email: History(email, sum(count for count, _ in told), tuple(text for _, text in told))
        for email, told in found.items()
    }
    return {"": History(""), **histories}


@dataclass(frozen=True)
class Next:
    """What waits for a person after they decided: the next refund, and how many there are."""

    identifier: str
    count: int


def next_to_decide(store: Store, *, after: Refund, user_id: int, role: str) -> Next:
    """Returns the waiting refund that a person may decide on after `after`, else the oldest; its
    identifier is "" where none is left."""
    keys = keys_to_approve(store, user_id=user_id, role=role)
    rows = Refund.objects.filter(pk__in=keys).exclude(pk=after.pk).order_by("created_at", "pk")
    names = list(rows.values_list("created_at", "pk", "identifier"))
    later = [name for at, pk, name in names if (at, pk) > (after.created_at, after.pk)]
    return Next((later or [name for _, _, name in names] or [""])[0], len(names))


def reason_of(refund: Refund) -> str:
    """Returns why a refund waits for approval, in words."""
    if refund.approval_reason or refund.source != Source.AUTOMATIC:
        return refund.approval_reason
    return "the refund policy has a person approve each"


# --- The approval policy --------------------------------------------------------------------------


@dataclass(frozen=True)
class VersionView:
    """A version of the approval policy and what it changed."""

    version: ApprovalPolicy
    changes: list[Changed]
    is_newest: bool


def newest_version(store: Store) -> ApprovalPolicy | None:
    """Returns the version in force, None where the defaults count."""
    rows = ApprovalPolicy.objects.filter(store=store).select_related("author")
    return rows.order_by("-pk").first()


def versions_of(store: Store) -> list[VersionView]:
    """Returns the versions of a store's approval policy, newest first, with what each changed."""
    rows = ApprovalPolicy.objects.filter(store=store).select_related("author").order_by("-pk")
    found = list(rows[: HISTORY_SHOWN + 1])
    said = [approvals_from(version) for version in found]
    before = [*said[1:], Approvals()]
    views = [
        VersionView(version, changes_in(before[n], said[n]), is_newest=n == 0)
        for n, version in enumerate(found)
    ]
    return views[:HISTORY_SHOWN]


_LIMITS = {
    "agent_limit_cents": f"{Role.AGENT.label} decides on",
    "lead_limit_cents": f"{Role.LEAD.label} decides on",
    "administrator_limit_cents": f"{Role.ADMINISTRATOR.label} decides on",
    "api_limit_cents": "Made by API",
    "automatic_limit_cents": "Automatic",
}


def said_by(approvals: Approvals) -> list[Said]:
    """Returns an approval policy in sentences, one per line."""
    limits = [Said(label, _limit(name, approvals)) for name, label in _LIMITS.items()]
    above = approvals.two_person_above_cents
    second = (
        "a person who may decide on it needs nobody else"
        if above is None
        else f"above {amount_text(above)} another person approves what somebody made"
    )
    goodwill = f"up to {amount_text(approvals.goodwill_limit_cents)} for an order, all together"
    return [
        *limits,
        Said("Second person", second),
        Said("Goodwill", goodwill),
        Said("Hold, made by people", _hold(approvals.staff_hold_minutes)),
        Said("Hold, made by API", _hold(approvals.api_hold_minutes)),
    ]


def _limit(name: str, approvals: Approvals) -> str:
    cents: int | None = getattr(approvals, name)
    waits = name in ("api_limit_cents", "automatic_limit_cents")
    if cents is None:
        return "never waits for a person by its amount" if waits else "any amount"
    if waits:
        return f"above {amount_text(cents)} a person approves it"
    return f"up to {amount_text(cents)}" if cents else "nothing"


def _hold(minutes: int) -> str:
    if not minutes:
        return "paid at once"
    return f"{minutes:,} minute{'' if minutes == 1 else 's'} in which it can be taken back"


def changes_in(before: Approvals, after: Approvals) -> list[Changed]:
    """Returns the lines in which two versions differ."""
    return [
        Changed(old.label, old.text, new.text)
        for old, new in zip(said_by(before), said_by(after), strict=True)
        if old.text != new.text
    ]

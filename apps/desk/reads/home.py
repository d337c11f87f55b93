"""The counts and the newest things on the home page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet, Sum

from apps.attention.models import Kind
from apps.attention.queries import open_items
from apps.common import clock
from apps.common.money import show
from apps.desk.filters import decided_since, missing_tick, start_of_today
from apps.inbox import queries as inbox
from apps.inbox.models import Delivery, DeliveryState
from apps.outbox import queries as outbox
from apps.outbox.models import JobState
from apps.refunds.models import Refund, RefundStatus
from apps.rmas.models import Rma
from apps.timeline.models import Event

SILENT_AFTER = timedelta(seconds=60)
FEED_LENGTH = 16
LATEST_RETURNS = 10


@dataclass(frozen=True)
class Tally:
    """A count that links to the list it counts; `oldest_at` is since when the oldest waits."""

    label: str
    count: int
    oldest_at: datetime | None
    url_name: str
    query: str
    hint: str = ""
    is_trouble: bool = False


@dataclass(frozen=True)
class Figure:
    """One of today's figures; `amounts` has one text per currency."""

    label: str
    count: int
    amounts: tuple[str, ...]
    url_name: str
    query: str
    hint: str


def attention_tallies(store_id: int) -> list[Tally]:
    """Returns what needs attention by kind, oldest first; kinds without items are left out."""
    rows = (
        open_items(store_id)
        .order_by()
        .values("kind")
        .annotate(count=Count("pk"), oldest=Min("opened_at"))
        .order_by("oldest")
    )
    return [
        Tally(
            label=dict(Kind.choices).get(row["kind"], row["kind"]),
            count=row["count"],
            oldest_at=row["oldest"],
            url_name="desk:attention",
            query=f"kind={row['kind']}",
            is_trouble=True,
        )
        for row in rows
    ]


_Found = dict[str, tuple[int, datetime | None]]
_NOTHING: tuple[int, datetime | None] = (0, None)


def _by(rows: QuerySet[Any], field: str, since: str) -> _Found:
    """Returns count and oldest moment by the values of `field`, in one query."""
    found = rows.order_by().values_list(field).annotate(count=Count("pk"), oldest=Min(since))
    return {value: (count, oldest) for value, count, oldest in found}


def _tally(found: tuple[int, datetime | None], label: str, hint: str, **shown: Any) -> Tally:
    return Tally(label=label, hint=hint, count=found[0], oldest_at=found[1], **shown)


def queue_tallies(store_id: int) -> list[Tally]:
    """Returns what is stuck on its way in or out."""
    deliveries = _by(
        Delivery.objects.filter(
            store_id=store_id, state__in=(DeliveryState.QUARANTINED, DeliveryState.FAILED)
        ),
        "state",
        "received_at",
    )
    jobs = _by(outbox.held_or_failing(store_id), "state", "created_at")
    rows = (
        (deliveries, DeliveryState.QUARANTINED, "Messages quarantined", "came in, not usable"),
        (deliveries, DeliveryState.FAILED, "Messages failed", "tried again by itself"),
        (jobs, JobState.HELD, "Outbound held", "refused, waits for a person"),
        (jobs, JobState.WAITING, "Outbound failing", "tried again by itself"),
    )
    return [
        _tally(
            found.get(state, _NOTHING),
            label,
            hint,
            url_name="desk:deliveries" if found is deliveries else "desk:jobs",
            query="state=trouble" if state == JobState.WAITING else f"state={state}",
            is_trouble=True,
        )
        for found, state, label, hint in rows
    ]


def refund_tallies(store_id: int) -> list[Tally]:
    """Returns the refunds that are not settled, by state, and those whose loop is still open."""
    refunds = Refund.objects.filter(store_id=store_id)
    states = (
        (RefundStatus.PROPOSED, "Waiting for approval", "a person decides", True),
        (RefundStatus.UNKNOWN, "Payment unknown", "the gateway is asked again", True),
        (RefundStatus.APPROVED, "Approved", "paid at once or after a delay", False),
        (RefundStatus.PAYING, "Paying", "at the gateway now", False),
    )
    found = _by(refunds.filter(status__in=[row[0] for row in states]), "status", "created_at")
    tallies = [
        _tally(
            found.get(status, _NOTHING),
            label,
            hint,
            url_name="desk:refunds",
            query=f"status={status}",
            is_trouble=is_trouble,
        )
        for status, label, hint, is_trouble in states
    ]
    for tick, hint in (("reported", "Optoro was not told yet"), ("confirmed", "no REFUNDED yet")):
        tallies.append(
            _tally(
                _by(missing_tick(refunds, tick), "status", "paid_at").get(
                    RefundStatus.PAID, _NOTHING
                ),
                f"Paid, not {tick}",
                hint,
                url_name="desk:refunds",
                query=f"missing={tick}",
            )
        )
    return tallies


def today(store_id: int) -> list[Figure]:
    """Returns what happened since the store's midnight."""
    start = start_of_today()
    refunds = Refund.objects.filter(store_id=store_id)
    opened = Rma.objects.filter(store_id=store_id, remote_created_at__gte=start).count()
    day = f"{start:%Y-%m-%d}"
    return [
        Figure("Returns opened", opened, (), "desk:rmas", f"since={day}", "started in the portal"),
        _figure(
            decided_since(refunds, start),
            "total_refund_amount_cents",
            ("Refunds decided", "decided=today", "worth of the goods"),
        ),
        _figure(
            refunds.filter(paid_at__gte=start),
            "shopper_amount_cents",
            ("Refunds paid", "paid=today", "paid to shoppers"),
        ),
        _figure(
            refunds.filter(confirmed_at__gte=start),
            "total_refund_amount_cents",
            ("Returns refunded", "confirmed=today", "confirmed by Optoro"),
        ),
    ]


def _figure(rows: QuerySet[Refund], amount: str, shown: tuple[str, str, str]) -> Figure:
    label, query, hint = shown
    found = list(
        rows.order_by()
        .values("currency")
        .annotate(count=Count("pk"), amount=Sum(amount))
        .order_by("-count", "currency")
    )
    amounts = tuple(show(row["amount"], row["currency"]) for row in found)
    return Figure(label, sum(row["count"] for row in found), amounts, "desk:refunds", query, hint)


def silent_since() -> datetime | None:
    """Returns since when due work waits, where that is too long for a worker to be alive."""
    waiting = [moment for moment in (inbox.oldest_due_at(), outbox.oldest_due_at()) if moment]
    oldest = min(waiting, default=None)
    return oldest if oldest and clock.now() - oldest > SILENT_AFTER else None


def latest_events(store_id: int) -> list[Event]:
    """Returns the newest events of the store."""
    rows = Event.objects.filter(store_id=store_id).select_related("actor")
    return list(rows.order_by("-pk")[:FEED_LENGTH])


def latest_returns(store_id: int) -> QuerySet[Rma]:
    """Returns the newest returns of the store."""
    rows = Rma.objects.filter(store_id=store_id)
    return rows.order_by("-remote_created_at", "-pk")[:LATEST_RETURNS]

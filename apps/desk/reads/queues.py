"""What waits for somebody: each queue with its count, its oldest moment, why something is in it,
and the list that shows exactly what was counted.

Every page open on the home screen asks for this every few seconds, so each query walks an index of
what is open and stops counting at CAP.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet

from apps.attention.models import Kind
from apps.attention.queries import open_items
from apps.cases.models import Case, SubjectKind
from apps.cases.queries import unseen_mentions
from apps.common import clock
from apps.desk.filters import missing_tick
from apps.inbox.models import Delivery, DeliveryState
from apps.outbox.models import Job, JobState
from apps.refunds.models import Refund, RefundStatus
from apps.rmas.models import Rma
from apps.rmas.queries import delivered_not_received, in_transit_too_long

CAP = 1000
TRANSIT_DAYS = 10
DELIVERED_DAYS = 3


@dataclass(frozen=True)
class Queue:
    """A count that links to the list it counts. `oldest_at` is since when the oldest waits; `late`
    tells how many should have been dealt with by now."""

    name: str
    label: str
    why: str
    count: int
    oldest_at: datetime | None
    url_name: str
    query: str = ""
    late: int = 0
    is_calm: bool = False

    @property
    def is_capped(self) -> bool:
        """Whether there may be more than were counted."""
        return self.count > CAP

    @property
    def shown(self) -> str:
        """The count as it is written."""
        return f"{CAP:,}+" if self.is_capped else f"{self.count:,}"


@dataclass(frozen=True)
class _Found:
    count: int = 0
    oldest_at: datetime | None = None
    late: int = 0


_NOTHING = _Found()

# Name, kinds, label, and why something is in it.
_EXCEPTIONS: tuple[tuple[str, tuple[Kind, ...], str, str], ...] = (
    (
        "decision",
        (Kind.REFUND_NEEDS_DECISION,),
        "Needs a decision",
        "automation must not decide alone",
    ),
    (
        "payment",
        (Kind.PAYMENT_UNKNOWN, Kind.REFUND_DECLINED, Kind.PAYMENT_CONTRADICTED),
        "Payment unknown or declined",
        "the shopper may not have the money",
    ),
    (
        "asked",
        (Kind.CANCELLATION_WAITS, Kind.CONVERSION_WAITS),
        "Cancel or convert requested",
        "has to be done in Optoro’s portal",
    ),
    (
        "collision",
        (Kind.EXCHANGE_COLLISION,),
        "Exchange collision",
        "a second, different exchange order",
    ),
    ("snapshot", (Kind.SNAPSHOT_HELD,), "Snapshot held", "Optoro refused what it was sent"),
)
_NAMED = frozenset(kind.value for _, kinds, _, _ in _EXCEPTIONS for kind in kinds)
# These stand in queues of their own, counted where they come from.
_ELSEWHERE = frozenset({Kind.WAITS_FOR_APPROVAL.value, Kind.MESSAGE_QUARANTINED.value})


@dataclass(frozen=True)
class Queues:
    """The queues of a store, as one person sees them."""

    exceptions: list[Queue]
    others: list[Queue]
    parcels: list[Queue]
    refunds: list[Queue]
    messages: list[Queue]
    mine: list[Queue]


def queues_of(store_id: int, user_id: int) -> Queues:
    """Returns every queue of a store, and those of a person in it."""
    items = _Items(store_id, user_id)
    refunds = _by_status(store_id)
    flagged, assigned = _cases(store_id, user_id)
    approval = _approval(refunds)
    exceptions = [items.queue(*row) for row in _EXCEPTIONS]
    return Queues(
        exceptions=[exceptions[0], approval, *exceptions[1:]],
        others=items.others(),
        parcels=[*_parcels(store_id), *_flagged(flagged)],
        refunds=_refunds(store_id, refunds),
        messages=_messages(store_id),
        mine=[*_mine(store_id, user_id, items, assigned), items.unassigned()],
    )


class _Items:
    """The open exceptions, read once."""

    def __init__(self, store_id: int, user_id: int) -> None:
        mine, nobody = Q(owner_id=user_id), Q(owner_id=None)
        late = Q(due_at__lte=clock.now())
        self._rows: list[Mapping[str, Any]] = list(
            open_items(store_id)
            .order_by()
            .values("kind")
            .annotate(
                count=Count("pk"),
                oldest=Min("opened_at"),
                late=Count("pk", filter=late),
                mine_count=Count("pk", filter=mine),
                mine_oldest=Min("opened_at", filter=mine),
                mine_late=Count("pk", filter=mine & late),
                nobody_count=Count("pk", filter=nobody),
                nobody_oldest=Min("opened_at", filter=nobody),
                nobody_late=Count("pk", filter=nobody & late),
            )
        )

    def _sum(self, prefix: str = "", kinds: Iterable[str] | None = None) -> _Found:
        rows = [row for row in self._rows if kinds is None or row["kind"] in kinds]
        moments = [row[f"{prefix}oldest"] for row in rows if row[f"{prefix}oldest"]]
        return _Found(
            count=sum(row[f"{prefix}count"] for row in rows),
            oldest_at=min(moments, default=None),
            late=sum(row[f"{prefix}late"] for row in rows),
        )

    def queue(self, name: str, kinds: Iterable[Kind], label: str, why: str) -> Queue:
        """Returns the queue of some kinds."""
        query = "&".join(f"kind={kind.value}" for kind in kinds)
        found = self._sum(kinds=[kind.value for kind in kinds])
        return _queue(name, label, why, found, "desk:attention", query)

    def others(self) -> list[Queue]:
        """Returns a queue for every other kind that has something, oldest first."""
        kinds = [row["kind"] for row in self._rows if row["kind"] not in _NAMED | _ELSEWHERE]
        labels = dict(Kind.choices)
        found = [
            _queue(
                f"kind-{kind}",
                labels.get(kind, kind),
                "",
                self._sum(kinds=[kind]),
                "desk:attention",
                f"kind={kind}",
            )
            for kind in kinds
        ]
        return sorted(found, key=lambda queue: queue.oldest_at or clock.now())

    def mine(self) -> Queue:
        """Returns what the person has taken."""
        found = self._sum("mine_")
        return _queue("mine", "Taken by me", "exceptions", found, "desk:attention", "owner=mine")

    def unassigned(self) -> Queue:
        """Returns what nobody has taken."""
        found = self._sum("nobody_")
        why = "exceptions that nobody has taken"
        return _queue("unassigned", "Unassigned", why, found, "desk:attention", "owner=nobody")


def _queue(
    name: str, label: str, why: str, found: _Found, url_name: str, query: str = "", **more: Any
) -> Queue:
    return Queue(
        name=name,
        label=label,
        why=why,
        count=found.count,
        oldest_at=found.oldest_at,
        url_name=url_name,
        query=query,
        late=found.late,
        **more,
    )


def _capped(rows: QuerySet[Any], since: str, order: str = "") -> _Found:
    """Counts rows from the oldest on, up to one more than CAP; `order`, which is `since` itself
    where it is left out, is what an index has them in."""
    first = rows.order_by(order or since).annotate(since=F(since)).values("since")[: CAP + 1]
    found = first.aggregate(count=Count("since"), oldest=Min("since"))
    return _Found(found["count"], found["oldest"])


def _overdue(found: _Found) -> _Found:
    """For queues whose rows are there only because they are late."""
    return _Found(found.count, found.oldest_at, found.count)


def _by_status(store_id: int) -> Mapping[str, _Found]:
    open_statuses = (
        RefundStatus.PROPOSED,
        RefundStatus.APPROVED,
        RefundStatus.PAYING,
        RefundStatus.UNKNOWN,
    )
    rows = Refund.objects.filter(store_id=store_id, status__in=open_statuses).order_by()
    found = rows.values_list("status").annotate(count=Count("pk"), oldest=Min("created_at"))
    return {status: _Found(count, oldest) for status, count, oldest in found}


def _approval(refunds: Mapping[str, _Found]) -> Queue:
    found = refunds.get(RefundStatus.PROPOSED, _NOTHING)
    why = "above somebody’s limit"
    return _queue("approval", "Awaiting approval", why, found, "desk:approvals")


def _parcels(store_id: int) -> list[Queue]:
    rows = Rma.objects.filter(store_id=store_id)
    transit = _capped(in_transit_too_long(rows, TRANSIT_DAYS), "in_transit_since")
    delivered = _capped(delivered_not_received(rows, DELIVERED_DAYS), "delivered_since")
    return [
        _queue(
            "transit",
            "In transit too long",
            f"no news of the parcel for {TRANSIT_DAYS} days",
            _overdue(transit),
            "desk:rmas",
            f"in_transit_days={TRANSIT_DAYS}",
        ),
        _queue(
            "delivered",
            "Delivered, not received",
            f"at the warehouse for {DELIVERED_DAYS} days",
            _overdue(delivered),
            "desk:rmas",
            f"delivered_days={DELIVERED_DAYS}",
        ),
    ]


def _cases(store_id: int, user_id: int) -> tuple[dict[str, _Found], dict[str, _Found]]:
    """Returns the flagged cases and those of the person, by kind of subject."""
    rows = Case.objects.filter(store_id=store_id).order_by().values_list("subject_kind")
    flagged = rows.filter(flagged_at__isnull=False).annotate(
        count=Count("pk"), oldest=Min("flagged_at")
    )
    overdue = Q(due_at__lte=clock.now())
    assigned = rows.filter(assignee_id=user_id).annotate(
        count=Count("pk"), oldest=Min("due_at", filter=overdue), late=Count("pk", filter=overdue)
    )
    return (
        {kind: _Found(count, oldest) for kind, count, oldest in flagged},
        {kind: _Found(count, oldest, late) for kind, count, oldest, late in assigned},
    )


def _flagged(found: Mapping[str, _Found]) -> list[Queue]:
    return [
        _queue(
            f"flagged-{kind}",
            label,
            "automation is stopped",
            found.get(kind, _NOTHING),
            url_name,
            "flagged=yes",
        )
        for kind, label, url_name in (
            (SubjectKind.RMA.value, "Flagged returns", "desk:rmas"),
            (SubjectKind.ORDER.value, "Flagged orders", "desk:orders"),
        )
    ]


def _refunds(store_id: int, found: Mapping[str, _Found]) -> list[Queue]:
    """What is under way by itself: nobody has to do anything yet."""
    refunds = Refund.objects.filter(store_id=store_id)
    rows = [
        (found.get(status, _NOTHING), label, why, f"status={status}")
        for status, label, why in (
            (RefundStatus.APPROVED, "Approved", "paid at once or after a delay"),
            (RefundStatus.PAYING, "Paying", "at the gateway now"),
            (RefundStatus.UNKNOWN, "Payment unknown", "the gateway is asked again"),
        )
    ]
    for tick, why in (
        ("reported", "Optoro was not told yet"),
        ("confirmed", "Optoro has not confirmed it yet"),
    ):
        missing = _capped(missing_tick(refunds, tick), "paid_at")
        rows.append((missing, f"Paid, not {tick}", why, f"missing={tick}"))
    return [
        _queue(f"refunds-{query}", label, why, state, "desk:refunds", query, is_calm=True)
        for state, label, why, query in rows
    ]


def _messages(store_id: int) -> list[Queue]:
    deliveries = Delivery.objects.filter(store_id=store_id)
    jobs = Job.objects.filter(store_id=store_id)
    held = _capped(jobs.filter(state=JobState.HELD), "created_at")
    failing = _capped(jobs.filter(state=JobState.WAITING, failures__gt=0), "created_at")
    stuck = [found.oldest_at for found in (held, failing) if found.oldest_at]
    return [
        _queue(
            "quarantined",
            "Messages quarantined",
            "came in, not usable",
            _capped(deliveries.filter(state=DeliveryState.QUARANTINED), "received_at", "pk"),
            "desk:deliveries",
            "state=quarantined",
        ),
        _queue(
            "failed",
            "Messages failed",
            "tried again by itself",
            _capped(deliveries.filter(state=DeliveryState.FAILED), "received_at", "pk"),
            "desk:deliveries",
            "state=failed",
            is_calm=True,
        ),
        _queue(
            "outbound",
            "Outbound held or failing",
            "not taken, or tried again by itself",
            _Found(held.count + failing.count, min(stuck, default=None)),
            "desk:jobs",
            "state=trouble",
        ),
    ]


def _mine(
    store_id: int, user_id: int, items: _Items, assigned: Mapping[str, _Found]
) -> list[Queue]:
    mentions = _capped(
        unseen_mentions(store_id=store_id, person_id=user_id).select_related(None),
        "note__written_at",
        "pk",
    )
    cases = [
        _queue(
            f"my-{url_name.removeprefix('desk:')}",
            label,
            "assigned to me",
            assigned.get(kind, _NOTHING),
            url_name,
            "assignee=me",
        )
        for kind, label, url_name in (
            (SubjectKind.RMA.value, "My returns", "desk:rmas"),
            (SubjectKind.ORDER.value, "My orders", "desk:orders"),
        )
    ]
    why = "notes that name me, not seen yet"
    named = _queue("mentions", "Mentions of me", why, mentions, "desk:mentions")
    return [named, items.mine(), *cases]

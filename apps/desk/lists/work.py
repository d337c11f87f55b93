"""The lists of what people work off: attention, messages received, outbound jobs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.desk.lists.types import Column, Listing, moment, text, time_of
from apps.desk.lists.work_filters import AttentionFilter, DeliveryFilter, JobFilter
from apps.desk.paging import Sorting
from apps.desk.reads.attention import item_rows
from apps.desk.seats import Seat
from apps.inbox.queries import deliveries_of
from apps.outbox import topics
from apps.outbox.models import JobState
from apps.outbox.queries import jobs_of


@dataclass(frozen=True)
class PlainRow:
    """A row that shows nothing beside its own fields."""

    model: Any


def _plain_rows(seat: Seat, rows: Iterable[Any]) -> list[PlainRow]:
    return [PlainRow(row) for row in rows]


def _closed_items(seat: Seat) -> QuerySet[Any]:
    closed = Item.objects.filter(store=seat.store, resolved_at__isnull=False)
    return closed.select_related("owner")


ATTENTION = Listing(
    name="attention",
    noun="item",
    rows=lambda seat: open_items(seat.store.pk).select_related("owner"),
    filters=AttentionFilter,
    sorting=Sorting(
        {"opened": ("opened_at",), "due": ("due_at",), "kind": ("kind",)}, default="opened"
    ),
    columns=(
        Column(
            "why",
            "Why and about what",
            ("item", "kind", "subject", "order", "return", "detail"),
            lambda r: (
                r.item.pk,
                r.item.kind,
                r.item.subject,
                r.item.order_identifier,
                r.item.rma_identifier,
                r.item.detail,
            ),
            css="why",
            sort="kind",
        ),
        text("todo", "What to do", lambda r: r.what_to_do, css="todo"),
        moment("opened", "Age", lambda r: r.item.opened_at, sort="opened"),
        moment("due", "Due", lambda r: r.item.due_at, sort="due", is_usual=False),
        text("owner", "Owner", lambda r: r.owner, css="nowrap"),
        Column("action", "Action", (), lambda r: ()),
    ),
    read=item_rows,
    model_of=lambda row: row.item,
    called=lambda item: f"{item.get_kind_display()}: {item.subject}",
    url_of=lambda item: reverse("desk:attention-item", args=[item.pk]),
    actions=("take", "give-back", "dismiss"),
    css="grid-top attention-list",
)

CLOSED_ATTENTION = replace(
    ATTENTION,
    rows=_closed_items,
    sorting=Sorting(
        {"opened": ("opened_at",), "closed": ("resolved_at",), "kind": ("kind",)},
        default="-closed",
    ),
    columns=(
        *(column for column in ATTENTION.columns if column.key in ("why", "todo")),
        moment("opened", "Opened", lambda r: r.item.opened_at, sort="opened"),
        Column(
            "closed",
            "Closed",
            ("closed_at", "resolution", "owner"),
            lambda r: (time_of(r.item.resolved_at), r.item.resolution, r.owner),
            sort="closed",
        ),
    ),
    actions=(),
)

DELIVERIES = Listing(
    name="deliveries",
    noun="message",
    rows=lambda seat: deliveries_of(seat.store.pk),
    filters=DeliveryFilter,
    sorting=Sorting({"received": ("received_at",)}, default="-received"),
    columns=(
        Column(
            "message",
            "Message",
            ("message", "kind", "version"),
            lambda r: (r.model.pk, r.model.topic, r.model.api_version),
            css="nowrap",
        ),
        text("state", "State", lambda r: r.model.state),
        text("about", "About", lambda r: r.model.subject),
        text("copies", "Copies", lambda r: r.model.copies, css="num"),
        text("attempts", "Attempts", lambda r: r.model.attempts, css="num"),
        moment("received", "Received", lambda r: r.model.received_at, sort="received"),
        moment("processed", "Processed", lambda r: r.model.processed_at, is_usual=False),
        text("error", "What was wrong", lambda r: r.model.error, css="wide-text"),
    ),
    read=_plain_rows,
    model_of=lambda row: row.model,
    called=lambda delivery: f"Message {delivery.pk}",
    url_of=lambda delivery: reverse("desk:delivery", args=[delivery.pk]),
    actions=("replay",),
)

JOBS = Listing(
    name="jobs",
    noun="job",
    rows=lambda seat: jobs_of(seat.store.pk),
    filters=JobFilter,
    sorting=Sorting({"created": ("created_at",), "next": ("not_before",)}, default="-created"),
    columns=(
        text("job", "Job", lambda r: r.model.pk),
        Column(
            "state",
            "State",
            ("state", "failures"),
            lambda r: (r.model.state, r.model.failures),
            css="nowrap",
        ),
        text(
            "topic", "What", lambda r: topics.LABELS.get(r.model.topic, r.model.topic), css="nowrap"
        ),
        text("subject", "Subject", lambda r: r.model.label or r.model.key),
        moment("created", "Created", lambda r: r.model.created_at, sort="created"),
        Column(
            "next",
            "Next try",
            ("next_try_at", "ended_at"),
            lambda r: (
                time_of(r.model.not_before if r.model.state == JobState.WAITING else None),
                time_of(r.model.finished_at),
            ),
            css="nowrap",
            sort="next",
        ),
        text(
            "error",
            "What was wrong",
            lambda r: "" if r.model.state == JobState.DONE else r.model.error,
            css="wide-text",
        ),
    ),
    read=_plain_rows,
    model_of=lambda row: row.model,
    called=lambda job: f"{topics.LABELS.get(job.topic, job.topic)} {job.label or job.key}",
    url_of=lambda job: reverse("desk:job", args=[job.pk]),
    actions=("resend",),
)

"""What the lists of work are narrowed by: attention, messages, jobs, catalog. The names of all
filters stand in `apps/desk/filters.py`."""

from typing import Any

import django_filters as df
from django.db.models import Q, QuerySet

from apps.attention.models import Item
from apps.attention.models import Kind as AttentionKind
from apps.catalog.models import MissedLookup, Product, Variant
from apps.common import clock
from apps.desk.lists.filtering import (
    Choices,
    ListFilters,
    by_age,
    from_day_on,
    one_of,
    people_choices,
    several,
    text,
    until_day,
)
from apps.inbox.models import Delivery, DeliveryState
from apps.inbox.models import Topic as DeliveryTopic
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.outbox.queries import held_or_failing


class AttentionFilter(ListFilters):
    """Narrows what needs attention; open items unless asked otherwise."""

    first = ("kind", "owner", "late", "state", "older")

    kind = several("Kind", "kind", list(AttentionKind.choices))
    owner = one_of("Owner", "by_owner", [])
    late = one_of("Late", "by_late", [("yes", "Late")])
    state = one_of("State", "by_state", [("closed", "Closed")], "Open")
    older = by_age("opened_at", "Opened more than")

    class Meta:
        model = Item
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Choices = [("mine", "Mine"), ("nobody", "Nobody")]
        self.filters["owner"].extra["choices"] = own + people_choices(self.store_id)

    def by_owner(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Keeps what a person has, or nobody."""
        if value == "nobody":
            return rows.filter(owner_id=None)
        return rows.filter(owner_id=self.user_id if value == "mine" else int(value))

    def by_late(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """Keeps what should have been dealt with by now."""
        return rows.filter(due_at__lte=clock.now(), resolved_at=None)

    def by_state(self, rows: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        """The list itself narrows by state: it also decides order and columns."""
        return rows


class DeliveryFilter(ListFilters):
    """Narrows the messages received."""

    first = ("state", "topic", "subject", "since", "until")

    state = several("State", "state", list(DeliveryState.choices))
    topic = several("Kind", "topic", list(DeliveryTopic.choices))
    subject = df.CharFilter(label="RMA or order", strip=True)
    copies = one_of("Copies", "by_copies", [("more", "Came more than once")])
    older = by_age("received_at", "Received more than")
    since = from_day_on("received_at", "Received since")
    until = until_day("received_at", "Received until")

    class Meta:
        model = Delivery
        fields: list[str] = []

    def by_copies(self, rows: QuerySet[Delivery], name: str, value: str) -> QuerySet[Delivery]:
        """Keeps what came more than once."""
        return rows.filter(copies__gt=1)


class JobFilter(ListFilters):
    """Narrows the outbound jobs."""

    first = ("state", "topic", "label", "since", "until")

    state = one_of("State", "by_state", [("trouble", "Held or failing"), *JobState.choices])
    topic = several("What", "topic", list(topics.LABELS.items()))
    label = df.CharFilter(label="Subject", strip=True)
    older = by_age("created_at", "Created more than")
    since = from_day_on("created_at", "Created since")
    until = until_day("created_at", "Created until")

    class Meta:
        model = Job
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        """`trouble` is what a person should look at: held, or waiting after failures."""
        if value != "trouble":
            return rows.filter(state=value)
        return rows & held_or_failing(self.store_id)


class ProductFilter(ListFilters):
    """Narrows the catalog."""

    search = text("Identifier, SKU or title", "by_text")
    stock = one_of(
        "Stock", "by_stock", [("some", "Something in stock"), ("none", "Nothing in stock")]
    )
    source = df.ChoiceFilter(choices=Variant.Source.choices, empty_label="Any")

    class Meta:
        model = Product
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        """Keeps products whose identifier, or a variant's SKU or title, holds the text."""
        variants = Variant.objects.filter(
            Q(sku__icontains=value) | Q(title__icontains=value), store_id=self.store_id
        )
        named = variants.order_by().values("variant_identifier")
        return rows.filter(Q(variant_identifier__icontains=value) | Q(variant_identifier__in=named))

    def by_stock(self, rows: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        """Keeps products that have, or do not have, a variant in stock."""
        return (
            rows.filter(in_stock_count__gt=0) if value == "some" else rows.filter(in_stock_count=0)
        )


class MissedLookupFilter(ListFilters):
    """Narrows the ids asked for in vain."""

    variant_identifier = df.CharFilter(label="Identifier", lookup_expr="icontains", strip=True)

    class Meta:
        model = MissedLookup
        fields: list[str] = []

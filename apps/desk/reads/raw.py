"""Raw messages and outbound jobs, as they were."""

import json
from dataclasses import dataclass, replace
from functools import cached_property

from django.urls import reverse

from apps.catalog.queries import imports_of
from apps.inbox.models import Delivery
from apps.orders.models import Order, OrderMessage
from apps.outbox import topics
from apps.outbox.models import Attempt, Job
from apps.refunds.models import Refund
from apps.reports.queries import exports_of
from apps.rmas.models import Rma
from apps.statements.queries import statements_of

# A page that shows megabytes helps nobody; the whole is there as a file.
SHOWN_CHARACTERS = 200_000
ATTEMPTS_SHOWN = 30


@dataclass(frozen=True)
class RawPart:
    """One text of a raw message, such as the request or the answer; `is_exact` shows it as it came
    rather than indented."""

    title: str
    text: str
    is_exact: bool = False

    @cached_property
    def _whole(self) -> str:
        return self.text if self.is_exact else indented(self.text)

    @property
    def shown(self) -> str:
        """The text, indented if it is JSON and that is wanted, cut at SHOWN_CHARACTERS."""
        return self._whole[:SHOWN_CHARACTERS]

    @property
    def is_cut(self) -> bool:
        """Whether `shown` is not all of it."""
        return len(self._whole) > SHOWN_CHARACTERS


@dataclass(frozen=True)
class RawMessage:
    """A raw message in one or two parts."""

    kind: str
    pk: int
    title: str
    parts: tuple[RawPart, ...]
    url: str

    @property
    def whole(self) -> str:
        """All of it as text."""
        return "\n\n".join(part.text for part in self.parts)

    @property
    def is_exact(self) -> bool:
        """Whether its parts are shown as they came."""
        return any(part.is_exact for part in self.parts)

    def exactly(self) -> "RawMessage":
        """Returns it with its parts shown as they came, every space and line end."""
        return replace(self, parts=tuple(replace(part, is_exact=True) for part in self.parts))


def indented(text: str) -> str:
    """Returns JSON with indents; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def raw_message(*, store_id: int, kind: str, pk: int) -> RawMessage | None:
    """Returns the raw message that an event points at, if it is this store's."""
    if kind == "delivery":
        return _delivery(store_id, pk)
    if kind == "order_message":
        return _order_message(store_id, pk)
    return _attempt(store_id, pk) if kind == "attempt" else None


def _delivery(store_id: int, pk: int) -> RawMessage | None:
    found = Delivery.objects.filter(store_id=store_id, pk=pk).first()
    return raw_of_delivery(found) if found else None


def raw_of_delivery(delivery: Delivery) -> RawMessage:
    """Returns the raw message of a delivery that is read already."""
    return RawMessage(
        "delivery",
        delivery.pk,
        f"Message {delivery.pk} from Optoro",
        (RawPart("Body", delivery.text),),
        reverse("desk:delivery", args=[delivery.pk]),
    )


def _order_message(store_id: int, pk: int) -> RawMessage | None:
    found = (
        OrderMessage.objects.select_related("order")
        .defer("order__raw")
        .filter(order__store_id=store_id, pk=pk)
        .first()
    )
    if found is None:
        return None
    text = json.dumps(found.raw, ensure_ascii=False)
    return RawMessage(
        "order_message",
        pk,
        f"Snapshot of order {found.order.identifier}",
        (RawPart("Body", text),),
        reverse("desk:order", args=[found.order.identifier]),
    )


def _attempt(store_id: int, pk: int) -> RawMessage | None:
    found = Attempt.objects.select_related("job").filter(job__store_id=store_id, pk=pk).first()
    if found is None:
        return None
    answer = f" ({found.status_code})" if found.status_code else ""
    parts = [
        RawPart("Request", found.request_body),
        RawPart(f"Answer{answer}", found.response_body),
    ]
    return RawMessage(
        "attempt",
        pk,
        f"Attempt {found.number}: {topics.LABELS.get(found.job.topic, found.job.topic)}",
        tuple(part for part in parts if part.text),
        reverse("desk:job", args=[found.job_id]),
    )


@dataclass(frozen=True)
class Subject:
    """What a job is about, with the address of its page."""

    label: str
    url: str


def subject_of(job: Job) -> Subject | None:
    """Returns what a job is about; None where it is gone or of a topic the desk has no page for."""
    if not job.key.isdigit():
        return None
    key = int(job.key)
    if job.topic in (topics.LINK_ORDER, topics.ORDER_SNAPSHOT):
        name = _name(Order, "identifier", job.store_id, pk=key)
        return Subject(f"Order {name}", reverse("desk:order", args=[name])) if name else None
    if job.topic == topics.EVALUATE_RMA:
        name = _name(Rma, "rma_identifier", job.store_id, pk=key)
        return Subject(f"Return {name}", reverse("desk:rma", args=[name])) if name else None
    if job.topic in (topics.PAY_REFUND, topics.SETTLE_REFUND):
        subject = {"payouts": key} if job.topic == topics.PAY_REFUND else {"pk": key}
        name = _name(Refund, "identifier", job.store_id, **subject)
        return Subject(f"Refund {name}", reverse("desk:refund", args=[name])) if name else None
    if job.topic == topics.IMPORT_VARIANTS:
        name = imports_of(job.store_id).filter(pk=key).values_list("name", flat=True).first()
        return (
            Subject(f"Import {name}", reverse("desk:catalog-import", args=[key])) if name else None
        )
    if job.topic in (topics.EXPORT_REPORT, topics.EXPIRE_EXPORT):
        name = exports_of(job.store_id).filter(pk=key).values_list("name", flat=True).first()
        return Subject(f"Export {name}", reverse("desk:export", args=[key])) if name else None
    if job.topic == topics.IMPORT_STATEMENT:
        name = statements_of(job.store_id).filter(pk=key).values_list("name", flat=True).first()
        return Subject(f"Statement {name}", reverse("desk:statement", args=[key])) if name else None
    return None


def _name(
    model: type[Order] | type[Rma] | type[Refund], field: str, store_id: int, **subject: int
) -> str | None:
    rows = model.objects.filter(store_id=store_id, **subject)
    return rows.values_list(field, flat=True).first()

"""Everything the desk has written down, read at one moment."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.attention.models import Item
from apps.refunds.models import Payout, PayoutAttempt, Refund, RefundLine, RefundUnit
from apps.timeline.models import Event

Row = dict[str, Any]

LIVE = {"proposed", "approved", "paying", "paid", "unknown"}
BEGUN = {"paying", "paid", "unknown"}
# What a refund is, from the moment it is decided on.
FROZEN = (
    "id",
    "identifier",
    "order__identifier",
    "paid_order__identifier",
    "rma_identifier",
    "source",
    "kind",
    "destination",
    "recipient_email",
    "currency",
    "total_refund_amount_cents",
    "shopper_amount_cents",
    "optoro_amount_cents",
    "retained_amount_cents",
    "bonus_credit_amount_cents",
    "author_id",
)
_STATE = ("status", "approver_id", "approval_reason", "reported_at", "policy_id")


@dataclass(frozen=True)
class Books:
    """Rows by their keys; lines, units, payouts and changes of status by the refund's."""

    refunds: dict[int, Row]
    lines: dict[int, list[Row]]
    units: dict[int, list[Row]]
    payouts: dict[int, list[Row]]
    attempts: list[Row]
    chains: dict[str, list[Row]]
    items: list[tuple[str, str]]

    def live(self, *, own: bool = True) -> list[Row]:
        """The refunds that hold money, the desk's own ones or those made outside."""
        return [
            row
            for row in self.refunds.values()
            if row["status"] in LIVE and (row["source"] != "external") == own
        ]

    def counting_payouts(self, refund_id: int) -> list[Row]:
        """The payout that counts for each payment: a later one takes over from an earlier."""
        rows = [row for row in self.payouts.get(refund_id, []) if row["status"] != "canceled"]
        return list({row["transaction_identifier"]: row for row in rows}.values())

    def status_of(self, refund_id: int) -> str:
        """A refund's status; "" where it is not there."""
        return self.refunds[refund_id]["status"] if refund_id in self.refunds else ""


def read() -> Books:
    """Returns what is in the books now."""
    refunds = Refund.objects.order_by("pk").values(*FROZEN, *_STATE)
    lines = RefundLine.objects.order_by("pk").values(
        "id", "refund_id", "identifier", "order_line__identifier", "quantity", "amount_cents"
    )
    units = RefundUnit.objects.order_by("pk").values(
        "id",
        "line__refund_id",
        "rma_unit_id",
        "is_live",
        "rma_unit__excluded_at",
        "rma_unit__rma__rma_identifier",
        "rma_unit__order_identifier",
        "rma_unit__order_line_item_identifier",
    )
    payouts = Payout.objects.order_by("pk").values(
        "id",
        "refund_id",
        "status",
        "amount_cents",
        "transaction_identifier",
        "gateway",
        "gateway_reference",
        "idempotency_key",
    )
    items = Item.objects.filter(resolved_at=None)
    return Books(
        refunds={row["id"]: row for row in refunds},
        lines=_grouped(lines, "refund_id"),
        units=_grouped(units, "line__refund_id"),
        payouts=_grouped(payouts, "refund_id"),
        attempts=list(
            PayoutAttempt.objects.order_by("pk").values(
                "id", "idempotency_key", "payout__idempotency_key"
            )
        ),
        chains=_changes_of_status(),
        items=list(items.values_list("kind", "subject")),
    )


def _grouped(rows: Iterable[Row], name: str) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return dict(found)


def _changes_of_status() -> dict[str, list[Row]]:
    events = Event.objects.exclude(refund_identifier="").order_by("pk")
    found: dict[str, list[Row]] = defaultdict(list)
    for name, changes, actor in events.values_list("refund_identifier", "changes", "actor_id"):
        for change in changes:
            if change["field"] == "status":
                found[name].append({**change, "actor_id": actor})
    return dict(found)

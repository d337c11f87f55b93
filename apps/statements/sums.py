"""What the rows of a statement add up to, kept beside it so that no page adds up all of them."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from apps.statements.alarms import tell_people
from apps.statements.models import Statement, StatementRow, StatementState
from apps.statements.queries import BYTES, only_at_desk
from apps.statements.rules import CANDIDATE_DAYS
from apps.statements.types import Standing

# What is open until somebody explains it.
OPEN = frozenset({Standing.NOT_PAID, Standing.DIFFERS, Standing.TWICE, Standing.UNMATCHED})
# A gateway may book a payment on another day than the desk, as its midnight is another or as banks
# take their time: its row stands in the next file then, or in the one before.
_APART = timedelta(days=CANDIDATE_DAYS)


def sum_up(statement: Statement) -> None:
    """Adds a statement's rows up anew, and tells people what is loud among them. Call it under its
    lock, after a change of its rows."""
    rows = StatementRow.objects.filter(statement=statement).order_by()
    sums: dict[tuple[str, bool, str], dict[str, int]] = defaultdict(
        lambda: {"count": 0, "amount_cents": 0, "fee_cents": 0, "desk_amount_cents": 0}
    )
    told = rows.values("standing", "is_explained", "currency").annotate(
        count=Count("pk"), amount=Sum("amount_cents"), fee=Sum("fee_cents")
    )
    for row in told:
        found = sums[row["standing"], row["is_explained"], row["currency"]]
        found["count"] = row["count"]
        found["amount_cents"] = int(row["amount"])
        found["fee_cents"] = int(row["fee"] or 0)
    paid = rows.exclude(desk_currency="").values("standing", "is_explained", "desk_currency")
    for row in paid.annotate(amount=Sum("desk_amount_cents")):
        key = (row["standing"], row["is_explained"], row["desk_currency"])
        sums[key]["desk_amount_cents"] = int(row["amount"])
    kept: list[dict[str, Any]] = [
        {"standing": standing, "is_explained": is_explained, "currency": currency, **found}
        for (standing, is_explained, currency), found in sorted(sums.items())
    ]
    Statement.objects.filter(pk=statement.pk).update(
        sums=kept,
        open_count=sum(
            row["count"] for row in kept if row["standing"] in OPEN and not row["is_explained"]
        ),
    )
    tell_people(statement)


def count_missed(statement: Statement) -> None:
    """Counts anew which payments are in no file, for this statement and those of its source whose
    days meet its own, or come near them. Call it under the source's lock, when rows got or lost
    payments."""
    days = Q(pk=statement.pk)
    if statement.first_day is not None and statement.last_day is not None:
        days |= Q(
            first_day__lte=statement.last_day + _APART, last_day__gte=statement.first_day - _APART
        )
    if statement.source_id is None:
        return
    rows = Statement.objects.filter(days, source_id=statement.source_id, state=StatementState.DONE)
    for one in rows.defer(*BYTES).select_related("source", "store"):
        Statement.objects.filter(pk=one.pk).update(missed_count=only_at_desk(one).count())

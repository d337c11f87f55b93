"""What the rows of a statement add up to, kept beside it so that no page adds up all of them."""

from collections import defaultdict
from typing import Any

from django.db.models import Count, Sum

from apps.statements.models import Statement, StatementRow
from apps.statements.types import Standing

# What is open until somebody explains it.
OPEN = frozenset({Standing.NOT_PAID, Standing.DIFFERS, Standing.TWICE, Standing.UNMATCHED})


def sum_up(statement: Statement) -> None:
    """Adds a statement's rows up anew. Call it under its lock, after a change of its rows."""
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

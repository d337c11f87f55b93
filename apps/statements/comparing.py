"""Comparing the rows of a statement with the desk's payouts by `rules.settle`, in chunks."""

from collections.abc import Sequence

from django.db.models import Q

from apps.refunds.models import Payout, PayoutStatus
from apps.statements.models import Source, Statement, StatementRow, StatementState
from apps.statements.queries import facts_of, payout_facts, payouts_named
from apps.statements.rules import Known, settle
from apps.statements.services import lock_source, lock_statement
from apps.statements.types import HOLDING, Finding, Standing

_WRITTEN = ("standing", "payout", "holds_payout", "way", "desk_amount_cents", "desk_currency")


def compare_chunk(pk: int, count: int) -> bool | None:
    """Compares the next rows of a statement, in the round that it is in. Returns whether there is
    more to do, None where there is nothing to compare: it was set aside, or is done. Call it in a
    transaction."""
    source_id = Statement.objects.values_list("source_id", flat=True).get(pk=pk)
    if source_id is None:
        return None
    source = lock_source(source_id)
    found = lock_statement(pk)
    if found.state != StatementState.MATCHING:
        return None
    rows = list(
        StatementRow.objects.filter(
            statement=found, pk__gt=found.compared_through, standing=Standing.NEW
        ).order_by("pk")[:count]
    )
    if not rows:
        return _next_round(found)
    _compare(found, source, rows)
    Statement.objects.filter(pk=pk).update(compared_through=rows[-1].pk)
    return True


def _next_round(found: Statement) -> bool:
    if found.is_last_round:
        return False
    Statement.objects.filter(pk=found.pk).update(is_last_round=True, compared_through=0)
    return True


def _compare(found: Statement, source: Source, rows: Sequence[StatementRow]) -> None:
    payouts = payouts_named(source, rows)
    known = Known(
        payouts=[payout_facts(payout) for payout in payouts.values()],
        holders={
            row.payout_id: facts_of(row)
            for row in StatementRow.objects.filter(payout__in=payouts, holds_payout=True)
            if row.payout_id is not None
        },
    )
    if found.is_last_round:
        _add_others(known, found, source, rows)
    findings = settle([facts_of(row) for row in rows], known, is_last_round=found.is_last_round)
    _write(rows, findings, payouts)


def _add_others(
    known: Known, found: Statement, source: Source, rows: Sequence[StatementRow]
) -> None:
    """Adds what earlier files say under the same references, and what this one repeats of it."""
    references = {row.reference for row in rows if row.reference}
    others = StatementRow.objects.filter(
        Q(statement__lt=found.pk) | Q(statement=found.pk, standing=Standing.REPEATED),
        source=source,
        reference__in=references,
        is_live=True,
    )
    facts = [facts_of(row) for row in others]
    known.earlier = {fact.likeness for fact in facts if fact.statement != found.pk} - {None}
    known.repeated = {fact.likeness for fact in facts if fact.statement == found.pk}


def _write(
    rows: Sequence[StatementRow], findings: Sequence[Finding], payouts: dict[int, Payout]
) -> None:
    by_pk = {row.pk: row for row in rows}
    for finding in findings:
        payout = payouts[finding.payout] if finding.payout is not None else None
        apply_finding(by_pk[finding.row], finding, payout)
    # Much quicker than an update, whose conditions name every row once per column.
    StatementRow.objects.bulk_create(
        [by_pk[finding.row] for finding in findings],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_WRITTEN,
    )


def apply_finding(row: StatementRow, finding: Finding, payout: Payout | None) -> None:
    """Puts what was found into a row, without saving it. The desk's side is what it has paid by the
    payout that the row holds."""
    row.standing = finding.standing
    row.payout = payout
    row.holds_payout = finding.standing in HOLDING
    row.way = finding.way or ""
    is_paid = row.holds_payout and payout is not None and payout.status == PayoutStatus.PAID
    row.desk_amount_cents = payout.amount_cents if is_paid and payout else 0
    row.desk_currency = payout.currency if is_paid and payout else ""

"""What people say of rows and payouts: that they are one, or not, and why something differs.

All of it stays on record, with who and when, and can be undone.
"""

from django.db import transaction

from apps.common import clock
from apps.common.errors import Refused
from apps.refunds.models import Payout
from apps.statements.comparing import apply_finding
from apps.statements.history import record
from apps.statements.models import (
    Explanation,
    Pairing,
    Statement,
    StatementRow,
    StatementState,
)
from apps.statements.queries import facts_of, is_candidate, only_at_desk, payout_facts, payouts_from
from apps.statements.rules import standing_of
from apps.statements.services import lock_source, lock_statement
from apps.statements.sums import OPEN, count_missed, sum_up
from apps.statements.types import Finding, Standing, Way


def _locked(statement: Statement) -> Statement:
    """Returns a compared statement under its source's lock and its own; raises Refused."""
    if statement.source_id is not None:
        lock_source(statement.source_id)
    found = lock_statement(statement.pk)
    if found.state != StatementState.DONE:
        raise Refused(f"the statement is not ready for that: {found.get_state_display().lower()}")
    return found


def _row(found: Statement, row_pk: int) -> StatementRow:
    return StatementRow.objects.select_related("source").get(pk=row_pk, statement=found)


@transaction.atomic
def confirm_pair(*, statement: Statement, row_pk: int, payout_pk: int, user_id: int) -> None:
    """Takes a person's word that a row of the file is this payout. Raises Refused where it cannot
    be: other figures, days too far apart, or somebody else's already."""
    found = _locked(statement)
    row, payout = _open_pair(found, row_pk, payout_pk)
    if StatementRow.objects.filter(payout=payout, holds_payout=True).exists():
        raise Refused("this payment belongs to another row already")
    Pairing.objects.create(row=row, payout=payout, is_confirmed=True, author_id=user_id)
    standing = standing_of(facts_of(row), payout_facts(payout))
    apply_finding(row, Finding(row.pk, standing, payout.pk, Way.PERSON), payout)
    row.save()
    record(found, payout, user_id, f"Recognized in the statement {found.name}, line {row.line}")
    sum_up(found)
    count_missed(found)


@transaction.atomic
def refuse_pair(*, statement: Statement, row_pk: int, payout_pk: int, user_id: int) -> None:
    """Takes a person's word that a row is not this payout, which is not suggested again then.
    Raises Refused as `confirm_pair` does."""
    found = _locked(statement)
    row, payout = _open_pair(found, row_pk, payout_pk)
    Pairing.objects.create(row=row, payout=payout, is_confirmed=False, author_id=user_id)


def _open_pair(found: Statement, row_pk: int, payout_pk: int) -> tuple[StatementRow, Payout]:
    row = _row(found, row_pk)
    if row.standing != Standing.UNMATCHED or row.is_explained:
        raise Refused("this row is not open any more: load the page again")
    payout = payouts_from(row.source).filter(pk=payout_pk).first()
    if payout is None or not is_candidate(row, payout):
        raise Refused("this payment has other figures or another time than the row")
    if Pairing.objects.filter(row=row, payout=payout, undone_at__isnull=True).exists():
        raise Refused("somebody has said already that these two are not the same: undo that first")
    return row, payout


@transaction.atomic
def undo_pair(*, statement: Statement, pairing_pk: int, user_id: int) -> None:
    """Takes back what a person said of a pair; a row that was confirmed is open again. Raises
    Refused where that was done before."""
    found = _locked(statement)
    pairing = Pairing.objects.select_related("payout__refund__order").filter(
        pk=pairing_pk, row__statement=found, undone_at__isnull=True
    )
    said = pairing.first()
    if said is None:
        raise Refused("that was undone before")
    pairing.update(undone_at=clock.now(), undone_by_id=user_id)
    if not said.is_confirmed:
        return
    row = _row(found, said.row_id)
    _undo_explanations(row, user_id)
    apply_finding(row, Finding(row.pk, Standing.UNMATCHED), None)
    row.is_explained = False
    row.save()
    record(
        found,
        said.payout,
        user_id,
        f"No longer recognized in the statement {found.name}, line {row.line}",
    )
    sum_up(found)
    count_missed(found)


def _undo_explanations(row: StatementRow, user_id: int) -> None:
    live = Explanation.objects.filter(row=row, undone_at__isnull=True)
    live.update(undone_at=clock.now(), undone_by_id=user_id)


@transaction.atomic
def explain_row(*, statement: Statement, row_pk: int, reason: str, user_id: int) -> None:
    """Writes down why a row of the file differs, or has nothing beside it. Raises Refused where it
    is not open, or without a reason."""
    found = _locked(statement)
    row = _row(found, row_pk)
    if row.standing not in OPEN or row.is_explained:
        raise Refused("there is nothing left to explain here: load the page again")
    Explanation.objects.create(statement=found, row=row, reason=_reason(reason), author_id=user_id)
    StatementRow.objects.filter(pk=row.pk).update(is_explained=True)
    sum_up(found)


@transaction.atomic
def explain_payout(*, statement: Statement, payout_pk: int, reason: str, user_id: int) -> None:
    """Writes down why a payment of the desk is in no file. Raises Refused where it is not open on
    this statement, or without a reason."""
    found = _locked(statement)
    payout = only_at_desk(found).filter(pk=payout_pk).first()
    if payout is None:
        raise Refused("there is nothing left to explain here: load the page again")
    said = Explanation.objects.create(
        statement=found, payout=payout, reason=_reason(reason), author_id=user_id
    )
    record(found, payout, user_id, f"In no statement, explained: {said.reason}")
    count_missed(found)


def _reason(text: str) -> str:
    if not text.strip():
        raise Refused("write why: it is what the next one reads")
    return text.strip()[:255]


@transaction.atomic
def undo_explanation(*, statement: Statement, explanation_pk: int, user_id: int) -> None:
    """Takes an explanation back: what it was about is open again. Raises Refused where that was
    done before."""
    found = _locked(statement)
    live = Explanation.objects.select_related("payout__refund__order").filter(
        pk=explanation_pk, statement=found, undone_at__isnull=True
    )
    said = live.first()
    if said is None:
        raise Refused("that was undone before")
    live.update(undone_at=clock.now(), undone_by_id=user_id)
    if said.row_id is not None:
        StatementRow.objects.filter(pk=said.row_id).update(is_explained=False)
    if said.payout is not None:
        record(found, said.payout, user_id, f"Explanation taken back: {said.reason}")
    sum_up(found)
    count_missed(found)

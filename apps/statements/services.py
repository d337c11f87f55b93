"""Taking a file in, saying what its columns mean, comparing it again, setting it aside."""

from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Subquery

from apps.common import clock
from apps.common.errors import Refused
from apps.common.hashing import sha256_of_bytes
from apps.common.redaction import storable
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.payments.gateways import gateway_names
from apps.refunds.models import Payout, PayoutStatus
from apps.statements.alarms import tell_people
from apps.statements.files import MAX_ROWS, open_below, open_statement
from apps.statements.history import record
from apps.statements.models import Explanation, Source, Statement, StatementRow, StatementState
from apps.statements.queries import BYTES, explained_payouts, remembered
from apps.statements.reading import mapping_problems
from apps.statements.sums import count_missed
from apps.statements.types import ColumnMapping, Standing

_AGAIN = (Standing.UNMATCHED, Standing.TWICE, Standing.REPEATED)


@dataclass(frozen=True)
class TakenIn:
    """What became of an upload: the statement, and whether the same file was there before."""

    statement: Statement
    is_known: bool


def take_in(*, store_id: int, user_id: int, name: str, content: bytes) -> TakenIn:
    """Keeps an uploaded file as it came; one that is there already is not kept twice. Raises
    Refused where it cannot be used as a whole."""
    sha256 = sha256_of_bytes(content)
    if known := _known(store_id, sha256):
        return TakenIn(known, is_known=True)
    opened = open_statement(content, [source.columns for source in remembered(store_id)])
    file = opened.file
    rows_total = sum(1 for _ in file.all_records(MAX_ROWS))
    try:
        with transaction.atomic():
            taken = Statement.objects.create(
                store_id=store_id,
                name=storable(name)[:255],
                content=content,
                size=len(content),
                sha256=sha256,
                encoding=file.encoding,
                delimiter=file.delimiter,
                columns=list(file.columns),
                head_offset=opened.head.offset,
                head_line=opened.head.line,
                uploaded_by_id=user_id,
                rows_total=rows_total,
            )
    except IntegrityError:
        # The same file, uploaded twice at once.
        if known := _known(store_id, sha256):
            return TakenIn(known, is_known=True)
        raise
    return TakenIn(taken, is_known=False)


def _known(store_id: int, sha256: str) -> Statement | None:
    rows = Statement.objects.filter(store_id=store_id, sha256=sha256).defer(*BYTES)
    return rows.exclude(state=StatementState.SET_ASIDE).first()


@transaction.atomic
def name_columns_in(*, statement: Statement, line: int) -> None:
    """Takes another line of a file, counted from 1, for the one that names its columns. Raises
    Refused where that one cannot, or where it is said already what the columns mean."""
    locked = lock_statement(statement.pk)
    if locked.state != StatementState.UPLOADED:
        raise Refused("somebody has chosen the columns of this file already")
    content = bytes(Statement.objects.values_list("content", flat=True).get(pk=locked.pk))
    opened = open_below(content, locked.encoding, line)
    locked.delimiter, locked.columns = opened.file.delimiter, list(opened.file.columns)
    locked.head_offset, locked.head_line = opened.head.offset, opened.head.line
    locked.rows_total = sum(1 for _ in opened.file.all_records(MAX_ROWS))
    locked.save(update_fields=["delimiter", "columns", "head_offset", "head_line", "rows_total"])


@transaction.atomic
def begin(
    *,
    statement: Statement,
    gateway: str,
    mapping: ColumnMapping,
    user_id: int,
    first_day: date | None = None,
    last_day: date | None = None,
) -> None:
    """Remembers what the columns mean and queues reading and comparing. `first_day` and `last_day`
    are the days that the file covers, where a person says so. Raises Refused where the mapping
    cannot be used, the statement has one already, or other columns than those in `statement`."""
    problems = mapping_problems(mapping, statement.columns)
    if gateway not in gateway_names():
        problems["source"] = f"must be one of {', '.join(gateway_names())}"
    if problems:
        raise Refused("; ".join(f"{name}: {text}" for name, text in problems.items()))
    source, _ = Source.objects.get_or_create(store_id=statement.store_id, gateway=gateway)
    locked = lock_statement(statement.pk)
    if locked.state != StatementState.UPLOADED:
        raise Refused("somebody has chosen the columns of this file already")
    if (locked.head_line, locked.columns) != (statement.head_line, statement.columns):
        raise Refused("somebody has named another line with the columns meanwhile: look again")
    source.columns, source.mapping = locked.columns, mapping.to_json()
    source.save()
    locked.source, locked.mapping, locked.mapped_by_id = source, mapping.to_json(), user_id
    locked.first_day, locked.last_day = first_day, last_day
    locked.has_given_days = first_day is not None and last_day is not None
    locked.state = StatementState.WAITING
    locked.save()
    queue(locked)


def queue(statement: Statement) -> None:
    """Queues what is left to do of a statement. Call it in a transaction."""
    enqueue(
        store_id=statement.store_id,
        topic=topics.IMPORT_STATEMENT,
        key=statement.pk,
        label=statement.name,
    )


def lock_statement(pk: int) -> Statement:
    """Returns a statement, without its bytes, locked until the transaction ends. Whoever needs its
    source's lock, too, takes that one first."""
    return Statement.objects.select_for_update(no_key=True).defer(*BYTES).get(pk=pk)


def lock_source(pk: int) -> Source:
    """Returns a source, locked until the transaction ends: payouts of its gateway are given to rows
    and taken from them under this lock alone."""
    return Source.objects.select_for_update(no_key=True).get(pk=pk)


@transaction.atomic
def compare_again(*, statement: Statement) -> None:
    """Queues a new comparison of what found no payout of its own, as the desk knows more now, and
    takes over what became of payouts meanwhile. What is explained, or matched, stays. Raises
    Refused where the statement is not compared yet, or set aside."""
    if statement.source_id is not None:
        lock_source(statement.source_id)
    locked = lock_statement(statement.pk)
    if locked.state != StatementState.DONE:
        raise Refused(f"the statement is not ready for that: {locked.get_state_display().lower()}")
    _begin_again(locked)


def _begin_again(locked: Statement) -> None:
    rows = StatementRow.objects.filter(statement=locked, is_live=True)
    rows.filter(standing__in=_AGAIN, is_explained=False).update(
        standing=Standing.NEW, payout=None, way=""
    )
    paid = Payout.objects.filter(pk=OuterRef("payout"), status=PayoutStatus.PAID)
    rows.filter(standing=Standing.NOT_PAID, payout__status=PayoutStatus.PAID).update(
        standing=Standing.MATCHED,
        desk_amount_cents=F("amount_cents"),
        desk_currency=F("currency"),
    )
    rows.filter(
        standing=Standing.DIFFERS, desk_currency="", payout__status=PayoutStatus.PAID
    ).update(
        desk_amount_cents=Subquery(paid.values("amount_cents")[:1]),
        desk_currency=Subquery(paid.values("currency")[:1]),
    )
    Statement.objects.filter(pk=locked.pk).update(
        state=StatementState.MATCHING, is_last_round=False, compared_through=0
    )
    queue(locked)


@transaction.atomic
def set_aside(*, statement: Statement, reason: str, user_id: int) -> None:
    """Ends a statement for good, such as one whose columns were mapped wrongly: its rows stay on
    record and give their payouts back, and what was explained on it of payments in no file is open
    again. The same file may be uploaded again. Other statements of the source whose rows were told
    apart by it are compared again. Raises Refused where it was set aside before, or without a
    reason."""
    if not reason.strip():
        raise Refused("write why it is set aside")
    if statement.source_id is not None:
        lock_source(statement.source_id)
    locked = lock_statement(statement.pk)
    if locked.state == StatementState.SET_ASIDE:
        raise Refused("it was set aside before")
    StatementRow.objects.filter(statement=locked).update(is_live=False, holds_payout=False)
    Statement.objects.filter(pk=locked.pk).update(
        state=StatementState.SET_ASIDE,
        open_count=0,
        missed_count=0,
        set_aside_at=clock.now(),
        set_aside_by_id=user_id,
        set_aside_reason=reason.strip()[:255],
    )
    tell_people(locked)
    if locked.source_id is None:
        return
    _undo_explained_payouts(locked, user_id)
    count_missed(locked)
    others = Statement.objects.filter(
        source_id=locked.source_id,
        state=StatementState.DONE,
        rows__standing__in=(Standing.TWICE, Standing.REPEATED),
    )
    for pk in sorted(set(others.values_list("pk", flat=True))):
        _begin_again(lock_statement(pk))


def _undo_explained_payouts(locked: Statement, user_id: int) -> None:
    """Nobody reads any more what was explained here, so it must hide no payment from the other
    statements of the source."""
    said = list(explained_payouts(locked))
    Explanation.objects.filter(pk__in=[one.pk for one in said]).update(
        undone_at=clock.now(), undone_by_id=user_id
    )
    for one in said:
        if one.payout is not None:
            record(locked, one.payout, user_id, f"Explanation taken back: {one.reason}")

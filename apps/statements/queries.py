"""Reading statements, and what they are compared with."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.refunds.models import Payout, PayoutStatus
from apps.statements.models import Explanation, Pairing, Source, Statement, StatementRow
from apps.statements.rules import CANDIDATE_DAYS, as_key
from apps.statements.types import PayoutFacts, RowFacts, Standing
from apps.stores.queries import zone_of

# What no list needs.
BYTES = ("content",)


def statements_of(store_id: int) -> QuerySet[Statement]:
    """Returns the store's statements without their bytes, newest first."""
    rows = Statement.objects.filter(store_id=store_id).defer(*BYTES)
    return rows.select_related("source", "uploaded_by").order_by("-pk")


def remembered(store_id: int) -> QuerySet[Source]:
    """Returns what is remembered of the store's sources, what was mapped last in front."""
    return Source.objects.filter(store_id=store_id).order_by("-updated_at")


def rows_of(statement: Statement) -> QuerySet[StatementRow]:
    """Returns a statement's rows with the payout each tells of."""
    rows = StatementRow.objects.filter(statement=statement)
    return rows.select_related("payout__refund__order").defer("payout__refund__order__raw")


def facts_of(row: StatementRow) -> RowFacts:
    """Returns what decides on a row."""
    return RowFacts(
        pk=row.pk,
        statement=row.statement_id,
        reference=row.reference,
        key=row.key,
        amount_cents=row.amount_cents,
        currency=row.currency,
        paid_on=row.paid_on,
    )


def payouts_named(source: Source, rows: Iterable[StatementRow]) -> dict[int, Payout]:
    """Returns the source's payouts that these rows may tell of, by key."""
    names = {name for row in rows for name in (row.reference, row.key) if name}
    keys = {key for name in names if (key := as_key(name))}
    payouts = payouts_from(source).select_related(None).select_related("refund").defer(None)
    found: dict[int, Payout] = {}
    # One question per index: asked together, they would read the whole table.
    for condition in (
        Q(gateway_reference__in=names),
        Q(idempotency_key__in=keys),
        # A refund's identifier is its store's: without the store, all of its index is read.
        Q(refund__identifier__in=names, refund__store_id=source.store_id),
    ):
        found.update((payout.pk, payout) for payout in payouts.filter(condition))
    return found


def payouts_from(source: Source) -> QuerySet[Payout]:
    """Returns all payouts that were made for this source's gateway, with their refunds."""
    payouts = Payout.objects.filter(store_id=source.store_id, gateway=source.gateway)
    return payouts.select_related("refund__order").defer("refund__order__raw")


def payout_facts(payout: Payout) -> PayoutFacts:
    """Returns what decides on a payout."""
    return PayoutFacts(
        pk=payout.pk,
        reference=payout.gateway_reference,
        key=str(payout.idempotency_key),
        refund_identifier=payout.refund.identifier,
        amount_cents=payout.amount_cents,
        currency=payout.currency,
        is_paid=payout.status == PayoutStatus.PAID,
    )


def _held() -> Exists:
    return Exists(StatementRow.objects.filter(payout=OuterRef("pk"), holds_payout=True))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Returns when a day begins on a clock."""
    return datetime.combine(day, time.min, tzinfo=zone)


def only_at_desk(statement: Statement) -> QuerySet[Payout]:
    """Returns what the desk has paid in the days of a statement and no statement tells of, what is
    explained left out."""
    source = statement.source
    if source is None or statement.first_day is None or statement.last_day is None:
        return Payout.objects.none()
    zone = zone_of(statement.store)
    explained = Explanation.objects.filter(payout=OuterRef("pk"), undone_at__isnull=True)
    return payouts_from(source).filter(
        ~_held(),
        ~Exists(explained),
        status=PayoutStatus.PAID,
        finished_at__gte=midnight(statement.first_day, zone),
        finished_at__lt=midnight(statement.last_day + timedelta(days=1), zone),
    )


def explained_payouts(statement: Statement) -> QuerySet[Explanation]:
    """Returns what was said on this statement of payouts that were in no file, and counts still."""
    said = Explanation.objects.filter(
        statement=statement, payout__isnull=False, undone_at__isnull=True
    )
    return said.select_related("payout__refund__order", "author").defer(
        "payout__refund__order__raw"
    )


def candidates(source: Source, rows: Sequence[StatementRow]) -> dict[int, list[Payout]]:
    """Returns, by row, the payouts that nobody holds with the same figures, paid or made within
    some days of the row's; those that a person refused left out. For rows that name no payout."""
    open_rows = [row for row in rows if row.standing == Standing.UNMATCHED and row.is_live]
    if not open_rows:
        return {}
    wanted = Q()
    for row in open_rows:
        wanted |= _alike(row)
    refused = {
        (pair.row_id, pair.payout_id)
        for pair in Pairing.objects.filter(row__in=open_rows, undone_at__isnull=True)
    }
    payouts = list(payouts_from(source).filter(wanted, ~_held()).order_by("-pk")[:_MOST_CANDIDATES])
    return {
        row.pk: [
            payout
            for payout in payouts
            if is_candidate(row, payout) and (row.pk, payout.pk) not in refused
        ]
        for row in open_rows
    }


_MOST_CANDIDATES = 500
_WINDOW = timedelta(days=CANDIDATE_DAYS)


def _alike(row: StatementRow) -> Q:
    alike = Q(amount_cents=row.amount_cents, currency=row.currency)
    if row.paid_on is None:
        return alike
    # Either side names all that its index begins with.
    start = midnight(row.paid_on, ZoneInfo("UTC")) - _WINDOW
    end = midnight(row.paid_on, ZoneInfo("UTC")) + _WINDOW + timedelta(days=1)
    finished = alike & Q(finished_at__gte=start, finished_at__lt=end)
    made = alike & Q(finished_at__isnull=True, created_at__gte=start, created_at__lt=end)
    return finished | made


def is_candidate(row: StatementRow, payout: Payout) -> bool:
    """Tells whether a person may be asked whether this payout is what a row tells of."""
    if (row.amount_cents, row.currency) != (payout.amount_cents, payout.currency):
        return False
    if row.paid_on is None:
        return True
    moment = payout.finished_at or payout.created_at
    day = moment.astimezone(ZoneInfo("UTC")).date()
    return abs(day - row.paid_on) <= _WINDOW

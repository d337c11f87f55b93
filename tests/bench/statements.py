"""A payout file of the gateway, taken in as a person of finance takes it in: made up from what the
desk paid lately, with some rows left out, some twice and some with another amount."""

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.refunds.models import Payout
    from apps.statements.models import Statement
    from apps.stores.models import Store

DAYS = 60
_NAME = "payouts of the benchmark.csv"
_HEAD = "id,amount,currency,created,desk_key"
# Which rows are not as the desk has them: the third of every 500, and so on.
_LEFT_OUT, _OTHER_AMOUNT, _TWICE, _UNKNOWN = (500, 3), (700, 5), (900, 7), (1_100, 9)


def take_in_statement(store: "Store") -> "tuple[Statement, float]":
    """Returns the store's statement and the seconds in which it was read and compared, 0 where it
    was there before."""
    from apps.accounts.models import User
    from apps.common import clock
    from apps.outbox import topics
    from apps.outbox.models import Job
    from apps.outbox.types import ClaimedJob
    from apps.statements import imports, services
    from apps.statements.models import Statement, StatementState
    from apps.statements.types import ColumnMapping

    known = Statement.objects.filter(store=store, name=_NAME, state=StatementState.DONE).first()
    if known:
        return known, 0.0
    user_id = User.objects.get(username="administrator").pk
    taken = services.take_in(store_id=store.pk, user_id=user_id, name=_NAME, content=_file(store))
    mapping = ColumnMapping(reference=0, amount=1, currency_column=2, date=3, key=4)
    began = time.perf_counter()
    found = taken.statement
    if found.state == StatementState.UPLOADED:
        services.begin(statement=found, gateway="simulated", mapping=mapping, user_id=user_id)
    while found.state != StatementState.DONE:
        key = str(found.pk)
        imports.run_import(ClaimedJob(0, 0, store.pk, topics.IMPORT_STATEMENT, key, 0, clock.now()))
        found.refresh_from_db()
    seconds = time.perf_counter() - began
    # What it queued for others is done.
    Job.objects.filter(topic=topics.IMPORT_STATEMENT, key=str(found.pk)).delete()
    return found, seconds


def _file(store: "Store") -> bytes:
    from apps.refunds.models import Payout

    paid = Payout.objects.filter(refund__store=store, gateway="simulated", status="paid")
    newest = paid.order_by("-finished_at").values_list("finished_at", flat=True).first()
    assert newest is not None
    since: datetime = newest - timedelta(days=DAYS)
    rows = paid.filter(finished_at__gte=since).order_by("finished_at", "pk")
    lines = [_HEAD]
    for number, payout in enumerate(rows.iterator(chunk_size=5_000), start=1):
        lines += _lines(number, payout)
    return ("\n".join(lines) + "\n").encode()


def _lines(number: int, payout: "Payout") -> list[str]:

    def is_one(which: tuple[int, int]) -> bool:
        every, place = which
        return number % every == place

    if is_one(_LEFT_OUT):
        return []
    cents = payout.amount_cents + 100 * is_one(_OTHER_AMOUNT)
    amount = f"{cents // 100}.{cents % 100:02}"
    reference, key = payout.gateway_reference, str(payout.idempotency_key)
    if is_one(_UNKNOWN):
        reference, key = f"sim_unknown_{number}", ""
    line = f"{reference},{amount},{payout.currency},{payout.finished_at:%Y-%m-%d},{key}"
    return [line] * (2 if is_one(_TWICE) else 1)

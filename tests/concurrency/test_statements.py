"""On PostgreSQL, with real threads and real commits: one payout is one row's."""

from typing import Any

import pytest

from apps.common import clock
from apps.common.errors import Refused
from apps.outbox import topics
from apps.outbox.types import ClaimedJob
from apps.statements import services, verdicts
from apps.statements.imports import run_import
from apps.statements.models import Pairing, Statement, StatementRow
from apps.statements.types import ColumnMapping, DateOrder, Sign
from tests.statements.conftest import payer_of
from tests.support.people import person
from tests.support.threads import in_parallel

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ROWS = 60


def begun(store: Any, user_id: int, name: str, rows: list[str]) -> Statement:
    """A statement whose columns are chosen."""
    content = "\n".join(("reference,amount,day", *rows)).encode()
    taken = services.take_in(store_id=store.pk, user_id=user_id, name=name, content=content)
    services.begin(
        statement=taken.statement,
        gateway="simulated",
        mapping=ColumnMapping(
            0, 1, sign=Sign.NEGATIVE, currency="USD", date=2, date_order=DateOrder.YEAR_FIRST
        ),
        user_id=user_id,
    )
    return taken.statement


def job_of(store: Any, found: Statement) -> ClaimedJob:
    return ClaimedJob(0, 0, store.pk, topics.IMPORT_STATEMENT, str(found.pk), 0, clock.now())


def work_off(store: Any, found: Statement) -> str:
    while True:
        run_import(job_of(store, found))
        state = Statement.objects.values_list("state", flat=True).get(pk=found.pk)
        if state == "done":
            return str(state)


def test_statements_compared_at_once_give_each_payout_to_one_row(store, monkeypatch):
    monkeypatch.setattr("apps.statements.imports.CHUNK_ROWS", 7)
    pay = payer_of(store)
    for n in range(ROWS):
        pay(n)
    user_id = person().pk
    rows = [f"sim_{n},-10.00,2026-01-{15 + k}" for k in (0,) for n in range(ROWS)]
    files = [
        begun(store, user_id, f"{k}.csv", [row.replace("-15", f"-{15 + k}") for row in rows])
        for k in range(4)
    ]
    assert in_parallel(4, lambda k: work_off(store, files[k])) == ["done"] * 4
    held = StatementRow.objects.filter(holds_payout=True)
    assert held.count() == held.values("payout").distinct().count() == ROWS
    standings = StatementRow.objects.values_list("standing", flat=True)
    assert sorted(set(standings)) == ["matched", "twice"]
    assert sum(standing == "twice" for standing in standings) == 3 * ROWS


def test_workers_with_one_statement_read_and_compare_each_row_once(store, monkeypatch):
    monkeypatch.setattr("apps.statements.imports.CHUNK_ROWS", 5)
    pay = payer_of(store)
    for n in range(ROWS):
        pay(n)
    found = begun(store, person().pk, "x.csv", [f"sim_{n},-10.00,2026-01-15" for n in range(ROWS)])
    in_parallel(3, lambda number: run_import(job_of(store, found)))
    work_off(store, found)
    found.refresh_from_db()
    assert (found.rows_done, found.rows.count(), found.open_count) == (ROWS, ROWS, 0)
    assert set(found.rows.values_list("standing", flat=True)) == {"matched"}


def test_people_at_once_confirm_one_of_the_rows(store):
    payout = payer_of(store)(1)
    user_id = person().pk
    files = [begun(store, user_id, f"{n}.csv", [f",-10.00,2026-01-{14 + n}"]) for n in range(3)]
    for found in files:
        work_off(store, found)

    def confirm(n: int) -> str:
        row = files[n].rows.get()
        try:
            verdicts.confirm_pair(
                statement=Statement.objects.get(pk=files[n].pk),
                row_pk=row.pk,
                payout_pk=payout.pk,
                user_id=user_id,
            )
        except Refused as refusal:
            return str(refusal)
        return "done"

    assert sorted(in_parallel(3, confirm)) == [
        "done",
        "this payment belongs to another row already",
        "this payment belongs to another row already",
    ]
    assert Pairing.objects.count() == 1
    assert StatementRow.objects.filter(holds_payout=True, payout=payout).count() == 1


def test_the_same_file_at_once_is_one_statement(store):
    user_id = person().pk

    def take(n: int) -> int:
        taken = services.take_in(
            store_id=store.pk, user_id=user_id, name=f"{n}.csv", content=b"a,b\n1,2\n"
        )
        return taken.statement.pk

    assert len(set(in_parallel(6, take))) == 1
    assert Statement.objects.count() == 1

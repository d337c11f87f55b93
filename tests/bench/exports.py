"""How fast the refund report becomes a file, and how much memory that takes, beside PostgreSQL's
own COPY of the same rows.

Each file is made in a process of its own, by the very job that makes them in production, so that
what is measured is that alone.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.reports.types import Question
    from apps.stores.models import Store

FORMATS = ("csv", "xlsx")
# Every refund there is, whatever became of it.
QUERY = "by=decided&period=all&status=any"
# Of one job, whose rest is another job.
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class Exported:
    """One file: how long it took, and the greatest memory of the process that made it."""

    format: str
    rows: int
    seconds: float
    copy_seconds: float
    peak_bytes: int
    idle_bytes: int
    size: int

    @property
    def in_words(self) -> str:
        """The figures on one line."""
        return (
            f"export {self.format:<4} {self.rows:,} rows in {self.seconds:.1f} s: "
            f"{self.rows / self.seconds:,.0f} rows/s, peak {self.peak_bytes / 1e6:.0f} MB "
            f"({self.idle_bytes / 1e6:.0f} MB before), file {self.size / 1e6:.1f} MB, "
            f"{self.seconds / self.copy_seconds:.1f} times COPY ({self.copy_seconds:.1f} s)"
        )

    def as_content(self) -> dict[str, Any]:
        """Returns the figures as JSON content."""
        return asdict(self)


def measure_exports(store: "Store") -> Iterator[Exported]:
    """Makes a file of each format of all refunds of a store."""
    from apps.reports.asking import question_of
    from apps.reports.refund_report import REFUNDS

    question = question_of(REFUNDS, store, QUERY)
    for name in FORMATS:
        copy_seconds = _copy(question)
        command = [sys.executable, "-m", "tests.bench.exports", store.identifier, name]
        # Only what this very module is asked for runs.
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(told.stdout.splitlines()[-1])
        yield Exported(format=name, copy_seconds=copy_seconds, **found)


def _copy(question: "Question") -> float:
    """Returns the seconds in which PostgreSQL hands out the same rows by itself."""
    from django.db import connection

    from apps.reports.refund_report import REFUNDS
    from apps.reports.sources import Keyset

    source = REFUNDS.source
    assert isinstance(source, Keyset)
    order = source.order(question)
    rows = source.rows(question).order_by(*order).values_list(*source.fields)
    text, values = rows.query.sql_with_params()
    began = time.perf_counter()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT csv)", values) as copy,
    ):
        for _ in copy:
            pass
    return time.perf_counter() - began


def export(identifier: str, name: str) -> dict[str, Any]:
    """Makes one file in this process and returns its figures."""
    from apps.outbox import runner
    from apps.outbox.models import Job
    from apps.reports.asking import question_of
    from apps.reports.exports import start_export
    from apps.reports.models import Export
    from apps.reports.refund_report import REFUNDS
    from apps.stores.models import Store

    store = Store.objects.get(identifier=identifier)
    idle = _peak()
    began = time.perf_counter()
    made = start_export(
        report=REFUNDS,
        question=question_of(REFUNDS, store, QUERY),
        file_format=name,
        user_id=None,
    )
    for _ in range(_MOST_RUNS):
        made.refresh_from_db()
        if not made.is_under_way:
            break
        # Before all other jobs of the books, which are left alone.
        waiting = Job.objects.filter(topic="reports.export", state="waiting")
        waiting.update(not_before=datetime(2000, 1, 1, tzinfo=UTC))
        runner.run_next()
    seconds = time.perf_counter() - began
    assert made.state == Export.State.DONE, made.error
    found = {
        "rows": made.rows_done,
        "seconds": round(seconds, 2),
        "peak_bytes": _peak(),
        "idle_bytes": idle,
        "size": made.size,
    }
    made.chunks.all().delete()
    return found


def _peak() -> int:
    """The most memory that this program ever had, in bytes. (What `getrusage` tells begins with
    that of the process that started it.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(export(sys.argv[1], sys.argv[2])))

"""Rows into tables, many at a time: COPY on PostgreSQL, executemany on SQLite.

Values come as both databases read them from text: times without an offset in UTC, JSON as text,
truth as 1 and 0. They hold no tab, line break or backslash.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.core.management.color import no_style
from django.db import connection
from django.db.models import DateTimeField, JSONField, Model

CHUNK = 20_000

Value = str | int | bytes | None
Do = Callable[[Callable[[], None]], None]


def at_once(write: Callable[[], None]) -> None:
    """Writes here and now, on the connection of the caller."""
    write()


class InBackground:
    """Writes in a thread, on a connection of its own, so that the next rows are made up while the
    database takes in the last ones; a few chunks may wait."""

    _MOST_WAITING = 3

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future[None]] = deque()

    def __call__(self, write: Callable[[], None]) -> None:
        """Queues a chunk; raises what became of an earlier one."""
        self._waiting.append(self._thread.submit(write))
        while len(self._waiting) > self._MOST_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Waits for all chunks; raises what became of them."""
        self._waiting.append(self._thread.submit(lambda: connection.close()))
        while self._waiting:
            self._waiting.popleft().result()
        self._thread.shutdown()


class Table:
    """Collects rows for the table of a model. `columns` are attribute names; every other column
    gets its field's default, so a column that is new needs no change here."""

    def __init__(self, model: type[Model], columns: str, now: datetime, do: Do) -> None:
        self.model = model
        self._do = do
        self._rows: list[tuple[Value, ...]] = []
        named = columns.split()
        fields = {field.attname: field for field in model._meta.concrete_fields}
        rest = [name for name in fields if name not in named]
        self._defaults = tuple(_default(fields[name], now) for name in rest)
        quote = connection.ops.quote_name
        self._table = quote(model._meta.db_table)
        self._columns = ", ".join(quote(fields[name].column) for name in [*named, *rest])
        self._width = len(named) + len(rest)

    def add(self, *row: Value) -> None:
        """Adds a row; its values stand in the order of `columns`."""
        self._rows.append(row)
        if len(self._rows) == CHUNK:
            self.flush()

    def flush(self) -> None:
        """Has written what was added."""
        rows, self._rows = self._rows, []
        if rows:
            self._do(lambda: self._write(rows))

    def _write(self, rows: list[tuple[Value, ...]]) -> None:
        if connection.vendor == "postgresql":
            self._copy(rows)
            return
        marks = ", ".join(["%s"] * self._width)
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {self._table} ({self._columns}) VALUES ({marks})",
                [row + self._defaults for row in rows],
            )

    def _copy(self, rows: Iterable[tuple[Value, ...]]) -> None:
        tail = "".join("\t" + _text(value) for value in self._defaults) + "\n"
        lines = [
            "\t".join([cell if cell.__class__ is str else _text(cell) for cell in row]) + tail
            for row in rows
        ]
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {self._table} ({self._columns}) FROM STDIN") as copy,
        ):
            copy.write("".join(lines))


def _text(value: Value) -> str:
    if value is None:
        return "\\N"
    return f"\\\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _default(field: Any, now: datetime) -> Value:
    if isinstance(field, DateTimeField) and not field.null:
        return now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    value = field.get_default()
    if isinstance(field, JSONField) and value is not None:
        return json.dumps(value)
    if isinstance(value, bool):
        return int(value)
    return "" if value is None and not field.null else value


def restart_sequences(models: Iterable[type[Model]]) -> None:
    """Makes the next key of each table follow the keys that are there."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)

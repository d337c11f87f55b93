"""The benchmark's own database: made, filled with its indexes off, and dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql

NAME = "returnsdesk_bench"
_MARK = "made by make bench, returns: "


class RefusedError(Exception):
    """The database cannot be made there; the text tells why and what to do."""


@dataclass(frozen=True)
class Server:
    """The PostgreSQL of `url`; the database named there is only used to reach it."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if not parts.scheme.startswith("postgres"):
            raise RefusedError(
                f"DATABASE_URL begins with {parts.scheme}: the benchmark needs PostgreSQL, "
                "as in postgres://me@127.0.0.1:5432/postgres"
            )
        if parts.path.strip("/") == NAME:
            raise RefusedError(
                f"DATABASE_URL names {NAME}, which the benchmark makes and drops: "
                "name another database of that server"
            )

    @property
    def bench_url(self) -> str:
        """The address of the benchmark's database."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{NAME}"))

    def filled_with(self) -> int | None:
        """Returns how many returns the benchmark's database was filled with: 0 for one whose fill
        was broken off, None where there is none.

        Raises `RefusedError` where a database of that name is there that the benchmark did not
        make.
        """
        with self._connect() as server:
            found = server.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
                [NAME],
            ).fetchone()
        if found is None:
            return None
        if not str(found[0]).startswith(_MARK):
            raise RefusedError(
                f"there is a database {NAME} that the benchmark did not make: drop or rename it"
            )
        return int(str(found[0]).removeprefix(_MARK) or 0)

    def create(self) -> None:
        """Makes the database."""
        with self._connect() as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        self.mark(0)

    def mark(self, count: int) -> None:
        """Notes that the database is filled with `count` returns."""
        with self._connect() as server:
            server.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(NAME), f"{_MARK}{count}"
                )
            )

    def drop(self) -> None:
        """Drops the database, if the benchmark made it."""
        if self.filled_with() is not None:
            with self._connect() as server:
                server.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME))
                )

    def version(self) -> str:
        """The server's version, as in "15.4"."""
        with self._connect() as server:
            found = server.execute("SHOW server_version").fetchone()
        return str(found[0]).split()[0] if found else ""

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)


_CONSTRAINTS = """
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE contype IN ('f', 'u') AND connamespace = 'public'::regnamespace
    ORDER BY contype = 'f', 1, 2
"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary
    ORDER BY 1
"""


@contextmanager
def without_indexes() -> Iterator[None]:
    """Loads go many times faster without indexes, foreign keys and the log that survives a crash:
    all are made again behind the load, and checked against all rows."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(_CONSTRAINTS)
        constraints = cursor.fetchall()
        for table, name, _ in reversed(constraints):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute(_INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'ALTER TABLE "{table}" SET UNLOGGED')
        yield
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            cursor.execute(definition)
        for table, name, definition in constraints:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        cursor.execute("VACUUM (ANALYZE)")

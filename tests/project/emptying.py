"""Emptying the database after a test whose changes were committed.

Django empties every table for that and has content types and permissions made anew: on PostgreSQL
it takes longer than the test. Here those tables are emptied that have rows, and what comes with
the tables is left as it is.
"""

from functools import cache
from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

# What `migrate` fills, and no test changes.
LEFT_ALONE = frozenset({"django_migrations", "django_content_type", "auth_permission"})
_empty_slowly = TransactionTestCase._fixture_teardown


@cache
def _tables(alias: str) -> tuple[str, ...]:
    found = connections[alias].introspection.django_table_names(only_existing=True)
    return tuple(sorted(set(found) - LEFT_ALONE))


def tables_with_rows(connection: Any) -> list[str]:
    """Returns the tables that a test can have written to, and that have rows."""
    quote = connection.ops.quote_name
    each = (
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})"
        for table in _tables(connection.alias)
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return [name for (name,) in cursor.fetchall()]


def empty(connection: Any) -> None:
    """Deletes all rows but those left alone, whatever refers to them and whatever refuses it."""
    tables = tables_with_rows(connection)
    if not tables:
        return
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def _may_empty(connection: Any) -> bool:
    """PostgreSQL lets only its superuser delete what refuses to be."""
    if connection.vendor != "postgresql":
        return bool(connection.vendor == "sqlite")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        return bool(cursor.fetchone()[0] == "on")


def _empty_quickly(case: TransactionTestCase) -> None:
    aliases = case._databases_names(include_mirrors=False)
    if case.available_apps is None and all(_may_empty(connections[name]) for name in aliases):
        for name in aliases:
            empty(connections[name])
    else:
        _empty_slowly(case)


def install() -> None:
    """Has tests with `transaction=True`, and those with a server, emptied this way."""
    TransactionTestCase._fixture_teardown = _empty_quickly

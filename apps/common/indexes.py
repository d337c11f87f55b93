"""Indexes that only PostgreSQL has, for migrations: SQLite, the embedded database, does without.

They are over expressions, in the collation C, whose order is also that of beginnings: so one index
finds what equals a text, what begins with it, and the first of these. They stand in migrations
alone and in no model.
"""

from typing import Any

from django.db.migrations.operations.base import Operation


class PostgresqlIndex(Operation):
    """Creates an index on PostgreSQL; `definition` is what stands behind its table's name."""

    reversible = True
    reduces_to_sql = False

    def __init__(self, name: str, table: str, definition: str) -> None:
        self.name, self.table, self.definition = name, table, definition

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Changes no model."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Creates the index."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"CREATE INDEX {self.name} ON {self.table} {self.definition}")

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Drops the index."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX IF EXISTS {self.name}")

    def describe(self) -> str:
        """Returns what `migrate` says of it."""
        return f"Create index {self.name} on PostgreSQL"


class TrigramExtension(Operation):
    """Adds PostgreSQL's pg_trgm, which finds similar words by index. The owner of the database may
    do that since PostgreSQL 13."""

    reversible = True
    reduces_to_sql = False

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Changes no model."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Adds the extension."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Leaves it: something else may use it."""

    def describe(self) -> str:
        """Returns what `migrate` says of it."""
        return "Add pg_trgm on PostgreSQL"


def upper(column: str) -> str:
    """Returns a column in capitals as the search asks for it."""
    return f'(UPPER({column}) COLLATE "C")'


def compact(column: str) -> str:
    """Returns a column in capitals, without spaces and dashes, as the search asks for it."""
    return f"(UPPER(REPLACE(REPLACE({column}, ' ', ''), '-', '')) COLLATE \"C\")"


def last_digits(column: str) -> str:
    """Returns the digits of a phone number, last one first, as the search asks for them."""
    return f"(REVERSE(REGEXP_REPLACE({column}, '[^0-9]', '', 'g')) COLLATE \"C\")"

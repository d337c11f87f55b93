"""The database itself refuses to change what is booked, and to book into a closed month.

SQLite lets rows be deleted: tests empty its tables so. PostgreSQL does not.
"""

from django.db import migrations

TABLES = ("ledger_entry", "ledger_posting", "ledger_periodevent")
BOOKED = ("ledger_entry", "ledger_posting")

POSTGRESQL = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are append-only: book a new entry', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION ledger_refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM ledger_books
        WHERE store_id = NEW.store_id AND closed_through >= NEW.booked_on
    ) THEN
        RAISE EXCEPTION '% is in a month that is closed', NEW.booked_on
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        for table in TABLES:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
            )
        for table in BOOKED:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_is_open BEFORE INSERT ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_closed()"
            )
        return
    for table in TABLES:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_is_kept BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are append-only: book a new entry'); END"
        )
    for table in BOOKED:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_is_open BEFORE INSERT ON {table} WHEN EXISTS ("
            "SELECT 1 FROM ledger_books "
            "WHERE store_id = NEW.store_id AND closed_through >= NEW.booked_on) "
            "BEGIN SELECT RAISE(ABORT, 'the day is in a month that is closed'); END"
        )


def backwards(apps, schema_editor):
    on = " ON {0}" if schema_editor.connection.vendor == "postgresql" else ""
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_is_kept{on.format(table)}")
    for table in BOOKED:
        schema_editor.execute(f"DROP TRIGGER {table}_is_open{on.format(table)}")
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION ledger_refuse_change(), ledger_refuse_closed()")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_books")]
    operations = [migrations.RunPython(forwards, backwards)]

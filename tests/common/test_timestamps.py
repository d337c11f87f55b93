"""Points in time come out of the database as the driver would read them, only sooner."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import DataError
from psycopg.types.datetime import TimestamptzLoader

from apps.common.timestamps import UtcLoader

OID = 1184
on_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has no such type"
)


def as_told(moment: datetime) -> bytes:
    """What PostgreSQL writes: no zeros at the end, no minutes of an offset that has none."""
    micros = f".{moment.microsecond:06}".rstrip("0").rstrip(".")
    minutes = int(moment.utcoffset().total_seconds()) // 60
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}"
    offset += f":{abs(minutes) % 60:02}" if minutes % 60 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{micros}{offset}".encode()


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30)),
    st.one_of(st.just(0), st.integers(-12 * 60, 14 * 60)),
)
def test_reads_what_the_driver_reads(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    told = as_told(moment)
    found = UtcLoader(OID).load(told)
    assert found == TimestamptzLoader(OID).load(told) == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize("told", [b"infinity", b"-infinity", b"0044-03-15 12:00:00+00 BC"])
def test_what_python_cannot_hold_is_refused_as_by_the_driver(told: bytes) -> None:
    with pytest.raises(DataError) as ours:
        UtcLoader(OID).load(told)
    with pytest.raises(DataError) as theirs:
        TimestamptzLoader(OID).load(told)
    assert str(ours.value) == str(theirs.value)


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
def test_connections_read_so_whatever_their_zone(zone: str) -> None:
    with connection.cursor() as cursor:
        loader = cursor.connection.adapters.get_loader(OID, 0)
        cursor.execute("set local time zone %s", [zone])
        cursor.execute("select '2026-11-01 01:30:00.25-07'::timestamptz, null::timestamptz")
        found, nothing = cursor.fetchone()
    assert loader is UtcLoader
    assert (found, nothing) == (datetime(2026, 11, 1, 8, 30, 0, 250_000, UTC), None)
    assert found.tzinfo is UTC

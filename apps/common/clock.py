"""The one place that tells the time."""

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Returns the present moment, aware, in UTC."""
    return datetime.now(UTC)


def in_seconds(seconds: float) -> datetime:
    """Returns the moment `seconds` from now, in UTC."""
    return now() + timedelta(seconds=seconds)


def wire_time(moment: datetime) -> str:
    """Returns `moment` as it goes over the wire: ISO 8601 in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

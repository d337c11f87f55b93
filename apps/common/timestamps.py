"""Reading points in time from PostgreSQL. A page of a list has hundreds of them, an export has
millions, and the driver takes each apart by a regular expression: five times the work of all the
rest."""

from datetime import UTC, datetime

from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class UtcLoader(TimestamptzLoader):
    """Reads what is told in UTC by Python's own parser, and leaves everything else to the driver.
    Django asks for `timezone`, and leaves this loader in place where it is its own."""

    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """Returns the point in time in UTC; raises what the driver raises for what Python cannot
        hold."""
        try:
            moment = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            return super().load(data).astimezone(UTC)
        return moment if moment.tzinfo is UTC else super().load(data).astimezone(UTC)

"""Days on a store's clock, and the moments at which they begin."""

from datetime import date, datetime, tzinfo

from django.core.exceptions import ValidationError

# Days that stay days when a zone is taken off them, or one is added.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 12, 31)


def refuse_odd_day(day: date) -> None:
    """Raises ValidationError for a day that no zone and no day more may be taken from."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValidationError(
            f"{day.isoformat()}: name a day from {FIRST_DAY.isoformat()} to {LAST_DAY.isoformat()}."
        )


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """Returns the moment at which `day` begins on the clock of `zone`: its first midnight where
    the clock is set back over it, the moment of the change where it is set forward over it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)

"""What tests of reports start from."""

from tests.support.refunds import finance, refunded
from tests.support.schedules import at, author, scheduled

__all__ = ["at", "author", "finance", "refunded", "scheduled"]

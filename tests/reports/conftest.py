"""What tests of reports start from."""

from tests.support.refunds import finance, refunded

__all__ = ["finance", "refunded"]

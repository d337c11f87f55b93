"""Log lines: one per record, with the request's id, and without secrets."""

import logging
from contextvars import ContextVar

from apps.common.redaction import hide_secrets

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIdFilter(logging.Filter):
    """Puts the id of the request at hand on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class RefusalFilter(logging.Filter):
    """Leaves out the traceback where a request was refused or nothing was found (4xx): that is the
    answer, not an error of ours. What Django logs of such a request carries `status_code`."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True


class RedactingFormatter(logging.Formatter):
    """Formats a record and hides credentials in what came out, tracebacks included."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return hide_secrets(super().format(record))

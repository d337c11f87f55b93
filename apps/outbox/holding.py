"""Holding a job while its handler does something that cannot be interrupted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import Error, connection

from apps.outbox.services import extend_lease
from apps.outbox.types import ClaimedJob

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The job was given back: another worker may be at it, and what was done must not count."""


@contextmanager
def held(claimed: ClaimedJob, *, every_seconds: float) -> Iterator[None]:
    """Extends the lease of a job that often, by a thread with a connection of its own, for as long
    as the block takes. Raises LeaseLost behind it where the lease could not be held; call it with
    no transaction open, and touch the job's lease nowhere else meanwhile."""
    is_over, is_lost = Event(), Event()

    def hold() -> None:
        is_held = False
        try:
            while not is_over.wait(every_seconds):
                if not _extended(claimed):
                    return
            is_held = True
        finally:
            if not is_held:
                is_lost.set()
            connection.close()

    holder = Thread(target=hold, name=f"lease of job {claimed.job_id}", daemon=True)
    holder.start()
    try:
        yield
    finally:
        is_over.set()
        holder.join()
    # Once more: the database may not have been there to be asked for as long as a lease takes.
    if is_lost.is_set() or not extend_lease(claimed):
        raise LeaseLost


def _extended(claimed: ClaimedJob) -> bool:
    """Extends the lease; a database that cannot be asked for once is asked again next time, and the
    lease tells whether that was too late."""
    try:
        return extend_lease(claimed)
    except Error:
        logger.warning("job %s: its lease could not be extended", claimed.job_id, exc_info=True)
        connection.close()
        return True

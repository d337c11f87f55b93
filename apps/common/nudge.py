"""Nudging a worker after a commit. The rows are the truth; a lost nudge costs a sweep's wait."""

import logging
import threading
import time

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import transaction

logger = logging.getLogger(__name__)

# After a failure nobody asks the broker for a while.
QUIET_SECONDS = 30.0

# How long a nudge that no worker takes up keeps others from being sent.
UNANSWERED_SECONDS = 5


def nudge_after_commit(task_name: str) -> None:
    """Asks a worker to run a task (by name, without arguments) once this work is committed."""
    transaction.on_commit(lambda: _send(task_name), robust=True)


def take_up(task_name: str) -> None:
    """Notes that a worker starts on what is due: what is committed from now on nudges again.

    Call it before looking at the rows, so that nothing falls between the two.
    """
    if settings.REDIS_URL:
        try:
            cache.delete(_key(task_name))
        except Exception:
            logger.warning("Redis does not answer; the next nudge for %s is late", task_name)


class _Sender:
    """Sends nudges from a thread of its own: a broker that is down takes seconds to fail, and no
    request may wait for that.

    Nudges for one task that wait together are one.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._names: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0

    def hand_over(self, task_name: str) -> None:
        """Leaves a nudge to the thread and returns at once."""
        with self._changed:
            if time.monotonic() < self._quiet_until:
                return
            self._names[task_name] = None
            # A thread does not survive a fork: it is then there, but not alive.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="nudge", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._names))
                task_name, _ = self._names.popitem()
            self._send(task_name)

    def _send(self, task_name: str) -> None:
        try:
            if not _is_under_way(task_name):
                current_app.send_task(task_name, retry=False)
        except Exception:
            with self._changed:
                self._quiet_until = time.monotonic() + QUIET_SECONDS
                self._names.clear()
            logger.warning("the broker does not answer; %s waits for its sweep", task_name)


_sender = _Sender()


def _send(task_name: str) -> None:
    _sender.hand_over(task_name)


def _is_under_way(task_name: str) -> bool:
    """Tells whether a nudge was sent that no worker has taken up yet: one serves them all.

    Only a cache that all processes share can tell.
    """
    return bool(settings.REDIS_URL) and not cache.add(_key(task_name), 1, UNANSWERED_SECONDS)


def _key(task_name: str) -> str:
    return f"nudged:{task_name}"

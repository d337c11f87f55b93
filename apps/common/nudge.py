"""Nudging a worker after a commit. The rows are the truth; a lost nudge costs a sweep's wait."""

import logging
import time
from typing import Any

from django.db import transaction

logger = logging.getLogger(__name__)

# A broker that is down must not slow every request: after a failure nobody asks it for a while.
QUIET_SECONDS = 30.0
_quiet_until = 0.0


def nudge_after_commit(task: Any) -> None:
    """Asks a worker to run `task` (a Celery task without arguments) once this work is committed."""
    transaction.on_commit(lambda: _send(task), robust=True)


def _send(task: Any) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        task.apply_async(retry=False)
    except Exception:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("the broker does not answer; %s waits for its sweep", task.name)

"""Working off what is due, one job after the other, in this process."""

import logging
import traceback

from apps.common.fault_points import reach
from apps.common.http import refuse_open_transaction
from apps.outbox import services
from apps.outbox.registry import handler_for
from apps.outbox.types import ClaimedJob, Result, retry

logger = logging.getLogger(__name__)


def run_next() -> bool:
    """Claims and does one job; returns False when nothing is due."""
    claimed = services.claim_next()
    if claimed is None:
        return False
    reach("job.claimed")
    result = _attempt(claimed)
    reach("job.worked")
    services.finish(claimed=claimed, result=result)
    reach("job.finished")
    return True


def run_due(limit: int = 1000) -> int:
    """Frees what silent workers left behind, then does what is due; returns the number done."""
    services.release_expired_leases()
    count = 0
    while count < limit and run_next():
        count += 1
    return count


def _attempt(claimed: ClaimedJob) -> Result:
    try:
        refuse_open_transaction(f"job {claimed.topic}")
        return handler_for(claimed.topic)(claimed)
    except Exception:
        logger.exception("job %s %s failed", claimed.topic, claimed.key)
        return retry(traceback.format_exc(limit=20))

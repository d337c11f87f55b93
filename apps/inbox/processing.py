"""Working off the inbox, one delivery after the other, in this process."""

import logging
from typing import Any

from django.db import transaction

from apps.common.errors import InvalidMessage
from apps.common.fault_points import reach
from apps.inbox import services
from apps.inbox.handlers import HANDLERS
from apps.inbox.models import Delivery
from apps.optoro.reading import load_json, refuse_unstorable

logger = logging.getLogger(__name__)


def process_next() -> bool:
    """Claims and processes one delivery; returns False when nothing is due."""
    claimed = services.claim_next()
    if claimed is None:
        return False
    process(Delivery.objects.get(pk=claimed.delivery_id))
    return True


def process_due(limit: int = 1000) -> int:
    """Processes what is due; returns the number of deliveries worked on."""
    count = 0
    while count < limit and process_next():
        count += 1
    return count


def process(delivery: Delivery) -> None:
    """Hands one delivery to its handler. What cannot be used is quarantined; a failure of ours
    rolls the work back, keeps its traceback, and is tried again."""
    handle, identify = HANDLERS[delivery.topic]
    content: Any = None
    try:
        content = load_json(bytes(delivery.body))
        refuse_unstorable(content)
        with transaction.atomic():
            subject = handle(delivery, content)
            services.mark_processed(delivery=delivery, subject=subject)
            reach("delivery.processing")
        reach("delivery.processed")
    except InvalidMessage as error:
        services.quarantine(delivery=delivery, subject=identify(content), error=error)
    except Exception as error:
        logger.exception("delivery %s failed", delivery.pk)
        services.mark_failed(delivery=delivery, error=error)

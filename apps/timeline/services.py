"""Writing the timeline; call it in the transaction of the change it tells about."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from apps.common import clock
from apps.timeline.models import Event
from apps.timeline.types import Actor, Change, MessageRef


def record(
    *,
    store_id: int,
    kind: str,
    summary: str,
    actor: Actor,
    order_identifier: str = "",
    rma_identifier: str = "",
    refund_identifier: str = "",
    occurred_at: datetime | None = None,
    changes: Sequence[Change] = (),
    message: MessageRef | None = None,
) -> Event:
    """Appends an event. `occurred_at` is when it happened at its source (UTC; default: now)."""
    return Event.objects.create(
        store_id=store_id,
        kind=kind,
        summary=summary[:500],
        occurred_at=occurred_at or clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.user_id,
        actor_name=actor.name,
        order_identifier=order_identifier,
        rma_identifier=rma_identifier,
        refund_identifier=refund_identifier,
        changes=[asdict(change) for change in changes],
        message_kind=message.kind if message else "",
        message_id=message.pk if message else None,
    )

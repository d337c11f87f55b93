"""What is done with a delivery of each topic. CONTRIBUTING.md tells how to add one."""

from collections.abc import Callable
from typing import Any

from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.inbox import translate
from apps.inbox.models import Delivery, Topic
from apps.optoro import rma_message
from apps.refunds.jobs import enqueue_evaluation
from apps.rmas.services import receive_message


def take_rma(delivery: Delivery, content: Any) -> str:
    """Folds an RMA message in and queues the decision; returns the RMA's identifier.

    Raises InvalidMessage for a message that cannot be used.
    """
    wire = rma_message.parse(content)
    rma, is_new = receive_message(
        store_id=delivery.store_id,
        snapshot=translate.rma_snapshot(wire),
        delivery_id=delivery.pk,
        received_at=delivery.received_at,
    )
    if is_new:
        _show_drift(delivery, wire)
    enqueue_evaluation(rma)
    return rma.rma_identifier


def _show_drift(delivery: Delivery, wire: rma_message.WireRma) -> None:
    for drift in wire.drift:
        open_item(
            store_id=delivery.store_id,
            kind=Kind.CONTRACT_DRIFT,
            subject=f"{drift.field}={drift.value}",
            rma_identifier=wire.rma_identifier,
            detail=f"{drift.field} is {drift.value!r}, last seen on RMA {wire.rma_identifier} "
            f"(message {delivery.pk})",
        )


def identify_rma(content: Any) -> str:
    """Returns the RMA identifier of content that may not be usable otherwise."""
    return rma_message.identifier_in(content)


Handler = Callable[[Delivery, Any], str]
Identifier = Callable[[Any], str]

HANDLERS: dict[str, tuple[Handler, Identifier]] = {Topic.RMA: (take_rma, identify_rma)}

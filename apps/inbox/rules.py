"""What may be done with a message."""

from apps.inbox.models import Delivery, DeliveryState, Topic

# Their senders wait for an answer and were given it: these are never worked off later.
ANSWERED_TOPICS = (Topic.EXCHANGE_ORDER,)


def why_not_replayable(delivery: Delivery) -> str:
    """Returns why a message cannot be processed once more, or nothing where it can."""
    if delivery.state == DeliveryState.REFUSED:
        return (
            f"Message {delivery.pk} was refused and its sender was told why; it cannot be "
            "replayed. Mend what its error names, and have it sent again."
        )
    if delivery.topic in ANSWERED_TOPICS:
        return (
            f"Message {delivery.pk} asked for an exchange order and was answered at once; it "
            "cannot be replayed. The same request sent again gets the same answer."
        )
    return ""

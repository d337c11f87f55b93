"""Which function does the jobs of which topic; apps register theirs when they are ready."""

from apps.outbox.types import Handler

_handlers: dict[str, Handler] = {}


def register(topic: str, handler: Handler) -> None:
    """Makes `handler` the one for `topic`. A handler must be safe to run again."""
    _handlers[topic] = handler


def handler_for(topic: str) -> Handler:
    """Returns the handler of `topic`; raises LookupError for a topic nobody registered."""
    try:
        return _handlers[topic]
    except KeyError:
        raise LookupError(f"no handler is registered for topic {topic!r}") from None

"""Which function does the jobs of which topic, and which ones queue jobs by the clock; apps
register theirs when they are ready."""

from collections.abc import Callable

from apps.outbox.types import Handler

_handlers: dict[str, Handler] = {}
_sweeps: list[Callable[[], int]] = []


def register(topic: str, handler: Handler) -> None:
    """Makes `handler` the one for `topic`. A handler must be safe to run again."""
    _handlers[topic] = handler


def handler_for(topic: str) -> Handler:
    """Returns the handler of `topic`; raises LookupError for a topic nobody registered."""
    try:
        return _handlers[topic]
    except KeyError:
        raise LookupError(f"no handler is registered for topic {topic!r}") from None


def register_sweep(sweep: Callable[[], int]) -> None:
    """Has `manage.py drain` call `sweep`, which queues what has become due by the clock and returns
    how much. Workers call it by a task of its app."""
    _sweeps.append(sweep)


def sweep() -> int:
    """Queues what has become due by the clock; returns how much."""
    return sum(one() for one in _sweeps)

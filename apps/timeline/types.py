"""Who did it, and where the raw message is."""

from dataclasses import dataclass
from typing import Any

from apps.timeline.models import ActorKind


@dataclass(frozen=True)
class Actor:
    """Who caused an event; `user_id` only for staff, `name` only for machine callers."""

    kind: ActorKind
    user_id: int | None = None
    name: str = ""


@dataclass(frozen=True)
class MessageRef:
    """Where the raw message behind an event is kept: `delivery`, `order_message` or `attempt`."""

    kind: str
    pk: int


@dataclass(frozen=True)
class Change:
    """One field's value before and after, for the timeline's differences."""

    field: str
    before: Any
    after: Any


OPTORO = Actor(ActorKind.OPTORO)
OMS = Actor(ActorKind.OMS)
SYSTEM = Actor(ActorKind.SYSTEM)
GATEWAY = Actor(ActorKind.GATEWAY)


def staff(user_id: int) -> Actor:
    """Returns the actor for a person who is signed in."""
    return Actor(ActorKind.STAFF, user_id)


def machine(name: str) -> Actor:
    """Returns the actor for a machine caller, by the name of its API key."""
    return Actor(ActorKind.API, name=name[:100])

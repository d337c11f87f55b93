"""What can be made to go wrong on purpose, by how much, and the dice that decide.

Each fault has dice of its own, so that with a seed the same faults strike at the same calls no
matter how threads take turns.
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class UnknownFault(ValueError):
    """A fault was named or measured in a way the sandbox does not know; the text says how to."""


@dataclass(frozen=True)
class FaultKind:
    """One fault: a probability between 0 and 1, or an amount such as seconds."""

    name: str
    text: str
    is_probability: bool = True
    default: float = 0.0


KINDS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("duplicates", "a webhook is delivered twice"),
        FaultKind("delay", "webhooks wait up to so many seconds", is_probability=False),
        FaultKind("reorder", "a webhook is held back until a later one of its RMA has overtaken"),
        FaultKind("hold_seconds", "how long `reorder` holds at most", False, 3.0),
        FaultKind("same_timestamps", "a snapshot of an RMA repeats the last `updated_at`"),
        FaultKind("forgetful", "a snapshot of an RMA leaves its tracking numbers out"),
        FaultKind("http500", "a call of the desk is answered 500"),
        FaultKind("http429", "a call of the desk is answered 429"),
        FaultKind("slow", "a snapshot is accepted, but the answer hangs"),
        FaultKind("slow_seconds", "how long `slow` hangs", False, 30.0),
        FaultKind("expire_tokens", "the token of a call has just died: 401"),
        FaultKind("token_lifetime", "seconds a new token lives (0: as usual)", False),
    )
}


def _checked(name: str, value: object) -> float:
    kind = KINDS.get(name)
    if kind is None:
        raise UnknownFault(f"unknown fault {name!r}; known are {', '.join(sorted(KINDS))}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnknownFault(f"fault {name}: {value!r} is not a number")
    if kind.is_probability and not 0 <= value <= 1:
        raise UnknownFault(f"fault {name}: {value} is not a probability between 0 and 1")
    if not 0 <= value < float("inf"):
        raise UnknownFault(f"fault {name}: {value} must be 0 or more")
    return float(value)


def parse_flags(flags: Iterable[str]) -> dict[str, float]:
    """Reads flags such as `duplicates=0.2`; raises UnknownFault with what is wrong."""
    values: dict[str, float] = {}
    for flag in flags:
        name, equals, text = flag.partition("=")
        if not equals:
            raise UnknownFault(f"fault {flag!r}: write NAME=NUMBER, such as duplicates=0.2")
        try:
            number = float(text)
        except ValueError:
            raise UnknownFault(f"fault {name}: {text!r} is not a number") from None
        values[name.strip()] = _checked(name.strip(), number)
    return values


class Faults:
    """The faults in force; they can be changed while the sandbox runs."""

    def __init__(self, values: Mapping[str, object] | None = None, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._values = {name: kind.default for name, kind in KINDS.items()}
        self._dice = {name: dice(seed, name) for name in KINDS}
        self.change(values or {})

    def change(self, values: Mapping[str, object]) -> None:
        """Sets the faults named; all of them or, if one is wrong, none."""
        checked = {name: _checked(name, value) for name, value in values.items()}
        with self._lock:
            self._values.update(checked)

    def amount(self, name: str) -> float:
        """Returns the number set for a fault."""
        with self._lock:
            return self._values[name]

    def strikes(self, name: str) -> bool:
        """Throws the dice of a fault; dice are left alone while it is off."""
        with self._lock:
            chance = self._values[name]
            return chance > 0 and self._dice[name].random() < chance

    def up_to(self, name: str) -> float:
        """Returns a random number between 0 and the amount set."""
        with self._lock:
            amount = self._values[name]
            return self._dice[name].uniform(0, amount) if amount else 0.0

    def values(self) -> dict[str, float]:
        """Returns all the numbers set, by name."""
        with self._lock:
            return dict(self._values)

    def in_force(self) -> dict[str, float]:
        """Returns the faults that can strike now."""
        amounts = ("hold_seconds", "slow_seconds")
        return {name: n for name, n in self.values().items() if n and name not in amounts}


def dice(seed: int | None, purpose: str) -> random.Random:
    """Returns dice for one purpose: the same ones for the same seed, others without a seed."""
    # Dice for a simulation, not for secrets.
    return random.Random(None if seed is None else f"{seed}:{purpose}")  # noqa: S311

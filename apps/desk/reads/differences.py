"""What differs between two JSON documents, by structure. Pure.

Elements of lists are told apart by their identifiers where they have some: an item that moved to
another place, or stands behind a new one, is not another item.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

# The fields that name an element of a list; the first that every element has, and has alone.
_NAMES = ("identifier", "id")
# A table of thousands of lines helps nobody.
SHOWN_DIFFERENCES = 100
_SHOWN_CHARACTERS = 300


class Absent(Enum):
    """What stands for a value that is not there: null is a value."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True)
class Named:
    """The element of a list whose field `name` has this value."""

    name: str
    value: str | int


@dataclass(frozen=True)
class Place:
    """The element at this index (from 0) of a list whose elements have no identifiers."""

    index: int


@dataclass(frozen=True)
class Sequenced:
    """The order in which a list has its named elements; both sides are lists of their names."""

    name: str


Step = str | Named | Place | Sequenced


@dataclass(frozen=True)
class Difference:
    """One value that is there (`ABSENT`: is not) on each side; `path` leads to it."""

    path: tuple[Step, ...]
    before: Any
    after: Any

    @property
    def where(self) -> str:
        """The path in words: `items[7].quantity`, `addresses[#2]` without identifiers."""
        return path_text(self.path)


def differences(before: Any, after: Any) -> list[Difference]:
    """Returns what differs between two JSON documents, in the order of the first; none where they
    are equal. Put onto `before` one after the other, they make `after`."""
    return list(_of_values((), before, after))


def path_text(path: Sequence[Step]) -> str:
    """Returns a path as people write one."""
    text = ""
    for step in path:
        if isinstance(step, Named):
            text += f"[{step.value}]"
        elif isinstance(step, Place):
            text += f"[#{step.index + 1}]"
        elif isinstance(step, Sequenced):
            text += " (order)"
        else:
            text += f".{step}" if text else step
    return text or "(all of it)"


def value_text(value: Any) -> str:
    """Returns a value for a table: JSON where it is more than a word, cut, and a dash for none."""
    if value is ABSENT or value == "":
        return "—"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _of_values(path: tuple[Step, ...], before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            old, new = before.get(key, ABSENT), after.get(key, ABSENT)
            yield from _of_values((*path, key), old, new)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(path, before, after)
    elif type(before) is not type(after) or repr(before) != repr(after):
        yield Difference(path, before, after)


def _of_lists(path: tuple[Step, ...], before: list[Any], after: list[Any]) -> Iterator[Difference]:
    elements = [*before, *after]
    name = _naming_field(before, after)
    if name:
        yield from _of_named(path, name, before, after)
    elif not any(isinstance(element, dict | list) for element in elements):
        if repr(before) != repr(after):
            yield Difference(path, before, after)
    else:
        yield from _of_places(path, before, after)


def _naming_field(before: list[Any], after: list[Any]) -> str:
    """The field by which the elements of both lists can be told apart, or ""."""
    for name in _NAMES:
        if (before or after) and _is_named_by(name, before) and _is_named_by(name, after):
            return name
    return ""


def _is_named_by(name: str, elements: list[Any]) -> bool:
    values = [element.get(name) if isinstance(element, dict) else None for element in elements]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return False
    return len(set(values)) == len(values)


def _of_named(
    path: tuple[Step, ...], name: str, before: list[Any], after: list[Any]
) -> Iterator[Difference]:
    old = {element[name]: element for element in before}
    new = {element[name]: element for element in after}
    for value, element in old.items():
        yield from _of_values((*path, Named(name, value)), element, new.get(value, ABSENT))
    added = [value for value in new if value not in old]
    for value in added:
        yield Difference((*path, Named(name, value)), ABSENT, new[value])
    if [*(value for value in old if value in new), *added] != list(new):
        yield Difference((*path, Sequenced(name)), list(old), list(new))


def _of_places(path: tuple[Step, ...], before: list[Any], after: list[Any]) -> Iterator[Difference]:
    both = min(len(before), len(after))
    for index in range(both):
        yield from _of_values((*path, Place(index)), before[index], after[index])
    for index in reversed(range(both, len(before))):
        yield Difference((*path, Place(index)), before[index], ABSENT)
    for index in range(both, len(after)):
        yield Difference((*path, Place(index)), ABSENT, after[index])

"""Making methods of a machine things that can happen to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

Method = TypeVar("Method", bound=Callable[..., None])


@dataclass
class Happening:
    """Something that can happen: how often, when, and what is drawn for it."""

    name: str
    weight: int
    when: Callable[[Any], Any]
    drawn: dict[str, st.SearchStrategy[Any]]


HAPPENINGS: list[Happening] = []


def happens(
    *, weight: int = 1, when: Callable[[Any], Any] = lambda self: True, **drawn: Any
) -> Callable[[Method], Method]:
    """Makes a method something that can happen. They are no rules of their own: Hypothesis would
    leave most of them out of most examples, and little would meet."""

    def note(method: Method) -> Method:
        HAPPENINGS.append(Happening(method.__name__, weight, when, drawn))
        return method

    return note

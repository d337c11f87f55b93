"""Checks of single fields: each takes a value and returns an error code, or None when it is fine.

A document is described by a tuple of `Field`; `check_fields` walks it and writes down every
problem with the path that leads to it, the way Optoro answers 422.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MISSING = "missing_field"
WRONG_TYPE = "invalid_type"
INVALID = "invalid"

Check = Callable[[Any], str | None]
Problem = dict[str, str]

_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"T\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"
_MOMENT = re.compile(_DATE + _TIME)
_DAY_OR_MOMENT = re.compile(f"{_DATE}({_TIME})?")


@dataclass(frozen=True)
class Field:
    """A field of a document. One that may be null still has to be there if it is required."""

    name: str
    check: Check
    required: bool = True
    may_be_null: bool = False


def required(check: Check, *names: str) -> tuple[Field, ...]:
    """Returns fields that must be there and not null."""
    return tuple(Field(name, check) for name in names)


def optional(check: Check, *names: str) -> tuple[Field, ...]:
    """Returns fields that may be left out or null."""
    return tuple(Field(name, check, required=False, may_be_null=True) for name in names)


def problem(path: str, code: str) -> Problem:
    """Returns one element of `errors`."""
    return {"field": path, "code": code}


def check_fields(document: Any, path: str, fields: Sequence[Field]) -> list[Problem]:
    """Returns what is wrong with the fields of `document`, which is found at `path`."""
    if not isinstance(document, dict):
        return [problem(path, WRONG_TYPE)]
    problems = []
    for field in fields:
        value = document.get(field.name)
        if value is None:
            is_missing = field.name not in document or not field.may_be_null
            code = MISSING if field.required and is_missing else None
        else:
            code = field.check(value)
        if code:
            problems.append(problem(f"{path}.{field.name}", code))
    return problems


def text(value: Any) -> str | None:
    """A string, possibly empty."""
    return None if isinstance(value, str) else WRONG_TYPE


def name(value: Any) -> str | None:
    """A string with something in it: what identifies must not be empty."""
    return text(value) or (None if value.strip() else INVALID)


def integer(low: int, high: int | None = None) -> Check:
    """Returns a check for whole numbers from `low` to `high`; true and false are no numbers."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return WRONG_TYPE
        return INVALID if value < low or (high is not None and value > high) else None

    return check


cents = integer(0)


def number(value: Any) -> str | None:
    """Any number, such as a weight."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number else WRONG_TYPE


def yes_or_no(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else WRONG_TYPE


def array(value: Any) -> str | None:
    """A list of anything; the elements are looked at elsewhere."""
    return None if isinstance(value, list) else WRONG_TYPE


def array_of_text(value: Any) -> str | None:
    """A list of strings, such as tags."""
    is_texts = isinstance(value, list) and all(isinstance(element, str) for element in value)
    return None if is_texts else WRONG_TYPE


def mapping(value: Any) -> str | None:
    """An object; its fields are looked at elsewhere."""
    return None if isinstance(value, dict) else WRONG_TYPE


def anything(_value: Any) -> str | None:
    """Whatever it is, it is there."""
    return None


def one_of(*allowed: str) -> Check:
    """Returns a check for a word out of a list."""

    def check(value: Any) -> str | None:
        return text(value) or (None if value in allowed else INVALID)

    return check


def matches(pattern: str) -> Check:
    """Returns a check for a string of a given form."""
    compiled = re.compile(pattern)

    def check(value: Any) -> str | None:
        return text(value) or (None if compiled.fullmatch(value) else INVALID)

    return check


def _time_in(pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return WRONG_TYPE
        if not pattern.fullmatch(value):
            return INVALID
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return INVALID
        return None

    return check


moment = _time_in(_MOMENT)
day_or_moment = _time_in(_DAY_OR_MOMENT)

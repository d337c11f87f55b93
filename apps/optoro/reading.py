"""Reading JSON from outside: every wrong field is named with its path, code and remedy.

Codes are Optoro's own (contract §3): `missing_field`, `invalid_type`, `invalid`.
"""

import json
import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from apps.common.errors import FieldError, InvalidMessage

MAX_TEXT = 255
MAX_CENTS = 10**13
MAX_QUANTITY = 1000
MAX_DEPTH = 100
MAX_ELEMENTS = 10_000
# Enough to see what is wrong; a large message must not cost its size in errors many times over.
MAX_ERRORS = 100
# Times outside these years are placeholders, and cannot be shown in every time zone.
YEARS = range(1970, 3000)

_REFUSED_BY_DATABASES = re.compile("[\x00\ud800-\udfff]")
_TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"


def load_json(body: bytes) -> Any:
    """Returns the JSON in `body`; raises InvalidMessage for anything that is not plain JSON."""
    try:
        return json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise InvalidMessage([FieldError("", "invalid", f"not JSON: {reason}")]) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def refuse_unstorable(content: Any) -> None:
    """Raises InvalidMessage where JSON content holds what a database cannot."""
    found = _unstorable(content, "", 0)
    if found:
        raise InvalidMessage([found])


def _unstorable(content: Any, path: str, depth: int) -> FieldError | None:
    """Returns what is wrong with the first value that cannot be stored, or None."""
    if depth > MAX_DEPTH:
        return FieldError(path[:MAX_TEXT], "invalid", _TOO_DEEP)
    if isinstance(content, str) and _REFUSED_BY_DATABASES.search(content):
        return FieldError(path, "invalid", "holds a NUL character or half a character pair")
    if isinstance(content, dict):
        for name, value in content.items():
            found = _unstorable(name, path, depth) or _unstorable(
                value, join(path, name), depth + 1
            )
            if found:
                return found
    if isinstance(content, list):
        for index, value in enumerate(content):
            found = _unstorable(value, f"{path}[{index}]", depth + 1)
            if found:
                return found
    return None


def join(path: str, name: str) -> str:
    """Returns the path of field `name` below `path`."""
    return f"{path}.{name}" if path else name


class Reader:
    """Reads the fields of one JSON object, and collects what is wrong with them.

    Each method returns a value of its type even where the field is wrong (an empty one), so that
    one pass finds every error; `raise_errors` then ends the reading.
    """

    def __init__(
        self, content: Any, path: str = "", errors: list[FieldError] | None = None
    ) -> None:
        self.errors: list[FieldError] = [] if errors is None else errors
        self.path = path
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        if not isinstance(content, dict):
            self.add("", "invalid_type", "must be an object")

    def add(self, name: str, code: str, message: str) -> None:
        """Notes that a field is wrong."""
        if len(self.errors) < MAX_ERRORS:
            path = join(self.path, name) if name else self.path
            self.errors.append(FieldError(path, code, message))

    def raise_errors(self) -> None:
        """Raises InvalidMessage with everything that was found."""
        if self.errors:
            raise InvalidMessage(self.errors)

    def _value(self, name: str, required: bool) -> Any:
        value = self.content.get(name)
        if value is None and required:
            self.add(name, "missing_field", "is required")
        return value

    def text(self, name: str, *, required: bool = False, limit: int = MAX_TEXT) -> str:
        """Reads text; a number is taken as its digits (contract §10.8)."""
        value = self._value(name, required)
        if value is None:
            return ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self.add(name, "invalid_type", f"must be text, not {_type_name(value)}")
            return ""
        value = value.strip()
        if required and not value:
            self.add(name, "missing_field", "must not be empty")
        if len(value) > limit:
            self.add(name, "invalid", f"is {len(value)} characters long; at most {limit} fit")
            return ""
        return value

    def word(self, name: str, allowed: tuple[str, ...], *, required: bool = True) -> str:
        """Reads one of a fixed set of words."""
        value = self.text(name, required=required)
        if value and value not in allowed:
            self.add(name, "invalid", f"is {value!r}; must be one of {', '.join(allowed)}")
        return value

    def cents(self, name: str, *, required: bool = True, can_be_negative: bool = False) -> int:
        """Reads an amount in integer cents."""
        value = self._whole(name, required)
        if abs(value) > MAX_CENTS:
            self.add(name, "invalid", f"is {value}: too large to be an amount in cents")
            return 0
        if value < 0 and not can_be_negative:
            self.add(name, "invalid", f"is {value}: must not be negative")
        return value

    def count(
        self, name: str, *, required: bool = True, least: int = 0, most: int = MAX_QUANTITY
    ) -> int:
        """Reads a quantity from `least` to `most`."""
        value = self._whole(name, required)
        if self.content.get(name) is not None and not least <= value <= most:
            self.add(name, "invalid", f"is {value}: must be {least} to {most}")
            return 0
        return value

    def _whole(self, name: str, required: bool) -> int:
        value = self._value(name, required)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self.add(name, "invalid_type", f"must be a whole number, not {_type_name(value)}")
            return 0
        return value

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        """Reads true or false; None where it is left out."""
        value = self._value(name, required)
        if value is not None and not isinstance(value, bool):
            self.add(name, "invalid_type", f"must be true or false, not {_type_name(value)}")
            return None
        return value

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """Reads a time in ISO 8601; without an offset it is UTC (contract §10.9)."""
        text = self.text(name, required=required)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.add(name, "invalid", f"is {text!r}: write a time such as 2026-01-31T08:00:00Z")
            return None
        if moment.year not in YEARS:
            self.add(name, "invalid", f"is {text!r}: the year cannot be right")
            return None
        return moment

    def texts(self, name: str, *, required: bool = False) -> tuple[str, ...]:
        """Reads a list of texts."""
        values = self.items(name, required=required)
        wrong = [value for value in values if not isinstance(value, str)]
        if wrong:
            self.add(name, "invalid_type", "must be a list of texts")
            return ()
        return tuple(values)

    def items(self, name: str, *, required: bool = False) -> list[Any]:
        """Reads a list of anything."""
        value = self._value(name, required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.add(name, "invalid_type", f"must be a list, not {_type_name(value)}")
            return []
        if len(value) > MAX_ELEMENTS:
            self.add(name, "invalid", f"has {len(value)} elements; at most {MAX_ELEMENTS} fit")
            return []
        return value

    def objects(self, name: str, *, required: bool = False) -> list["Reader"]:
        """Reads a list of objects."""
        path = join(self.path, name)
        return [
            Reader(value, f"{path}[{index}]", self.errors)
            for index, value in enumerate(self.items(name, required=required))
        ]

    def object(self, name: str, *, required: bool = False) -> "Reader | None":
        """Reads an object; None where it is left out."""
        value = self._value(name, required)
        return None if value is None else Reader(value, join(self.path, name), self.errors)


def _type_name(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a decimal number", str: "text"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")

"""Reading JSON from outside: every wrong field is named with its path, code and remedy.

Codes are Optoro's own (contract §3): `missing_field`, `invalid_type`, `invalid`.
"""

import json
from datetime import UTC, datetime
from typing import Any

from apps.common.errors import FieldError, InvalidMessage

MAX_TEXT = 255
MAX_CENTS = 10**13
MAX_QUANTITY = 1000


def load_json(body: bytes) -> Any:
    """Returns the JSON in `body`; raises InvalidMessage for anything that is not plain JSON that
    a database can hold."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidMessage([FieldError("", "invalid", f"not JSON: {reason}")]) from error
    path = _unstorable(content, "")
    if path is not None:
        raise InvalidMessage(
            [FieldError(path, "invalid", "holds a NUL character or half a character pair")]
        )
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _unstorable(content: Any, path: str) -> str | None:
    """Returns the path of a text that databases refuse, or None."""
    if isinstance(content, str):
        return (
            path if "\x00" in content or any("\ud800" <= c <= "\udfff" for c in content) else None
        )
    if isinstance(content, dict):
        for name, value in content.items():
            found = _unstorable(name, path) or _unstorable(value, join(path, name))
            if found is not None:
                return found
    if isinstance(content, list):
        for index, value in enumerate(content):
            found = _unstorable(value, f"{path}[{index}]")
            if found is not None:
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
        self.errors.append(FieldError(join(self.path, name) if name else self.path, code, message))

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

    def count(self, name: str, *, required: bool = True, least: int = 0) -> int:
        """Reads a quantity from `least` to 1000."""
        value = self._whole(name, required)
        if self.content.get(name) is not None and not least <= value <= MAX_QUANTITY:
            self.add(name, "invalid", f"is {value}: must be {least} to {MAX_QUANTITY}")
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
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.add(name, "invalid", f"is {text!r}: write a time such as 2026-01-31T08:00:00Z")
            return None

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

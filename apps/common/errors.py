"""Errors that name the field, the value and the remedy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field, in the words of contract §3 (`field`, `code`)."""

    field: str
    code: str
    message: str


class DeskError(Exception):
    """Base of the errors that Returns Desk raises on purpose; its text is fit to be shown."""


class InvalidMessage(DeskError):
    """A message from outside cannot be used; `errors` says which fields and why."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        super().__init__(
            "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in errors)
        )


class Refused(DeskError):
    """An action is against a rule; the text says which limit or state, and what would help."""

"""What an action on many rows is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.accounts.rules import Action
from apps.desk.lists.bulk_forms import PlainForm
from apps.desk.lists.types import Listing
from apps.desk.seats import Seat
from apps.timeline.types import Actor, staff

_SUBJECT_KINDS = {"orders": "order", "rmas": "rma"}


def sentence(text: str) -> str:
    """Returns a refusal as a sentence: a capital first, a full stop last."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


@dataclass(frozen=True)
class Verdict:
    """What would become of a row: whether it would be done, and in words what, or why not. `cents`
    is what its shopper is paid by it, or no longer is, in the row's currency."""

    would: bool
    text: str
    cents: int = 0


@dataclass(frozen=True)
class Doer:
    """Who does it, in which list, with what they entered."""

    seat: Seat
    listing: Listing
    values: dict[str, str]

    @property
    def user(self) -> User:
        """The person."""
        return self.seat.membership.user

    @property
    def actor(self) -> Actor:
        """The person, for the timeline."""
        return staff(self.user.pk)

    @property
    def subject_kind(self) -> str:
        """What the list's rows are to cases: orders or returns."""
        return _SUBJECT_KINDS[self.listing.name]


@dataclass(frozen=True)
class BulkAction:
    """An action. `judge` says of each row what would become of it, in a fixed number of queries;
    `run` does it to one row, says what was done, and raises Refused where it cannot. `sum_words`
    stand behind the sum of the cents; without them no sum is told."""

    name: str
    label: str
    needs: Action
    form: type[PlainForm]
    judge: Callable[[Doer, Sequence[Any]], list[Verdict]]
    run: Callable[[Doer, Any], str]
    warning: str = ""
    sum_words: str = ""

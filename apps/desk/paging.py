"""Pages of long lists: a total order, a count that stops counting, sorting from a short list."""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

PAGE_SIZE = 50
COUNT_CAP = 1_000

Row = TypeVar("Row", bound=Model)


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to COUNT_CAP and no further: counting millions on every look is what makes lists
    slow. Pages after the cap are reached by filters. `counted` are as many as the rows, where those
    are counted sooner."""

    def __init__(self, rows: QuerySet[Any], counted: QuerySet[Any] | None = None) -> None:
        super().__init__(rows, PAGE_SIZE)
        self.counted = rows if counted is None else counted

    @cached_property
    def count(self) -> int:
        """The number of rows, at most COUNT_CAP."""
        # In the order of the list: without one, the database begins where there may be no match.
        return min(self.counted[: COUNT_CAP + 1].count(), COUNT_CAP)

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.count == COUNT_CAP


def page_of(
    request: HttpRequest, rows: QuerySet[Any], counted: QuerySet[Any] | None = None
) -> Page[Any]:
    """Returns the page that `?page=` asks for; nonsense is the first page, too far is the last.
    `counted` are as many as the rows, where those are counted sooner."""
    return CappedPaginator(rows, counted).get_page(request.GET.get("page"))


@dataclass(frozen=True)
class Sorting:
    """What a list can be sorted by: `fields` by the name in the address, `default` if none."""

    fields: dict[str, tuple[str, ...]]
    default: str

    def apply(self, rows: QuerySet[Row], asked: str) -> QuerySet[Row]:
        """Sorts rows by `asked` (`-name` for descending), with the key last so that no two pages
        share a row."""
        name = self.current(asked)
        sign = "-" if name.startswith("-") else ""
        order = [f"{sign}{field}" for field in self.fields[name.removeprefix("-")]]
        return rows.order_by(*order, f"{sign}pk")

    def current(self, asked: str) -> str:
        """Returns the sorting in force; an unknown name counts as none."""
        return asked if asked.removeprefix("-") in self.fields else self.default

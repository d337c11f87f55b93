"""A list as an address asks for it: narrowed, sorted, with the columns that were chosen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.forms import BoundField
from django.http import Http404, QueryDict
from django.urls import reverse
from django.utils.functional import cached_property

from apps.desk.lists.commerce import EXCHANGES, ORDERS, REFUNDS, RMAS
from apps.desk.lists.types import Column, Listing
from apps.desk.lists.work import ATTENTION, CLOSED_ATTENTION, DELIVERIES, JOBS
from apps.desk.seats import DeskRequest
from apps.desk.words import day_in_words

LISTS = {
    listing.name: listing
    for listing in (ORDERS, RMAS, EXCHANGES, REFUNDS, ATTENTION, DELIVERIES, JOBS)
}
# What the address says where a list is neither narrowed nor sorted.
PLAIN = "all"
# What the pages of rows are told the list by.
PARAMETER = "list"


@dataclass(frozen=True)
class Line:
    """A row with what its checkbox needs, and what its cells are drawn from."""

    pk: int
    called: str
    row: Any


@dataclass(frozen=True)
class Unusable:
    """A filter in the address that narrows nothing: what it is called, what it says, and why."""

    label: str
    value: str
    problem: str


@dataclass(frozen=True)
class Chip:
    """A filter in force, and the address without it."""

    label: str
    value: str
    url: str


def listing_of(name: str, query: QueryDict) -> Listing:
    """Returns the list of that name; closed items have a list of their own. Raises Http404."""
    if name not in LISTS:
        raise Http404(f"There is no list {name}.")
    if name == ATTENTION.name and query.get("state") == "closed":
        return CLOSED_ATTENTION
    return LISTS[name]


class Look:
    """One person's look at a list by the part of an address behind `?`."""

    def __init__(self, request: DeskRequest, name: str, query: QueryDict) -> None:
        self.listing = listing_of(name, query)
        self.seat = request.seat
        self.query = query
        self.asked_sort = query.get("sort", "")
        self.narrowed = self.listing.filters(
            query, queryset=self.listing.rows(request.seat), request=request
        )

    @cached_property
    def rows(self) -> QuerySet[Any]:
        """The rows, narrowed and sorted; a filter that cannot be used narrows nothing."""
        return self.listing.sorting.apply(self.narrowed.qs, self.asked_sort)

    @property
    def counted(self) -> QuerySet[Any] | None:
        """What is counted in place of the rows, if anything."""
        return self.narrowed.counted

    @property
    def sort(self) -> str:
        """The sorting in force."""
        return self.listing.sorting.current(self.asked_sort)

    @property
    def url(self) -> str:
        """The list's page as it is looked at."""
        return self.url_with(self.canonical)

    def url_with(self, query: str) -> str:
        """Returns the list's page with that query."""
        plain = reverse(self.listing.url_name)
        return f"{plain}?{query}" if query else plain

    def read(self, rows: Iterable[Any]) -> list[Any]:
        """Returns what the cells are drawn from."""
        return self.listing.read(self.seat, rows)

    def lines(self, rows: Iterable[Any]) -> list[Line]:
        """Returns a page of rows as the table shows them."""
        listing = self.listing
        found = [(listing.model_of(row), row) for row in self.read(rows)]
        return [Line(model.pk, listing.called(model), row) for model, row in found]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns shown: those chosen, else the usual ones; the first one always."""
        chosen = self._chosen_columns()
        first, *others = self.listing.columns
        if not chosen:
            return (first, *(column for column in others if column.is_usual))
        return (first, *(column for column in others if column.key in chosen))

    @cached_property
    def shown(self) -> list[tuple[Column, str]]:
        """The columns shown, each with the classes of its cells."""
        if self.has_chosen_columns:
            return [(column, column.css_always) for column in self.columns]
        return [(column, column.css) for column in self.columns]

    @property
    def has_chosen_columns(self) -> bool:
        """Whether the columns are other than the usual ones by choice."""
        return bool(self._chosen_columns())

    def _chosen_columns(self) -> set[str]:
        keys = {key for text in self.query.getlist("columns") for key in text.split(",")}
        return {column.key for column in self.listing.columns if column.key in keys}

    @cached_property
    def filters_given(self) -> list[tuple[str, str]]:
        """The names and values of the filters in the address, usable or not, each once."""
        given = [
            (name, value.strip())
            for name in self.narrowed.filters
            for value in self.query.getlist(name)
            if value.strip()
        ]
        return list(dict.fromkeys(given))

    @property
    def is_closed_list(self) -> bool:
        """Whether these are the items that were closed."""
        return self.listing is CLOSED_ATTENTION

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter may be why there are no rows; closed items are a list, not a filter."""
        given = self.filters_given
        return bool([name for name, _ in given if not (self.is_closed_list and name == "state")])

    @property
    def first_fields(self) -> list[BoundField]:
        """The filters that stand in the open."""
        return [self.narrowed.form[name] for name in self.listing.filters.first]

    @property
    def more_fields(self) -> list[BoundField]:
        """The filters behind "More filters"."""
        first = self.listing.filters.first
        return [field for field in self.narrowed.form.visible_fields() if field.name not in first]

    @property
    def has_errors_behind(self) -> bool:
        """Whether a filter that does not stand in the open cannot be used."""
        return any(field.errors for field in self.more_fields)

    @cached_property
    def unusable(self) -> list[Unusable]:
        """The filters in the address that cannot be used: the rows are not those asked for."""
        form = self.narrowed.form
        return [
            Unusable(
                label=self._label(name),
                value=", ".join(value for given, value in self.filters_given if given == name),
                problem=" ".join(str(problem) for problem in problems),
            )
            for name, problems in form.errors.items()
        ]

    @property
    def column_choices(self) -> list[tuple[Column, bool]]:
        """The columns that can be chosen, and whether each is shown."""
        return [(column, column in self.columns) for column in self.listing.columns[1:]]

    @property
    def kept_for_columns(self) -> list[tuple[str, str]]:
        """What stays in the address when columns are chosen."""
        return self.parameters(without="columns")

    @property
    def kept_for_filters(self) -> list[tuple[str, str]]:
        """What stays in the address when filters are applied."""
        return self.parameters(without="filters")

    @property
    def usual_columns_url(self) -> str:
        """The list as it is looked at, with its usual columns."""
        return self.url_with(encoded(self.kept_for_columns))

    @property
    def unfiltered_url(self) -> str:
        """The list as it is looked at, without filters."""
        return self.url_with(encoded(self.kept_for_filters))

    def parameters(self, *, without: str = "") -> list[tuple[str, str]]:
        """Returns what of the address tells how the list is looked at, in a fixed order, but for
        the page; `without` leaves out `filters`, `sort` or `columns`."""
        found = [] if without == "filters" else list(self.filters_given)
        if without != "sort" and self.sort != self.listing.sorting.default:
            found.append(("sort", self.sort))
        if without != "columns" and self.has_chosen_columns:
            found.append(("columns", ",".join(column.key for column in self.columns)))
        return found

    @cached_property
    def canonical(self) -> str:
        """The address's query as it is kept: only what the list understands."""
        return encoded(self.parameters())

    @cached_property
    def tail(self) -> str:
        """What links to the rows end with, so that their pages know their neighbors."""
        return f"?{PARAMETER}={quote(self.canonical or PLAIN, safe='')}"

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters in force, each with the address without it."""
        return [self._chip(name, value) for name, value in self.filters_given]

    def _chip(self, name: str, value: str) -> Chip:
        field = self.narrowed.form.fields[name]
        choices = {str(key): str(words) for key, words in getattr(field, "choices", ())}
        rest = [pair for pair in self.parameters() if pair != (name, value)]
        shown = choices.get(value, day_in_words(value))
        if name in self.narrowed.form.errors:
            shown = f"{shown} (not used)"
        return Chip(self._label(name), shown, self.url_with(encoded(rest)))

    def _label(self, name: str) -> str:
        field = self.narrowed.form.fields[name]
        return str(field.label or name.replace("_", " ").capitalize())


def encoded(parameters: Iterable[tuple[str, str]]) -> str:
    """Returns parameters as they stand behind `?`."""
    query = QueryDict(mutable=True)
    for name, value in parameters:
        query.appendlist(name, value)
    return query.urlencode()

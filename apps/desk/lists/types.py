"""How a list is described: once, for its page, its CSV, its bulk actions and its neighbors."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.db.models import QuerySet

from apps.common.clock import wire_time
from apps.desk.lists.filtering import ListFilters
from apps.desk.paging import Sorting
from apps.desk.seats import Seat

# Text is guarded against formulas when it is written; numbers are written as they are.
Value = str | int | Decimal


@dataclass(frozen=True)
class Column:
    """A column: `key` names it in the address and to `desk/cells/<list>.html`, which draws it.
    `heads` and `values` are what the CSV has of it. `css` are classes, `sort` what it sorts by."""

    key: str
    label: str
    heads: tuple[str, ...]
    values: Callable[[Any], tuple[Value, ...]]
    css: str = ""
    sort: str = ""
    title: str = ""
    is_usual: bool = True

    @property
    def css_always(self) -> str:
        """The classes of a column that was chosen: it is shown on narrow screens too."""
        hiding = ("mid-only", "wide-only")
        return " ".join(name for name in self.css.split() if name not in hiding)


@dataclass(frozen=True)
class Listing:
    """A list. `rows` are the store's, unsorted; `read` makes of a page of them what the cells are
    drawn from, with `model_of` back to the model. The first column names the row and is always
    shown. `actions` are the names of its bulk actions."""

    name: str
    noun: str
    rows: Callable[[Seat], QuerySet[Any]]
    filters: type[ListFilters]
    sorting: Sorting
    columns: tuple[Column, ...]
    read: Callable[[Seat, Iterable[Any]], list[Any]]
    model_of: Callable[[Any], Any]
    called: Callable[[Any], str]
    url_of: Callable[[Any], str]
    actions: tuple[str, ...] = ()
    css: str = ""

    @property
    def url_name(self) -> str:
        """The name of the list's page."""
        return f"desk:{self.name}"

    @property
    def cells(self) -> str:
        """The template that draws the cells."""
        return f"desk/cells/{self.name}.html"


def text(key: str, label: str, of: Callable[[Any], Any], **more: Any) -> Column:
    """Returns a column of text (or a count) whose CSV has one value."""
    return Column(key, label, (key,), lambda row: (_plain(of(row)),), **more)


def moment(key: str, label: str, of: Callable[[Any], datetime | None], **more: Any) -> Column:
    """Returns a column of moments; the CSV has them as ISO 8601 in UTC."""
    css = f"nowrap {more.pop('css', '')}".strip()
    return Column(key, label, (f"{key}_at",), lambda row: (time_of(of(row)),), css=css, **more)


def amount(
    key: str,
    label: str,
    of: Callable[[Any], int | None],
    currency: Callable[[Any], str],
    **more: Any,
) -> Column:
    """Returns a column of an amount in cents; the CSV has a decimal, and its currency beside it."""
    css = f"num {more.pop('css', '')}".strip()
    return Column(
        key,
        label,
        (key, f"{key}_currency"),
        lambda row: (decimal_of(of(row), currency(row)), currency(row)),
        css=css,
        **more,
    )


def decimal_of(amount_cents: int | None, currency: str) -> Value:
    """Returns an amount in cents as a plain decimal of its currency: 12800 USD is 128.00, 12800 JPY
    is 12800; nothing where there is none."""
    if amount_cents is None:
        return ""
    precision = get_currency_precision(currency) if currency else 2
    return Decimal(amount_cents).scaleb(-precision)


def _plain(value: Any) -> Value:
    return value if isinstance(value, int | Decimal) else str(value or "")


def time_of(value: datetime | None) -> str:
    """Returns a moment as ISO 8601 in UTC, nothing where there is none."""
    return wire_time(value.astimezone(UTC)) if value else ""

"""How the cells of reports are written: by the kind of their column."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString

from apps.desk.templatetags.desk import show_money, when
from apps.desk.words import RETURN_METHODS, day_in_words, in_words
from apps.reports.types import Column, Kind, Question, Report, Row

register = template.Library()

_NOTHING = SafeString('<span class="muted">—</span>')
_NUMBERS = (Kind.COUNT, Kind.AMOUNT, Kind.SHARE, Kind.HOURS)
_WIDE = 40


def css_of(column: Column) -> str:
    """Returns the classes of a column's cells."""
    if column.kind in _NUMBERS:
        return "num"
    return "nowrap" if column.kind in (Kind.MOMENT, Kind.DAY) else "rep-text"


@register.filter
def css(column: Column) -> str:
    """Returns the classes of a column's head."""
    return "num" if column.kind in _NUMBERS else ""


@register.simple_tag
def report_cells(report: Report, row: Row, question: Question) -> SafeString:
    """Writes the cells of a row; the first one names it. What leads on to another report is a
    link."""
    place = report.currency_place
    currency = "" if place is None else str(row[place])
    cells = []
    for n, (column, value) in enumerate(zip(report.columns, row, strict=True)):
        shown = _WRITERS[column.kind](column, value, currency)
        lead = report.leads.get(column.key)
        target = lead(question, row) if lead else None
        if target:
            address = f"{reverse('desk:report', args=[target[0]])}?{target[1]}"
            shown = f'<a href="{escape(address)}">{shown}</a>'
        css_class = css_of(column) + (" zero" if value == 0 and column.kind in _NUMBERS else "")
        if n:
            cells.append(f'<td class="{css_class}">{shown}</td>')
        else:
            cells.append(f'<th scope="row" class="{css_class}">{shown}</th>')
    return SafeString("".join(cells))


def _text(column: Column, value: Any, currency: str) -> str:
    if not value:
        return _NOTHING
    words = escape(column.words.get(value) or _in_words(column, value))
    if column.links_to:
        return f'<a class="id" href="{_address(column.links_to)}{quote(value)}/">{words}</a>'
    return f'<span class="rep-long">{words}</span>' if len(words) > _WIDE else words


def _in_words(column: Column, value: str) -> str:
    """Optoro's codes in plain words, and days as people read them; files have them as they are."""
    if column.key == "return_method":
        return RETURN_METHODS.get(value, value)
    if column.key == "status":
        return in_words("rma", value)
    return day_in_words(value)


def _address(page: str) -> str:
    return reverse({"order": "desk:orders", "rma": "desk:rmas", "refund": "desk:refunds",
                    "exchange": "desk:exchanges"}[page])  # fmt: skip


def _count(column: Column, value: int | None, currency: str) -> str:
    return _NOTHING if value is None else f"{value:,}"


def _amount(column: Column, value: int | None, currency: str) -> str:
    if value is None:
        return _NOTHING
    shown = escape(show_money(abs(value), currency))
    return f"−{shown}" if value < 0 else shown


def _moment(column: Column, value: datetime | None, currency: str) -> str:
    return when(value)


def _day(column: Column, value: date | None, currency: str) -> str:
    return date_format(value, "M j, Y") if value else _NOTHING


def _share(column: Column, value: Decimal | float | None, currency: str) -> str:
    return percent(value)


@register.filter
def percent(value: Decimal | float | None) -> SafeString:
    """Writes a share, 1 for 100%, to the tenth; a dash where there is none."""
    return _NOTHING if value is None else SafeString(f"{value * 100:.1f}%")


def _hours(column: Column, value: float | None, currency: str) -> str:
    return _NOTHING if value is None else f"{value:,.1f}"


_WRITERS: dict[Kind, Callable[[Column, Any, str], str]] = {
    Kind.TEXT: _text,
    Kind.COUNT: _count,
    Kind.AMOUNT: _amount,
    Kind.MOMENT: _moment,
    Kind.DAY: _day,
    Kind.SHARE: _share,
    Kind.HOURS: _hours,
}

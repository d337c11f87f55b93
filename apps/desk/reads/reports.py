"""What the page of a report shows: filters, totals beside the period before, a chart, some rows."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.forms import BoundField
from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property

from apps.common import money
from apps.desk.charts import Bar, bars
from apps.desk.words import day_in_words
from apps.reports.asking import Asked, ask, encoded
from apps.reports.reading import Compared, compared, page
from apps.reports.rules import PRESET_LABELS, Period, Preset
from apps.reports.types import Batch, ChartData, Column, Kind, Position, Report
from apps.stores.models import Store

_DAYS = ("since", "until", "period")


@dataclass(frozen=True)
class Link:
    """Something that can be chosen, with the address that chooses it (or takes it away)."""

    label: str
    url: str
    value: str = ""
    is_current: bool = False


@dataclass(frozen=True)
class Card:
    """One sum in large; `difference` is what it is more than in the period before, None where
    there is none to compare with; `percent` the same in per cent of that, None of nothing."""

    column: Column
    value: int
    currency: str
    before: int | None

    @property
    def is_amount(self) -> bool:
        """Whether it is cents."""
        return self.column.kind == Kind.AMOUNT

    @property
    def difference(self) -> int | None:
        """How much more than before."""
        return None if self.before is None else self.value - self.before

    @property
    def percent(self) -> int | None:
        """How much more than before, in per cent."""
        if not self.before:
            return None
        return round((self.value - self.before) * 100 / abs(self.before))


@dataclass(frozen=True)
class ShareCard:
    """One share in large, 1 for 100 %, and that of the period before; None of nothing."""

    label: str
    value: float | None
    before: float | None


@dataclass(frozen=True)
class CurrencyCards:
    """The sums of one currency, and shares of them."""

    currency: str
    rows: int
    rows_before: int | None
    cards: list[Card]
    shares: list[ShareCard]


@dataclass(frozen=True)
class Chart:
    """Bars with their words, as `parts/report_chart.html` draws them."""

    title: str
    bars: list[Bar]
    first: str
    last: str
    top: str
    points: list[tuple[str, str]]

    @property
    def summary(self) -> str:
        """What it shows, in a sentence."""
        return f"{self.title}, from {self.first} to {self.last}; the most is {self.top}"


class ReportPage:
    """A person's look at a report by the query of an address."""

    def __init__(self, report: Report, store: Store, query: QueryDict) -> None:
        self.report = report
        self.store = store
        self.query = query
        self.asked: Asked = ask(report, store, query)
        self.form = self.asked.form

    @property
    def url(self) -> str:
        """The report without filters."""
        return reverse("desk:report", args=[self.report.name])

    @property
    def canonical(self) -> str:
        """The filters in one fixed form; empty where they cannot be used."""
        return self.asked.question.query if self.asked.question else ""

    @property
    def pinned(self) -> str:
        """The same with the days that "this month" stands for now."""
        return self.asked.question.pinned if self.asked.question else ""

    def _url(self, given: Iterable[tuple[str, str]]) -> str:
        query = encoded(given)
        return f"{self.url}?{query}" if query else self.url

    @cached_property
    def _given(self) -> list[tuple[str, str]]:
        return self.form.given()

    @property
    def first_fields(self) -> list[BoundField]:
        """The filters in the open."""
        return [self.form[name] for name in self.form.first if name in self.form.fields]

    @property
    def more_fields(self) -> list[BoundField]:
        """The filters behind "More filters"."""
        fields = self.form.visible_fields()
        return [field for field in fields if field.name not in self.form.first]

    @property
    def has_errors_behind(self) -> bool:
        """Whether a filter that does not stand in the open cannot be used."""
        return any(field.errors for field in self.more_fields)

    @property
    def chips(self) -> list[Link]:
        """The filters in force but for dates, each with the address without it."""
        found = []
        for name, value in self._given:
            if name in (*_DAYS, "by"):
                continue
            field: Any = self.form.fields[name]
            choices = {str(key): str(words) for key, words in getattr(field, "choices", ())}
            rest = [pair for pair in self._given if pair != (name, value)]
            label = str(field.label or name)
            found.append(Link(label, self._url(rest), choices.get(value, day_in_words(value))))
        return found

    @property
    def unfiltered_url(self) -> str:
        """The same dates without the other filters."""
        return self._url(pair for pair in self._given if pair[0] in (*_DAYS, "by"))

    @property
    def presets(self) -> list[Link]:
        """The periods named from today."""
        rest = [pair for pair in self._given if pair[0] not in _DAYS]
        current = self.form.preset if self.asked.question else None
        return [
            Link(
                PRESET_LABELS[preset],
                self._url([*rest, ("period", preset.value)]),
                is_current=preset == current,
            )
            for preset in Preset
            if preset not in (Preset.TODAY, Preset.YESTERDAY)
        ]

    @property
    def period(self) -> str:
        """The days that count, in words."""
        return period_text(self.asked.question.period) if self.asked.question else ""

    @property
    def before(self) -> str:
        """The days that the totals are compared with, in words; empty where there are none."""
        if self.asked.question is None or not self.report.is_compared:
            return ""
        before = self.asked.question.before()
        return period_text(before.period) if before else ""

    @cached_property
    def totals(self) -> list[CurrencyCards]:
        """The sums, per currency."""
        if self.asked.question is None:
            return []
        return [self._cards(found) for found in compared(self.report, self.asked.question)]

    def _cards(self, found: Compared) -> CurrencyCards:
        now, before = found.totals, found.before
        return CurrencyCards(
            now.currency,
            now.rows,
            before.rows if before else None,
            [
                Card(
                    self.report.column(key),
                    now.sums[key],
                    now.currency,
                    before.sums[key] if before else None,
                )
                for key in self.report.cards
                if self._says_something(self.report.column(key))
            ],
            [
                ShareCard(ratio.label, ratio.of(now), ratio.of(before) if before else None)
                for ratio in self.report.ratios
            ],
        )

    def _says_something(self, column: Column) -> bool:
        question = self.asked.question
        return not column.only_with or bool(question and question.values.get(column.only_with))

    @cached_property
    def rows_total(self) -> int:
        """How many rows there are in all currencies."""
        return sum(found.rows for found in self.totals)

    @cached_property
    def chart(self) -> Chart | None:
        """The chart; None where there is nothing to draw."""
        found = self.report.chart(self.asked.question) if self.asked.question else None
        if not found or len(found.points) < 2 or not any(p.value > 0 for p in found.points):
            return None
        return drawn(found)

    @cached_property
    def batch(self) -> Batch:
        """The rows of the page. A position that is none begins anew."""
        if self.asked.question is None:
            return Batch([], None)
        try:
            return page(self.report, self.asked.question, self._after)
        except ValueError:
            return page(self.report, self.asked.question, None)

    @property
    def _after(self) -> Position | None:
        kept = self.query.get("after", "")
        return json.loads(kept) if 0 < len(kept) <= _LONGEST_POSITION else None

    @property
    def is_first(self) -> bool:
        """Whether the page begins with the first row."""
        return not self.query.get("after")

    @property
    def first_url(self) -> str:
        """The first page."""
        return self._url(self._given)

    @property
    def next_url(self) -> str:
        """The page behind this one; empty where there is none."""
        if self.batch.end is None:
            return ""
        after = json.dumps(self.batch.end, separators=(",", ":"))
        return self._url_behind([*self._back, self.query.get("after", "")], after)

    @property
    def previous_url(self) -> str:
        """The page before this one, where the address knows it; else empty."""
        return self._url_behind(self._back[:-1], self._back[-1]) if self._back else ""

    @property
    def _back(self) -> list[str]:
        """Where the pages before this one begin, as the address remembers them, this way come."""
        kept = self.query.getlist("back")[-_MOST_BACK:]
        return kept if all(len(place) <= _LONGEST_POSITION for place in kept) else []

    def _url_behind(self, back: list[str], after: str) -> str:
        if not after:
            return self.first_url
        places = [("back", place) for place in back[-_MOST_BACK:]]
        return self._url([*self._given, *places, ("after", after)])


# Longer ones are none of ours.
_LONGEST_POSITION = 200
# So many pages can be gone back, and then to the first: an address has an end.
_MOST_BACK = 20


def drawn(found: ChartData) -> Chart:
    """Returns a chart with its bars laid out; amounts are written in their currency."""
    values = [_value(point.value, found.currency) for point in found.points]
    top = max(range(len(values)), key=lambda n: found.points[n].value)
    named = [day_in_words(point.label) for point in found.points]
    labels = [f"{name}: {value}" for name, value in zip(named, values, strict=True)]
    return Chart(
        title=found.title,
        bars=bars([float(max(point.value, 0)) for point in found.points], labels),
        first=named[0],
        last=named[-1],
        top=values[top],
        points=list(zip(named, values, strict=True)),
    )


def _value(value: int, currency: str) -> str:
    return money.show(value, currency) if currency else f"{value:,}"


def period_text(period: Period) -> str:
    """Returns days in words, such as from Jan 1 to Jan 31, 2026."""
    since, until = period.since, period.until
    if since is None:
        return f"until {date_format(until, 'M j, Y')}" if until else "All time"
    if until is None:
        return f"since {date_format(since, 'M j, Y')}"
    if since == until:
        return date_format(since, "M j, Y")
    first = date_format(since, "M j" if since.year == until.year else "M j, Y")
    return f"{first} – {date_format(until, 'M j, Y')}"

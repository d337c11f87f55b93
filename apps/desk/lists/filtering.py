"""What the filters of several lists have in common: days, ages, several values at once, cases."""

from datetime import date, datetime, timedelta
from typing import Any

import django_filters as df
from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.accounts.queries import people_of
from apps.cases.models import Case
from apps.common import clock
from apps.common.days import refuse_odd_day, start_of_day

Choices = list[tuple[str, str]]

AGES: dict[str, tuple[str, timedelta]] = {
    "1h": ("1 hour ago", timedelta(hours=1)),
    "4h": ("4 hours ago", timedelta(hours=4)),
    "1d": ("1 day ago", timedelta(days=1)),
    "2d": ("2 days ago", timedelta(days=2)),
    "3d": ("3 days ago", timedelta(days=3)),
    "7d": ("7 days ago", timedelta(days=7)),
    "14d": ("14 days ago", timedelta(days=14)),
    "30d": ("30 days ago", timedelta(days=30)),
    "90d": ("90 days ago", timedelta(days=90)),
}
MOST_DAYS = 3650


def start_of_today() -> datetime:
    """Returns midnight of today on the store's clock."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def several(label: str, column: str, choices: Choices) -> df.MultipleChoiceFilter:
    """Returns a filter that keeps rows whose `column` has any of the values given."""
    return df.MultipleChoiceFilter(
        label=label,
        field_name=column,
        method="any_of",
        choices=choices,
        widget=forms.CheckboxSelectMultiple,
    )


def one_of(label: str, method: str, choices: Choices, empty: str = "Any") -> df.ChoiceFilter:
    """Returns a filter of one value, worked out by `method`."""
    return df.ChoiceFilter(label=label, method=method, choices=choices, empty_label=empty)


def text(label: str, method: str) -> df.CharFilter:
    """Returns a filter by text without the blanks around it."""
    return df.CharFilter(label=label, method=method, strip=True, max_length=255)


class _DaysFilter(df.NumberFilter):
    field_class = forms.IntegerField

    def get_max_validator(self) -> None:
        """Its own largest number is enough."""
        return


def days(label: str, method: str) -> df.NumberFilter:
    """Returns a filter by a whole number of days."""
    return _DaysFilter(
        label=label,
        method=method,
        min_value=0,
        max_value=MOST_DAYS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "days"}),
    )


def by_age(column: str, label: str) -> df.ChoiceFilter:
    """Returns a filter that keeps rows whose moment in `column` lies further back."""
    return df.ChoiceFilter(
        label=label,
        field_name=column,
        method="older_than",
        choices=[(key, words) for key, (words, _) in AGES.items()],
        empty_label="Any age",
    )


def from_day_on(column: str, label: str) -> df.DateFilter:
    """Returns a filter that keeps rows on or after a day."""
    return _day(column, "from_day", label)


def until_day(column: str, label: str) -> df.DateFilter:
    """Returns a filter that keeps rows on or before a day."""
    return _day(column, "to_day", label)


def _day(column: str, method: str, label: str) -> df.DateFilter:
    return df.DateFilter(
        validators=[refuse_odd_day],
        field_name=column,
        method=method,
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


def _midnight(day: date) -> datetime:
    return start_of_day(day, timezone.get_current_timezone())


def people_choices(store_id: int) -> Choices:
    """Returns the people of a store, to choose one of; one query."""
    return [
        (str(person.pk), person.get_full_name() or person.get_username())
        for person in people_of(store_id=store_id)
    ]


class ListFilters(df.FilterSet):
    """Narrows a list. `first` names the filters that stand in the open; the others are behind
    "More filters". Days are the store's: from midnight to midnight on its clock."""

    first: tuple[str, ...] = ()
    # Filters by what stands in rows below the list's own, and what these call the row above them.
    below: tuple[str, ...] = ()
    above: str = ""

    @property
    def store_id(self) -> int:
        """The store whose rows these are."""
        return int(self.request.seat.store.pk)

    @property
    def user_id(self) -> int:
        """The person who looks."""
        return int(self.request.seat.membership.user_id)

    def rows_below(self, name: str, value: Any) -> QuerySet[Any]:
        """Returns the rows that the filter `name`, one of `below`, looks for."""
        raise NotImplementedError(name)

    @property
    def counted(self) -> QuerySet[Any] | None:
        """As many as the rows that are kept, to be counted in their place, or None. In the order of
        a list it can be a long way to the next row that has a match below it; the matches have an
        index of their own."""
        asked = self.form.cleaned_data if self.is_valid() else {}
        found = next((name for name in self.below if asked.get(name)), None)
        if found is None:
            return None
        others = self.queryset.all()
        for name in asked.keys() - {found}:
            others = self.filters[name].filter(others, asked[name])
        matches = self.rows_below(found, asked[found])
        matches = matches.filter(**{f"{self.above}__in": others.order_by().values("pk")})
        return matches.order_by(f"-{self.above}_id").values(f"{self.above}_id").distinct()

    def any_of(self, rows: QuerySet[Any], name: str, values: list[str]) -> QuerySet[Any]:
        """Keeps rows that have one of the values."""
        return rows.filter(**{f"{name}__in": values})

    def older_than(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps rows whose moment is longer ago."""
        return rows.filter(**{f"{name}__lte": clock.now() - AGES[value][1]})

    def from_day(self, rows: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        """Keeps rows on or after `day`."""
        return rows.filter(**{f"{name}__gte": _midnight(day)})

    def to_day(self, rows: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        """Keeps rows on or before `day`."""
        return rows.filter(**{f"{name}__lt": _midnight(day + timedelta(days=1))})


class CaseFilters(ListFilters):
    """Filters by what people agreed about orders and returns."""

    subject_kind: str
    subject_column: str

    assignee = one_of("Assignee", "by_assignee", [], "Anybody")
    flagged = one_of("Flag", "by_flag", [("yes", "Flagged")])
    due = one_of("Due", "by_due", [("overdue", "Overdue")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Choices = [("me", "Me"), ("nobody", "Nobody")]
        self.filters["assignee"].extra["choices"] = own + people_choices(self.store_id)

    def _with(self, rows: QuerySet[Any], **agreed: Any) -> QuerySet[Any]:
        cases = Case.objects.filter(
            store_id=self.store_id, subject_kind=self.subject_kind, **agreed
        )
        return rows.filter(**{f"{self.subject_column}__in": cases.values("subject")})

    def by_assignee(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps what a person works on, or nobody."""
        if value != "nobody":
            return self._with(rows, assignee_id=self.user_id if value == "me" else int(value))
        assigned = Case.objects.filter(
            store_id=self.store_id,
            subject_kind=self.subject_kind,
            subject=OuterRef(self.subject_column),
            assignee__isnull=False,
        )
        return rows.filter(~Exists(assigned))

    def by_flag(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps what automation keeps its hands off."""
        return self._with(rows, flagged_at__isnull=False)

    def by_due(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keeps what should have been dealt with by now."""
        return self._with(rows, due_at__lte=clock.now())

"""The form of a schedule: what, when, to whom; addresses outside of the store one by one."""

from typing import Any

from django import forms
from django.http import QueryDict

from apps.common.errors import Refused
from apps.desk.field_words import words_for
from apps.reports.asking import ask, encoded
from apps.reports.filters import ReportFilters
from apps.reports.models import Schedule
from apps.reports.recipients import MOST_RECIPIENTS, outsiders, parse_recipients
from apps.reports.rhythm import WEEKDAYS
from apps.reports.rules import PRESET_LABELS, Preset
from apps.reports.schedules import ScheduleValues
from apps.reports.types import Report
from apps.stores.models import Store

# The periods that can be over when a report is sent.
_PERIODS = [
    (preset.value, PRESET_LABELS[preset])
    for preset in (
        Preset.LAST_WEEK,
        Preset.LAST_MONTH,
        Preset.LAST_QUARTER,
        Preset.LAST_YEAR,
        Preset.YESTERDAY,
        Preset.THIS_WEEK,
        Preset.THIS_MONTH,
        Preset.THIS_QUARTER,
        Preset.THIS_YEAR,
        Preset.ALL,
    )
]
_DAYS = ("since", "until", "period")
# Before the names of the report's own filters, which may be called like fields of the schedule.
FILTER = "filter"


class ScheduleForm(forms.Form):
    """A schedule as a person writes it down. `outside` are the addresses that it allows though
    nobody of the store who may see the report has them; `strangers` all of that kind."""

    query = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)
    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="The subject of its mails; the days are added.",
        error_messages=words_for("the name", required="Write a name: its mails are called so."),
    )
    period = forms.ChoiceField(
        label="Days", choices=_PERIODS, help_text="Counted from the day it is planned for."
    )
    format = forms.ChoiceField(label="File", choices=Schedule.Format.choices)
    cadence = forms.ChoiceField(label="How often", choices=Schedule.Cadence.choices)
    weekday = forms.TypedChoiceField(
        label="Weekday, if weekly", choices=list(enumerate(WEEKDAYS)), coerce=int
    )
    day_of_month = forms.TypedChoiceField(
        label="Day, if monthly",
        choices=[(day, str(day)) for day in range(1, 32)],
        coerce=int,
        help_text="Shorter months: on their last day.",
    )
    hour = forms.TypedChoiceField(
        label="Time", choices=[(hour, f"{hour:02}:00") for hour in range(24)], coerce=int
    )
    delivery = forms.ChoiceField(
        label="The mail has",
        choices=Schedule.Delivery.choices,
        help_text="A link needs a sign-in, and the right to see the report. A file that is too "
        "large for a mail goes as a link.",
    )
    recipients = forms.CharField(
        label="Recipients",
        max_length=6000,
        widget=forms.Textarea(
            attrs={"rows": 4, "autocapitalize": "off", "spellcheck": "false", "autocomplete": "off"}
        ),
        help_text=f"E-mail addresses, one a line or with commas between; {MOST_RECIPIENTS} at "
        "most. Each gets a mail of its own.",
        error_messages=words_for("the list of recipients", required="Name at least one address."),
    )

    def __init__(self, *args: Any, report: Report, store: Store, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.report, self.store = report, store
        self.fields["hour"].help_text = f"On the store’s clock, {store.time_zone}."
        allowed = self.data.getlist("outside") if isinstance(self.data, QueryDict) else []
        self.allowed: list[str] = allowed or self.initial.get("outside", [])
        self.strangers: list[str] = list(self.allowed) if not self.is_bound else []
        self.filters = _filter_form(ask(report, store, self.asked_query).form)

    @property
    def asked_query(self) -> str:
        """The filters as an address: those that stand in the form's own fields, else the ones it
        came with."""
        if isinstance(self.data, QueryDict) and "filters" in self.data:
            return encoded(_posted_filters(self.data))
        return str(self["query"].value() or "")

    @property
    def filter_fields(self) -> list[forms.BoundField]:
        """The report's filters, but for its days, each with its error where it cannot be used."""
        return [field for field in self.filters.visible_fields() if field.name not in _DAYS]

    @property
    def has_filter_errors(self) -> bool:
        """Whether one of them cannot be used."""
        return any(field.errors for field in self.filter_fields)

    def clean_name(self) -> str:
        """A name is one line: it stands in the head of a mail."""
        name = str(self.cleaned_data["name"])
        if not name.isprintable():
            raise forms.ValidationError("The name holds a line break or the like: write it anew.")
        return name

    def clean_recipients(self) -> list[str]:
        """Reads the addresses, and finds out whose they are."""
        try:
            found = parse_recipients(self.cleaned_data["recipients"])
        except Refused as refusal:
            text = str(refusal)
            raise forms.ValidationError(f"{text[:1].upper()}{text[1:]}.") from refusal
        self.strangers = outsiders(store_id=self.store.pk, report=self.report, recipients=found)
        return found

    def clean(self) -> dict[str, Any]:
        """Refuses filters that cannot be used, and addresses outside that are not allowed."""
        values = super().clean() or self.cleaned_data
        if "period" in values and ask(self.report, self.store, self._query(values)).form.errors:
            self.add_error(None, "A filter cannot be used: its error stands beside it.")
        if any(address not in self.allowed for address in self.strangers):
            self.add_error(
                None,
                "Not everybody works here and may see this report: allow those named below one by "
                "one, or take them out.",
            )
        return values

    @property
    def unasked(self) -> list[tuple[str, bool]]:
        """The addresses outside, each with whether it is allowed."""
        return [(address, address in self.allowed) for address in self.strangers]

    def _query(self, values: dict[str, Any]) -> str:
        return with_period(self.asked_query, values["period"])

    def values(self) -> ScheduleValues:
        """Returns what the valid form says."""
        names = ("name", "format", "cadence", "weekday", "day_of_month", "hour", "delivery")
        values = self.cleaned_data
        return ScheduleValues(
            **{name: values[name] for name in names},
            query=self._query(values),
            recipients=tuple(values["recipients"]),
            outside=tuple(self.strangers),
        )


def _filter_form(asked: ReportFilters) -> ReportFilters:
    """Returns the same filters under names of their own."""
    data = QueryDict(mutable=True)
    for name, value in asked.given():
        data.appendlist(f"{FILTER}-{name}", value)
    found = type(asked)(data, store=asked.store, today=asked.today)
    found.prefix = FILTER
    return found


def _posted_filters(data: QueryDict) -> list[tuple[str, str]]:
    return [
        (name.removeprefix(f"{FILTER}-"), value)
        for name, values in data.lists()
        for value in values
        if name.startswith(f"{FILTER}-") and value.strip()
    ]


def with_period(query: str, period: str) -> str:
    """Returns filters with that period in place of whatever days they name."""
    given = [
        (name, value)
        for name, values in QueryDict(query).lists()
        for value in values
        if name not in _DAYS
    ]
    return encoded([*given, ("period", period)])


def initial_of(schedule: Schedule) -> dict[str, Any]:
    """Returns what the form of a schedule begins with."""
    names = ("name", "format", "cadence", "weekday", "day_of_month", "hour", "delivery", "query")
    return {
        **{name: getattr(schedule, name) for name in names},
        "period": QueryDict(schedule.query).get("period", Preset.LAST_MONTH.value),
        "recipients": "\n".join(schedule.recipients),
        "outside": schedule.outside,
    }


def initial_for(report: Report, query: str, address: str) -> dict[str, Any]:
    """Returns what the form begins with for a report that is looked at; `address` is whoever
    looks."""
    period = QueryDict(query).get("period", "")
    is_weekly = period == Preset.LAST_WEEK
    return {
        "query": query,
        "name": report.title,
        "period": period if period in dict(_PERIODS) else Preset.LAST_MONTH.value,
        "cadence": Schedule.Cadence.WEEKLY if is_weekly else Schedule.Cadence.MONTHLY,
        "weekday": 0,
        "day_of_month": 1,
        "hour": 8,
        "delivery": Schedule.Delivery.LINK,
        "recipients": address,
    }

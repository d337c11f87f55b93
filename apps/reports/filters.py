"""What every report can be narrowed by: a range of days on the store's clock."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms

from apps.common.days import refuse_odd_day
from apps.reports.rules import Period, Preset, period_of
from apps.stores.models import Store

Choices = list[tuple[str, str]]


def day_field(label: str) -> forms.DateField:
    """Returns a field for a day, or nothing."""
    return forms.DateField(
        label=label,
        required=False,
        validators=[refuse_odd_day],
        widget=forms.DateInput(attrs={"type": "date"}),
    )


def text_field(label: str) -> forms.CharField:
    """Returns a field for text, or nothing."""
    return forms.CharField(label=label, required=False, strip=True, max_length=255)


def choice_field(label: str, choices: Iterable[tuple[str, str]], empty: str = "Any") -> Any:
    """Returns a field for one of `choices`, or nothing."""
    return forms.ChoiceField(label=label, required=False, choices=[("", empty), *choices])


class CurrencyField(forms.CharField):
    """A currency by its three letters, in whatever capitals, or nothing."""

    def __init__(self) -> None:
        widget = forms.TextInput(attrs={"maxlength": 3})
        super().__init__(label="Currency", required=False, strip=True, widget=widget)

    def clean(self, value: Any) -> str:
        """Returns it in capitals, as currencies are kept."""
        currency = str(super().clean(value)).upper()
        if currency and not re.fullmatch("[A-Z]{3}", currency):
            raise forms.ValidationError(
                f"“{currency[:20]}” is no currency: write its three letters, as in USD, or nothing."
            )
        return currency


class ReportFilters(forms.Form):
    """The filters of a report. `dates` says which dates its days can be about (a report with one
    has no choice of it), `default_period` what counts where no days are named; `first` are the
    fields that stand in the open."""

    dates: Choices = []
    default_period = Preset.THIS_MONTH
    first: tuple[str, ...] = ("by", "since", "until")

    by = forms.ChoiceField(label="Date", required=False)
    since = day_field("From")
    until = day_field("To")
    period = forms.ChoiceField(
        required=False,
        choices=[(preset.value, preset.value) for preset in Preset],
        widget=forms.HiddenInput,
    )

    def __init__(self, data: Any, *, store: Store, today: date) -> None:
        self.store = store
        self.today = today
        super().__init__(data)
        self.fields["by"].choices = self.dates  # type: ignore[attr-defined]
        if len(self.dates) < 2:
            del self.fields["by"]

    def clean(self) -> dict[str, Any]:
        """Refuses days in the wrong order; the first of `dates` counts where none is chosen."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = values.get("since"), values.get("until")
        if since and until and since > until:
            self.add_error("until", f"{until} is before {since}: name the later day here.")
        if self.dates:
            values["by"] = values.get("by") or self.dates[0][0]
        return values

    @property
    def asked_period(self) -> Period:
        """The days that count: those named, else the period named, else the default one."""
        values = self.cleaned_data
        if values.get("since") or values.get("until"):
            return Period(values.get("since"), values.get("until"))
        return period_of(Preset(values.get("period") or self.default_period), self.today)

    @property
    def preset(self) -> Preset | None:
        """The period that is named from today; None where days are named."""
        values = self.cleaned_data
        if values.get("since") or values.get("until"):
            return None
        return Preset(values.get("period") or self.default_period)

    def given(self) -> list[tuple[str, str]]:
        """Returns what of the address counts, in the fixed order of the fields, each value once.
        Days that are named win over a named period."""
        found: list[tuple[str, str]] = []
        has_days = any(self._texts(name) for name in ("since", "until"))
        for name in self.fields:
            if name == "period" and has_days:
                continue
            found += [(name, value) for value in self._texts(name)]
        return list(dict.fromkeys(found))

    def _texts(self, name: str) -> list[str]:
        data: Any = self.data
        values = data.getlist(name) if hasattr(data, "getlist") else [data.get(name) or ""]
        return [value.strip() for value in values if value.strip()]

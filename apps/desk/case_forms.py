"""What people fill in on the case of an order or a return, read into values of the domain."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from apps.accounts.models import User
from apps.cases.services import MOST_NOTE_CHARACTERS
from apps.common import clock
from apps.desk.reads.case import CasePanel

NOBODY = "Nobody"
LAST_YEAR = 2999


class NoteForm(forms.Form):
    """An internal note."""

    text = forms.CharField(
        label="Note",
        max_length=MOST_NOTE_CHARACTERS,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "data-mentions": "",
                "data-key": "n",
                "data-key-label": "Write a note",
            }
        ),
        help_text="Seen by staff only, never sent. Name people with @.",
        error_messages={
            "required": "Write something: the note is empty.",
            "max_length": "The note has %(show_value)s characters, %(limit_value)s are the most: "
            "shorten it.",
        },
    )


class AssignForm(forms.Form):
    """Whose it is. `seen` is whose it was when the page was drawn."""

    assignee = forms.ChoiceField(label="Assigned to", required=False)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None, *, panel: CasePanel) -> None:
        self._people = {person.get_username(): person for person in panel.people}
        now_with = panel.assignee.get_username() if panel.assignee else ""
        super().__init__(data, initial={"assignee": now_with, "seen": now_with})
        field = self.fields["assignee"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", NOBODY),
            *((name, person.get_full_name() or name) for name, person in self._people.items()),
        ]
        field.error_messages["invalid_choice"] = (
            "%(value)s has no role in this store: choose somebody of the list."
        )

    def clean_assignee(self) -> User | None:
        """Returns the person chosen, None for nobody."""
        return self._people.get(self.cleaned_data["assignee"])


class DueForm(forms.Form):
    """By which day it should be dealt with; without one the date is taken away."""

    due_on = forms.DateField(
        label="Due on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day as in 2026-01-31."},
    )

    def clean_due_on(self) -> datetime | None:
        """Returns the last moment of that day on the store's clock, in UTC."""
        day = self.cleaned_data["due_on"]
        if day is None:
            return None
        if day.year > LAST_YEAR:
            raise forms.ValidationError(f"{day} is too far away: choose a day up to {LAST_YEAR}.")
        zone = timezone.get_current_timezone()
        due_at = datetime.combine(day, time(23, 59, 59), tzinfo=zone).astimezone(UTC)
        if due_at < clock.now():
            raise forms.ValidationError(f"{day} is in the past: choose today or a later day.")
        return due_at


class FlagForm(forms.Form):
    """Why automation must leave it alone."""

    reason = forms.CharField(
        label="Why",
        max_length=200,
        help_text="Shown on top of the page and in the timeline. Up to 200 characters.",
        error_messages={"required": "Write why: the next person will want to know."},
    )


class NothingForm(forms.Form):
    """Nothing to fill in."""


@dataclass(frozen=True)
class CaseForms:
    """The forms of a case panel; one of them may hold what was typed and what is wrong with it."""

    note: forms.Form
    assign: forms.Form
    due: forms.Form
    flag: forms.Form
    unflag: forms.Form

    def with_form(self, name: str, form: forms.Form) -> "CaseForms":
        """Returns the same forms with `form` in the place of the one called `name`."""
        return replace(self, **{name: form})

    @property
    def refused(self) -> forms.Form | None:
        """The form with which something is wrong."""
        forms_ = (self.note, self.assign, self.due, self.flag, self.unflag)
        return next((form for form in forms_ if form.is_bound and form.errors), None)


def case_forms(panel: CasePanel) -> CaseForms:
    """Returns the empty forms for a case as it stands."""
    return CaseForms(
        note=form_named("note", None, panel),
        assign=form_named("assign", None, panel),
        due=form_named("due", None, panel),
        flag=form_named("flag", None, panel),
        unflag=form_named("unflag", None, panel),
    )


def form_named(name: str, data: Mapping[str, Any] | None, panel: CasePanel) -> forms.Form:
    """Returns the form of that name (`note`, `assign`, `due`, `flag` or `unflag`), with what was
    typed."""
    if name == "assign":
        return AssignForm(data, panel=panel)
    if name == "due":
        zone = timezone.get_current_timezone()
        assert isinstance(zone, ZoneInfo)
        due_at = panel.case.due_at if panel.case else None
        initial = {"due_on": due_at.astimezone(zone).date()} if due_at else None
        return DueForm(data, initial=initial)
    return {"note": NoteForm, "flag": FlagForm}.get(name, NothingForm)(data)

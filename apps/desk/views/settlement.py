"""What Optoro is owed for exchange orders, and whether the units pay just that."""

from datetime import date, datetime, timedelta

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.common.days import refuse_odd_day
from apps.desk.reads.settlement import DIFFERENT, OPEN, settlement_page
from apps.desk.seats import DeskRequest, at_desk
from apps.reconciliation.settlement_rules import LABELS


class SettlementForm(forms.Form):
    """What the list is narrowed by."""

    search = forms.CharField(
        label="Transaction, order, return or refund", required=False, max_length=255, strip=True
    )
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any"),
            (DIFFERENT, "With a difference"),
            (OPEN, "Not settled yet"),
            *((state.value, label) for state, label in LABELS.items()),
        ],
    )
    since = forms.DateField(
        label="Placed since",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[refuse_odd_day],
    )
    until = forms.DateField(
        label="Placed until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[refuse_odd_day],
    )


@require_GET
@at_desk
def settlement(request: DeskRequest) -> HttpResponse:
    """Exchange orders with what pays for them; an unusable filter shows its error and narrows
    nothing."""
    form = SettlementForm(request.GET)
    is_usable = form.is_valid()
    asked = form.cleaned_data if is_usable else {}
    until = asked.get("until")
    found = settlement_page(
        store_id=request.seat.store.pk,
        state=asked.get("state", ""),
        search=asked.get("search", ""),
        since=_midnight(asked.get("since")),
        until=_midnight(until + timedelta(days=1) if until else None),
        sort=request.GET.get("sort", ""),
        number=request.GET.get("page"),
    )
    return render(
        request,
        "desk/settlement.html",
        {
            "filter": {"form": form},
            "is_filtered": any(request.GET.get(name) for name in form.fields),
            "page": found.page,
            "sort": found.sort,
            "totals": found.totals,
            "begins": found.begins,
            "day_before": found.day_before,
        },
    )


def _midnight(day: date | None) -> datetime | None:
    """A day begins on the store's clock."""
    if day is None:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())

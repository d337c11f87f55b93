"""Making a question of an address, for a page as for a file or a command."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict

from apps.common import clock
from apps.common.errors import Refused
from apps.reports.filters import ReportFilters
from apps.reports.rules import Period, Preset
from apps.reports.types import Question, Report
from apps.stores.models import Store
from apps.stores.queries import zone_of


@dataclass(frozen=True)
class Asked:
    """What an address asks of a report; `question` is None where a filter cannot be used, and
    `form` then says which."""

    form: ReportFilters
    question: Question | None


def ask(
    report: Report, store: Store, query: QueryDict | str, *, today: date | None = None
) -> Asked:
    """Reads an address's query; "last month" counts from `today` (on the store's clock; else now).
    What the report does not know is left out."""
    data = QueryDict(query) if isinstance(query, str) else query
    zone = zone_of(store)
    today = today or clock.now().astimezone(zone).date()
    form = report.filters(data, store=store, today=today)
    if not form.is_valid():
        return Asked(form, None)
    given = form.given()
    period = form.asked_period
    question = Question(
        store=store,
        zone=zone,
        values=form.cleaned_data,
        period=period,
        query=encoded(given),
        pinned=encoded([*_days(period), *_without_days(given)]),
    )
    return Asked(form, question)


def question_of(report: Report, store: Store, query: str, *, today: date | None = None) -> Question:
    """Returns the question of a kept query, as of `today` (as `ask` has it); raises Refused, naming
    the filters, where it can no longer be used."""
    asked = ask(report, store, query, today=today)
    if asked.question is None:
        raise Refused(
            "the filters cannot be used: "
            + "; ".join(
                f"{name}: {' '.join(str(error) for error in errors)}"
                for name, errors in asked.form.errors.items()
            )
        )
    return asked.question


def _without_days(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in given if name not in ("since", "until", "period")]


def _days(period: Period) -> list[tuple[str, str]]:
    days = [("since", period.since), ("until", period.until)]
    return [(name, day.isoformat()) for name, day in days if day] or [("period", Preset.ALL.value)]


def encoded(parameters: Iterable[tuple[str, str]]) -> str:
    """Returns parameters as they stand behind `?`."""
    query = QueryDict(mutable=True)
    for name, value in parameters:
        query.appendlist(name, value)
    return query.urlencode()

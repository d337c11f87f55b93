"""What the pages of schedules show."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.paginator import Page
from django.db.models import Max
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from apps.desk.paging import page_of
from apps.reports.asking import ask
from apps.reports.letters import filters_in_words
from apps.reports.models import Schedule, ScheduleChange, ScheduleRun
from apps.reports.recipients import outsiders
from apps.reports.registry import report_named
from apps.reports.rules import PRESET_LABELS, Preset
from apps.reports.schedule_runs import rhythm_of
from apps.stores.models import Store

CHANGES_SHOWN = 20


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule in words, with its newest run."""

    schedule: Schedule
    title: str
    rhythm: str
    period: str
    run: ScheduleRun | None

    @property
    def state(self) -> str:
        """Whether it goes on, as a word of `words`."""
        if self.schedule.removed_at:
            return "removed"
        return "active" if self.schedule.is_active else "paused"


@dataclass(frozen=True)
class Recipient:
    """An address; `is_outside` where nobody of the store who may see the report has it, and
    `is_allowed` where its author let it in all the same."""

    address: str
    is_outside: bool
    is_allowed: bool


@dataclass(frozen=True)
class SchedulePage:
    """One schedule: what it sends, to whom, what became of it, and who changed it."""

    row: ScheduleRow
    filters: list[tuple[str, str]]
    report_url: str
    recipients: list[Recipient]
    runs: Page[ScheduleRun]
    changes: list[ScheduleChange]

    @property
    def schedule(self) -> Schedule:
        """The schedule itself."""
        return self.row.schedule


def schedule_rows(store_id: int) -> list[ScheduleRow]:
    """Returns the schedules of a store that were not deleted, newest first, in two queries."""
    schedules = list(
        Schedule.objects.filter(store_id=store_id, removed_at=None)
        .select_related("store", "author")
        .annotate(newest=Max("runs__pk"))
        .order_by("-pk")
    )
    runs = ScheduleRun.objects.in_bulk([one.newest for one in schedules if one.newest])
    return [_row(one, runs.get(one.newest)) for one in schedules]


def _row(schedule: Schedule, run: ScheduleRun | None) -> ScheduleRow:
    report = report_named(schedule.report)
    return ScheduleRow(
        schedule=schedule,
        title=report.title if report else schedule.report,
        rhythm=rhythm_of(schedule).in_words(),
        period=_period(schedule),
        run=run,
    )


def _period(schedule: Schedule) -> str:
    named = QueryDict(schedule.query).get("period", "")
    return str(PRESET_LABELS[Preset(named)]) if named in list(Preset) else named


def schedule_page(request: HttpRequest, schedule: Schedule) -> SchedulePage:
    """Reads the page of a schedule, with the page of its runs that the address names."""
    rows = schedule.runs.select_related("export", "asked_by").order_by("-pk")
    runs = page_of(request, rows)
    # The newest run stands on the first page; on others it is asked for.
    newest = runs.object_list[0] if runs.number == 1 and len(runs.object_list) else rows.first()
    return SchedulePage(
        row=_row(schedule, newest),
        filters=filters_of(schedule.store, schedule.report, schedule.query),
        report_url=f"{reverse('desk:report', args=[schedule.report])}?{schedule.query}"
        if report_named(schedule.report)
        else "",
        recipients=list(_recipients(schedule)),
        runs=runs,
        changes=list(schedule.changes.select_related("actor")[:CHANGES_SHOWN]),
    )


def _recipients(schedule: Schedule) -> Iterable[Recipient]:
    report = report_named(schedule.report)
    strangers = (
        outsiders(store_id=schedule.store_id, report=report, recipients=schedule.recipients)
        if report
        else []
    )
    for address in schedule.recipients:
        yield Recipient(address, address in strangers, address in schedule.outside)


def filters_of(store: Store, report_name: str, query: str) -> list[tuple[str, str]]:
    """Returns the filters of a query in words, but for its days."""
    report = report_named(report_name)
    return list(filters_in_words(ask(report, store, query))) if report else []

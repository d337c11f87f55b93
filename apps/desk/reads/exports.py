"""What the pages of exports show."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.urls import reverse

from apps.desk.reads.reports import period_text
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.reports.asking import ask
from apps.reports.models import Export, ExportDownload
from apps.reports.registry import report_named
from apps.reports.types import Totals

DOWNLOADS_SHOWN = 20


@dataclass(frozen=True)
class ExportRow:
    """An export with what it is of, in words."""

    export: Export
    title: str
    period: str
    filters: list[tuple[str, str]]
    report_url: str


def export_rows(page: Iterable[Export]) -> list[ExportRow]:
    """Returns the rows of a page of exports."""
    return [_row(export) for export in page]


def _row(export: Export) -> ExportRow:
    report = report_named(export.report)
    if report is None:
        return ExportRow(export, export.report, "", parse_qsl(export.query), "")
    asked = ask(report, export.store, export.query)
    fields = report.filters.base_fields
    filters = [
        (str(fields[name].label or name), value)
        for name, value in asked.form.given()
        if name in fields and name not in ("since", "until", "period")
    ]
    period = period_text(asked.question.period) if asked.question else ""
    url = f"{reverse('desk:report', args=[report.name])}?{export.query}"
    return ExportRow(export, report.title, period, filters, url)


@dataclass(frozen=True)
class ExportPage:
    """One export, who has taken it, and its job where that is in trouble."""

    row: ExportRow
    totals: list[Totals]
    downloads: list[ExportDownload]
    trouble: Job | None

    @property
    def export(self) -> Export:
        """The export itself."""
        return self.row.export


def export_page(export: Export) -> ExportPage:
    """Reads the page of an export."""
    jobs = Job.objects.filter(topic=topics.EXPORT_REPORT, key=str(export.pk)).order_by("-pk")
    job = jobs.first() if export.is_under_way else None
    in_trouble = job is not None and (
        job.state == JobState.HELD or (job.state == JobState.WAITING and job.failures > 0)
    )
    downloads = export.downloads.select_related("person")[:DOWNLOADS_SHOWN]
    return ExportPage(
        row=_row(export),
        totals=[Totals(**found) for found in export.totals],
        downloads=list(downloads),
        trouble=job if in_trouble else None,
    )

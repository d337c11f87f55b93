"""Reports on screen, and as a file of what is looked at."""

from itertools import groupby

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.rules import Action
from apps.desk.reads.reports import ReportPage
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.reports.registry import all_reports, report_named
from apps.reports.types import Report


def report_or_404(request: DeskRequest, name: str) -> Report:
    """Returns the report, for who may see it; raises Http404 and PermissionDenied."""
    report = report_named(name)
    if report is None:
        raise Http404(f"There is no report {name}.")
    demand(request, report.action)
    return report


@require_GET
@at_desk
def index(request: DeskRequest) -> HttpResponse:
    """The reports there are, by group."""
    demand(request, Action.VIEW_FINANCE)
    groups = [
        (group, list(reports))
        for group, reports in groupby(all_reports(), key=lambda report: report.group)
    ]
    return render(request, "desk/reports.html", {"groups": groups})


@require_GET
@at_desk
def report(request: DeskRequest, name: str) -> HttpResponse:
    """One report; a filter that cannot be used shows its error, and no figures."""
    found = report_or_404(request, name)
    page = ReportPage(found, request.seat.store, request.GET)
    return render(request, "desk/report.html", {"page": page, "report": found})

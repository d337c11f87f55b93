"""Reports as files: at once where they are short, else made in the background."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.paging import page_of
from apps.desk.reads.exports import export_page, export_rows
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.views.reports import report_or_404
from apps.reports.asking import ask
from apps.reports.csv_writing import csv_stream
from apps.reports.exports import cancel_export, start_export, take_file
from apps.reports.files import file_name
from apps.reports.models import Export
from apps.reports.queries import exports_of
from apps.reports.reading import totals
from apps.reports.registry import report_named

# A file that is made while somebody waits keeps a worker busy.
MOST_ROWS_AT_ONCE = 100_000
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@require_GET
@at_desk
def rows(request: DeskRequest, name: str) -> HttpResponseBase:
    """A report as CSV, as it is looked at, row by row as they are read; with the totals in the
    end."""
    report = report_or_404(request, name)
    question = ask(report, request.seat.store, request.GET).question
    if question is None:
        messages.error(request, "No file: a filter cannot be used. Correct it first.")
        return redirect(f"{_report_url(name)}?{request.GET.urlencode()}")
    if sum(found.rows for found in totals(report, question)) > MOST_ROWS_AT_ONCE:
        messages.error(
            request,
            f"More than {MOST_ROWS_AT_ONCE:,} rows are not given out at once: have the file made "
            "in the background, with CSV or Excel.",
        )
        return redirect(f"{_report_url(name)}?{question.query}")
    return StreamingHttpResponse(
        csv_stream(report, question),
        content_type=_TYPES["csv"],
        headers=_headers(file_name(report, question, "csv")),
    )


def _report_url(name: str) -> str:
    return reverse("desk:report", args=[name])


@require_POST
@at_desk
def start(request: DeskRequest, name: str) -> HttpResponse:
    """Has a file made of a report as it is looked at."""
    report = report_or_404(request, name)
    query = request.POST.get("query", "")
    question = ask(report, request.seat.store, QueryDict(query)).question
    if question is None:
        messages.error(request, "Not exported: a filter cannot be used. Correct it first.")
        return redirect(f"{_report_url(name)}?{QueryDict(query).urlencode()}")
    try:
        export = start_export(
            report=report,
            question=question,
            file_format=request.POST.get("format", ""),
            user_id=int(request.seat.membership.user_id),
            has_byte_order_mark=request.POST.get("without_mark") != "yes",
        )
    except Refused as refusal:
        messages.error(request, f"Not exported: {refusal}.")
        return redirect(f"{_report_url(name)}?{question.query}")
    return redirect("desk:export", pk=export.pk)


@require_GET
@at_desk
def exports(request: DeskRequest) -> HttpResponse:
    """The files that were asked for in this store, and what became of them."""
    demand(request, Action.VIEW_FINANCE)
    page = page_of(request, exports_of(request.seat.store.pk))
    context = {"page": page, "rows": export_rows(page)}
    return render(request, "desk/exports.html", context)


def _export(request: DeskRequest, pk: int) -> Export:
    """Returns an export of this store to who may see its report, whoever asked for it."""
    found = get_object_or_404(exports_of(request.seat.store.pk), pk=pk)
    report = report_named(found.report)
    demand(request, report.action if report else Action.VIEW_FINANCE)
    return found


@require_GET
@at_desk
def export(request: DeskRequest, pk: int) -> HttpResponse:
    """How far a file is, where it can be downloaded, and who has."""
    return render(request, "desk/export.html", {"page": export_page(_export(request, pk))})


@require_GET
@at_desk
def download(request: DeskRequest, pk: int) -> HttpResponseBase:
    """The file; who takes it is noted."""
    found = _export(request, pk)
    try:
        content = take_file(found, user_id=int(request.seat.membership.user_id))
    except Refused as refusal:
        messages.error(request, f"No file: {refusal}.")
        return redirect("desk:export", pk=pk)
    return StreamingHttpResponse(
        content,
        content_type=_TYPES[found.format],
        headers={**_headers(found.name), "Content-Length": str(found.size)},
    )


@require_POST
@at_desk
def cancel(request: DeskRequest, pk: int) -> HttpResponse:
    """Stops an export; a file of a closed month only for who may close months."""
    found = _export(request, pk)
    if found.is_kept:
        demand(request, Action.CLOSE_BOOKS)
    if cancel_export(store_id=found.store_id, pk=pk):
        messages.success(request, "Canceled. Nothing of the file is kept.")
    else:
        messages.error(request, "Too late: this export had ended already.")
    return redirect("desk:export", pk=pk)

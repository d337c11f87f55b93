"""Lists as files."""

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.desk.lists.export import csv_lines, file_name, on_the_clock_of
from apps.desk.lists.looks import Look
from apps.desk.seats import DeskRequest, at_desk


@require_GET
@at_desk
def rows(request: DeskRequest, name: str) -> HttpResponseBase:
    """What is looked at, as CSV: the same filters, sorting and columns."""
    look = Look(request, name, request.GET)
    if look.unusable:
        context = {"look": look, "heading": "No file was made", "text": "the rows in it"}
        return render(request, "desk/list_unusable.html", context, status=422)
    return StreamingHttpResponse(
        on_the_clock_of(request.seat, csv_lines(look)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(look)}"'},
    )

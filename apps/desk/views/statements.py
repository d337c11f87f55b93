"""What gateways and banks say they paid, compared with what the desk paid."""

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.lists.export import on_the_clock_of
from apps.desk.paging import page_of
from apps.desk.reads.catalog import errors_csv
from apps.desk.reads.statement_columns import columns_page, first_mapping
from apps.desk.reads.statement_csv import csv_name, tab_lines
from apps.desk.reads.statements import TAB_NAMES, UNREADABLE, statement_page
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.statement_forms import (
    ColumnsForm,
    HeadingForm,
    ReasonForm,
    StatementForm,
    initial_of,
)
from apps.statements import services
from apps.statements.models import Statement, StatementState
from apps.statements.queries import statements_of
from apps.statements.sample import GATEWAY, sample_lines
from apps.stores.queries import connection_of


def statement_named(request: DeskRequest, pk: int) -> Statement:
    """Returns a statement of the store that is looked at, for who may look; else 404 or 403."""
    found = get_object_or_404(
        statements_of(request.seat.store.pk).select_related("store", "set_aside_by", "mapped_by"),
        pk=pk,
    )
    demand(request, Action.VIEW_FINANCE)
    return found


def user_of(request: DeskRequest) -> int:
    """Returns the key of the person who asks."""
    return int(request.seat.membership.user_id)


def say_refused(request: DeskRequest, refusal: Refused) -> None:
    """Shows on the next page why something was not done."""
    text = str(refusal)
    messages.error(request, f"Not done: {text}.")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def statements(request: DeskRequest) -> HttpResponse:
    """Statements so far and the form for another; POST takes a file in."""
    demand(request, Action.VIEW_FINANCE)
    is_posted = request.method == "POST"
    form = StatementForm(request.POST, request.FILES) if is_posted else StatementForm()
    if is_posted:
        demand(request, Action.RECONCILE_STATEMENTS)
        if form.is_valid() and (answer := _take_in(request, form)):
            return answer
    store = request.seat.store
    return render(
        request,
        "desk/statements.html",
        {
            "form": form,
            "page": page_of(request, statements_of(store.pk)),
            "permit": request.seat.permit(Action.RECONCILE_STATEMENTS),
            "has_sample": connection_of(store).payment_gateway == GATEWAY,
        },
        status=422 if is_posted else 200,
    )


def _take_in(request: DeskRequest, form: StatementForm) -> HttpResponse | None:
    file: UploadedFile[Any] = form.cleaned_data["file"]
    try:
        taken = services.take_in(
            store_id=request.seat.store.pk,
            user_id=user_of(request),
            name=file.name or "",
            content=file.read(),
        )
    except Refused as refusal:
        form.add_error("file", f"Not taken in: {refusal}.")
        return None
    if taken.is_known:
        messages.warning(
            request,
            "This very file was uploaded before, so nothing is taken in twice. This is what became "
            "of it.",
        )
        return redirect("desk:statement", pk=taken.statement.pk)
    return redirect("desk:statement-columns", pk=taken.statement.pk)


@require_GET
@at_desk
def sample(request: DeskRequest) -> HttpResponseBase:
    """A payout file to try statements with, made from the simulated gateway's own book; with
    `?differences=1` there is something to find in it."""
    demand(request, Action.RECONCILE_STATEMENTS)
    with_differences = request.GET.get("differences") == "1"
    return _streamed(
        sample_lines(request.seat.store.pk, with_differences=with_differences),
        "payouts-with-differences.csv" if with_differences else "payouts.csv",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def columns(request: DeskRequest, pk: int) -> HttpResponse:
    """What the columns of a file mean. POST shows how its first rows are read by that; with
    `step=save` it begins, with `step=heading` another line names the columns."""
    found = statement_named(request, pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    if found.state != StatementState.UPLOADED:
        messages.info(request, "The columns of this file are chosen already.")
        return redirect("desk:statement", pk=pk)
    if request.POST.get("step") == "heading":
        return _name_columns(request, found)
    page = columns_page(found)
    source, mapping, is_remembered = first_mapping(request.seat.store, page)
    is_posted = request.method == "POST"
    form = (
        ColumnsForm(request.POST, columns=found.columns, head_line=found.head_line)
        if is_posted
        else ColumnsForm(
            initial=initial_of(source, mapping, found.head_line),
            columns=found.columns,
            head_line=found.head_line,
        )
    )
    is_usable = not is_posted or form.is_valid()
    if is_posted and is_usable:
        mapping = form.mapping()
        if request.POST.get("step") == "save" and (answer := _begin(request, found, form)):
            return answer
    return render(
        request,
        "desk/statement_columns.html",
        {
            "found": found,
            "form": form,
            "page": page,
            "previews": page.previews(mapping) if is_usable else [],
            "kinds": page.kinds(mapping.kind) if is_usable else [],
            "is_remembered": is_remembered and not is_posted,
            "errors": [field for field in form if field.errors] if is_posted else (),
        },
        status=422 if is_posted and not is_usable else 200,
    )


def _name_columns(request: DeskRequest, found: Statement) -> HttpResponse:
    form = HeadingForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Not read anew. {form.problem}")
        return redirect("desk:statement-columns", pk=found.pk)
    try:
        services.name_columns_in(statement=found, line=form.cleaned_data["heading_line"])
    except Refused as refusal:
        say_refused(request, refusal)
    return redirect("desk:statement-columns", pk=found.pk)


def _begin(request: DeskRequest, found: Statement, form: ColumnsForm) -> HttpResponse | None:
    said = form.cleaned_data
    try:
        services.begin(
            statement=found,
            gateway=said["source"],
            mapping=form.mapping(),
            user_id=user_of(request),
            first_day=said["first_day"],
            last_day=said["last_day"],
        )
    except Refused as refusal:
        say_refused(request, refusal)
    return redirect("desk:statement", pk=found.pk)


@require_GET
@at_desk
def statement(request: DeskRequest, pk: int) -> HttpResponse:
    """Both sides of a statement, and one of its tabs."""
    found = statement_named(request, pk)
    return render(
        request,
        "desk/statement.html",
        {
            "page": statement_page(found, request.GET),
            "found": found,
            "permit": request.seat.permit(Action.RECONCILE_STATEMENTS),
            "reason": ReasonForm(auto_id="id_aside_%s"),
        },
    )


@require_GET
@at_desk
def original(request: DeskRequest, pk: int) -> HttpResponse:
    """The file, byte for byte as it was uploaded."""
    found = statement_named(request, pk)
    content = Statement.objects.values_list("content", flat=True).get(pk=found.pk)
    return HttpResponse(
        bytes(content),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="statement-{pk}.csv"'},
    )


@require_GET
@at_desk
def errors(request: DeskRequest, pk: int) -> HttpResponse:
    """What was wrong with a statement's rows, as a file."""
    found = statement_named(request, pk)
    return HttpResponse(
        f"\ufeff{errors_csv(found)}",
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="statement-{pk}-errors.csv"'},
    )


@require_GET
@at_desk
def rows(request: DeskRequest, pk: int) -> HttpResponseBase:
    """A tab as CSV."""
    found = statement_named(request, pk)
    asked = request.GET.get("tab", "")
    tab = asked if asked in TAB_NAMES - {UNREADABLE} else "matched"
    lines = on_the_clock_of(request.seat, tab_lines(found, tab))
    return _streamed(lines, csv_name(found, tab))


def _streamed(lines: Any, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
@at_desk
def compare(request: DeskRequest, pk: int) -> HttpResponse:
    """Compares again what is open, as the desk knows more now."""
    found = statement_named(request, pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    try:
        services.compare_again(statement=found)
    except Refused as refusal:
        say_refused(request, refusal)
    else:
        messages.success(request, "What is open is compared again.")
    return redirect("desk:statement", pk=pk)


@require_POST
@at_desk
def put_aside(request: DeskRequest, pk: int) -> HttpResponse:
    """Ends a statement: its rows stay on record and give their payments back."""
    found = statement_named(request, pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Not set aside: {form.problem}")
        return redirect("desk:statement", pk=pk)
    try:
        services.set_aside(
            statement=found, reason=form.cleaned_data["reason"], user_id=user_of(request)
        )
    except Refused as refusal:
        say_refused(request, refusal)
    else:
        messages.success(request, "Set aside. The same file may be uploaded again.")
    return redirect("desk:statement", pk=pk)

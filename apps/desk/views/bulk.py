"""Doing something to many rows of a list: first what would happen to each, then that it happens."""

import uuid
from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.common.logs import request_id
from apps.desk.lists.bulk import ACTIONS, MOST_ROWS
from apps.desk.lists.bulk_types import BulkAction, Doer
from apps.desk.lists.looks import Look
from apps.desk.lists.runs import begin_run, go_on
from apps.desk.models import BulkRow, BulkRun
from apps.desk.seats import DeskRequest, at_desk, demand

_MOST_TYPED = 19


def _keys(values: list[str]) -> list[int]:
    return [int(value) for value in values if value.isdecimal() and len(value) < _MOST_TYPED]


def _chosen(request: DeskRequest, look: Look) -> tuple[list[Any], bool]:
    """Returns the rows that are meant, in the list's order, and whether more match than are taken
    at once."""
    rows = look.rows
    if request.POST.get("scope") != "all":
        keys = _keys(request.POST.getlist("row"))
        rows = look.listing.sorting.apply(
            look.listing.rows(request.seat).filter(pk__in=keys[: MOST_ROWS + 1]), look.asked_sort
        )
    found = list(rows[: MOST_ROWS + 1])
    return found[:MOST_ROWS], len(found) > MOST_ROWS


def _action_of(request: DeskRequest, look: Look) -> BulkAction:
    name = request.POST.get("action", "")
    if name not in look.listing.actions:
        raise Http404(f"There is no action {name} for this list.")
    action = ACTIONS[name]
    demand(request, action.needs)
    return action


@require_POST
@at_desk
def bulk(request: DeskRequest, name: str) -> HttpResponse:
    """Shows what would become of each row; with `confirmed`, does it and leads to the outcome."""
    look = Look(request, name, QueryDict(request.POST.get("query", "")))
    action = _action_of(request, look)
    rows, has_more = _chosen(request, look)
    if not rows:
        messages.error(request, "Nothing is selected: tick the rows first, or choose all.")
        return redirect(look.url)
    is_confirmed = "confirmed" in request.POST
    form = action.form(request.seat, request.POST if is_confirmed else None)
    if not is_confirmed or not form.is_valid():
        return _preview(request, look, action, rows, has_more, form)
    values = {key: str(value) for key, value in form.cleaned_data.items()}
    doer = Doer(request.seat, look.listing, values)
    run = begin_run(
        doer,
        token=_token(request),
        query=look.canonical[:2000],
        action=action.name,
        rows=rows,
    )
    go_on(run, doer, request_id=request_id.get())
    return redirect("desk:bulk-run", token=run.token)


def _token(request: DeskRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("token", ""))
    except ValueError as error:
        raise Http404("This form has no token: start again from the list.") from error


def _preview(
    request: DeskRequest,
    look: Look,
    action: BulkAction,
    rows: list[Any],
    has_more: bool,
    form: Any,
) -> HttpResponse:
    doer = Doer(request.seat, look.listing, {})
    judged = list(zip(rows, action.judge(doer, rows), strict=True))
    context = {
        "look": look,
        "action": action,
        "form": form,
        "token": request.POST.get("token") or uuid.uuid4(),
        "has_more": has_more,
        "most_rows": MOST_ROWS,
        "judged": [
            (row.pk, look.listing.called(row), look.listing.url_of(row), verdict)
            for row, verdict in judged
        ],
        "count": sum(verdict.would for _, verdict in judged),
        "sums": _sums(row for row, verdict in judged if verdict.would),
    }
    return render(request, "desk/bulk.html", context, status=422 if form.errors else 200)


def _sums(rows: Any) -> list[tuple[str, int]]:
    """What the refunds among the rows pay their shoppers, in cents by currency."""
    sums: Counter[str] = Counter()
    for row in rows:
        if hasattr(row, "shopper_amount_cents"):
            sums[row.currency] += row.shopper_amount_cents
    return sorted(sums.items())


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def run(request: DeskRequest, token: uuid.UUID) -> HttpResponse:
    """What became of each row; POST goes on with those that wait."""
    found = get_object_or_404(
        BulkRun.objects.select_related("person"), store=request.seat.store, token=token
    )
    look = Look(request, found.list_name, QueryDict(found.query))
    action = ACTIONS[found.action]
    if request.method == "POST":
        demand(request, action.needs)
        doer = Doer(request.seat, look.listing, found.values)
        go_on(found, doer, request_id=request_id.get())
        return redirect("desk:bulk-run", token=token)
    rows = list(found.rows.all())
    counts = Counter(row.result for row in rows)
    context = {
        "run": found,
        "look": look,
        "action": action,
        "rows": rows,
        "permit": request.seat.permit(action.needs),
        "waiting": counts[BulkRow.Result.WAITING],
        "tallies": [(result.label, counts[result]) for result in BulkRow.Result if counts[result]],
    }
    return render(request, "desk/bulk_run.html", context)

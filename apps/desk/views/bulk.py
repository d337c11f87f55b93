"""Doing something to many rows of a list: first what would happen to each, then that it happens."""

import uuid
from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.logs import request_id
from apps.desk.lists.bulk import ACTIONS, MOST_ROWS
from apps.desk.lists.bulk_types import BulkAction, Doer, Verdict
from apps.desk.lists.looks import Look
from apps.desk.lists.runs import UsedOtherwise, begin_run, go_on, known_run, may_go_on
from apps.desk.models import BulkRow, BulkRun
from apps.desk.seats import DeskRequest, at_desk, demand

_MOST_TYPED = 19


def _keys(values: list[str]) -> list[int]:
    return [int(value) for value in values if value.isdecimal() and len(value) < _MOST_TYPED]


def _chosen(request: DeskRequest, look: Look) -> tuple[list[Any], bool]:
    """Returns the rows that are meant, in the list's order, and whether more match than are taken
    at once. What is confirmed are the rows that were shown, never all that match by now."""
    rows = look.rows
    if request.POST.get("scope") != "all" or "confirmed" in request.POST:
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
    is_confirmed = "confirmed" in request.POST
    if request.POST.get("scope") == "all" and not is_confirmed and look.unusable:
        return _unusable(request, look)
    rows, has_more = _chosen(request, look)
    form = action.form(request.seat, request.POST if is_confirmed else None)
    if is_confirmed and form.is_valid():
        values = {key: str(value) for key, value in form.cleaned_data.items()}
        return _confirmed(request, look, action, rows, Doer(request.seat, look.listing, values))
    if not rows:
        return _nothing_selected(request, look)
    return _preview(request, look, action, rows, has_more, form)


def _unusable(request: DeskRequest, look: Look) -> HttpResponse:
    """All that match would be every row there is."""
    context = {"look": look, "heading": "Nothing was done", "text": "“all that match”"}
    return render(request, "desk/list_unusable.html", context, status=422)


def _nothing_selected(request: DeskRequest, look: Look) -> HttpResponse:
    messages.error(request, "Nothing is selected: tick the rows first, or choose all.")
    return redirect(look.url)


def _confirmed(
    request: DeskRequest, look: Look, action: BulkAction, rows: list[Any], doer: Doer
) -> HttpResponse:
    token, keys = _token(request), _keys(request.POST.getlist("row"))
    sent: dict[str, Any] = {"token": token, "action": action.name, "keys": keys, "rows": rows}
    try:
        if not rows and known_run(doer, **sent) is None:
            return _nothing_selected(request, look)
        run = begin_run(doer, query=look.canonical[:2000], **sent)
    except UsedOtherwise as refusal:
        context = {"problem": str(refusal), "look": look}
        return render(request, "desk/bulk_used.html", context, status=409)
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
        "sums": _sums(judged) if action.sum_words else [],
    }
    return render(request, "desk/bulk.html", context, status=422 if form.errors else 200)


def _sums(judged: list[tuple[Any, Verdict]]) -> list[tuple[str, int]]:
    """What shoppers are paid by the rows that would be done, or no longer are, in cents by
    currency."""
    sums: Counter[str] = Counter()
    for row, verdict in judged:
        if verdict.would and verdict.cents:
            sums[row.currency] += verdict.cents
    return sorted(sums.items())


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def run(request: DeskRequest, token: uuid.UUID) -> HttpResponse:
    """What became of each row; POST goes on with those that wait."""
    found = get_object_or_404(
        BulkRun.objects.select_related("person"), store=request.seat.store, token=token
    )
    demand(request, Action.VIEW)
    look = Look(request, found.list_name, QueryDict(found.query))
    action = ACTIONS[found.action]
    if request.method == "POST":
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
        "permit": may_go_on(found, request.seat),
        "waiting": counts[BulkRow.Result.WAITING],
        "tallies": [(result.label, counts[result]) for result in BulkRow.Result if counts[result]],
    }
    return render(request, "desk/bulk_run.html", context)

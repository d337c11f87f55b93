"""One row of a statement, one payment that is in none, and what people say of them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.statements import row_page
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.statement_forms import ReasonForm
from apps.desk.views.statements import say_refused, statement_named, user_of
from apps.refunds.models import Payout
from apps.statements import verdicts
from apps.statements.models import Explanation, Statement, StatementRow
from apps.statements.queries import only_at_desk, payouts_from, rows_of
from apps.statements.sums import OPEN


def _row(request: DeskRequest, pk: int, row_pk: int) -> tuple[Statement, StatementRow]:
    found = statement_named(request, pk)
    return found, get_object_or_404(rows_of(found), pk=row_pk)


def _payout(request: DeskRequest, pk: int, payout_pk: int) -> tuple[Statement, Payout]:
    found = statement_named(request, pk)
    payouts = payouts_from(found.source) if found.source else Payout.objects.none()
    return found, get_object_or_404(payouts, pk=payout_pk)


@require_GET
@at_desk
def row(request: DeskRequest, pk: int, row_pk: int) -> HttpResponse:
    """A row as it stands in the file, what it may be, and what was said of it."""
    found, one = _row(request, pk, row_pk)
    return render(
        request,
        "desk/statement_row.html",
        {
            "page": row_page(found, one),
            "found": found,
            "row": one,
            "permit": request.seat.permit(Action.RECONCILE_STATEMENTS),
            "is_open": one.standing in OPEN and not one.is_explained and one.is_live,
            "form": ReasonForm(),
        },
    )


@require_GET
@at_desk
def payout(request: DeskRequest, pk: int, payout_pk: int) -> HttpResponse:
    """A payment of the desk that is in no file, and what was said of it."""
    found, one = _payout(request, pk, payout_pk)
    said = Explanation.objects.filter(payout=one).select_related("author", "undone_by", "statement")
    return render(
        request,
        "desk/statement_payout.html",
        {
            "found": found,
            "payout": one,
            "explanations": list(said.defer("statement__content").order_by("pk")),
            "holder": StatementRow.objects.filter(payout=one, holds_payout=True).first(),
            "permit": request.seat.permit(Action.RECONCILE_STATEMENTS),
            "is_open": only_at_desk(found).filter(pk=one.pk).exists(),
            "form": ReasonForm(),
        },
    )


@require_POST
@at_desk
def pair(request: DeskRequest, pk: int, row_pk: int) -> HttpResponse:
    """Says that a row and a payment are one, or (`answer=no`) that they are not."""
    found, one = _row(request, pk, row_pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    text = request.POST.get("payout", "")
    payout_pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    is_same = request.POST.get("answer") != "no"
    _do(
        request,
        verdicts.confirm_pair if is_same else verdicts.refuse_pair,
        "Written down: this is the payment." if is_same else "Written down: not this payment.",
        statement=found,
        row_pk=one.pk,
        payout_pk=payout_pk,
    )
    return redirect("desk:statement-row", pk=pk, row_pk=row_pk)


@require_POST
@at_desk
def explain(request: DeskRequest, pk: int, row_pk: int) -> HttpResponse:
    """Writes down why a row differs, or has nothing beside it."""
    found, one = _row(request, pk, row_pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    form = ReasonForm(request.POST)
    if form.is_valid():
        _do(
            request,
            verdicts.explain_row,
            "Explained.",
            statement=found,
            row_pk=one.pk,
            reason=form.cleaned_data["reason"],
        )
    else:
        messages.error(request, form.problem)
    return redirect("desk:statement-row", pk=pk, row_pk=row_pk)


@require_POST
@at_desk
def explain_payout(request: DeskRequest, pk: int, payout_pk: int) -> HttpResponse:
    """Writes down why a payment is in no file."""
    found, one = _payout(request, pk, payout_pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    form = ReasonForm(request.POST)
    if form.is_valid():
        _do(
            request,
            verdicts.explain_payout,
            "Explained.",
            statement=found,
            payout_pk=one.pk,
            reason=form.cleaned_data["reason"],
        )
    else:
        messages.error(request, form.problem)
    return redirect("desk:statement-payout", pk=pk, payout_pk=payout_pk)


@require_POST
@at_desk
def undo_pair(request: DeskRequest, pk: int, pairing_pk: int) -> HttpResponse:
    """Takes back what was said of a row and a payment."""
    found = statement_named(request, pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    rows = rows_of(found).filter(pairings=pairing_pk)
    one = get_object_or_404(rows)
    _do(request, verdicts.undo_pair, "Taken back.", statement=found, pairing_pk=pairing_pk)
    return redirect("desk:statement-row", pk=pk, row_pk=one.pk)


@require_POST
@at_desk
def undo_explanation(request: DeskRequest, pk: int, explanation_pk: int) -> HttpResponse:
    """Takes an explanation back."""
    found = statement_named(request, pk)
    demand(request, Action.RECONCILE_STATEMENTS)
    said = get_object_or_404(Explanation, pk=explanation_pk, statement=found)
    _do(
        request,
        verdicts.undo_explanation,
        "Taken back: it is open again.",
        statement=found,
        explanation_pk=explanation_pk,
    )
    if said.row_id is not None:
        return redirect("desk:statement-row", pk=pk, row_pk=said.row_id)
    return redirect("desk:statement-payout", pk=pk, payout_pk=said.payout_id)


def _do(request: DeskRequest, verb: Callable[..., None], done: str, **said: Any) -> None:
    try:
        verb(user_id=user_of(request), **said)
    except Refused as refusal:
        say_refused(request, refusal)
    else:
        messages.success(request, done)

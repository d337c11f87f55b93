"""The books: months are closed here, and opened again by two people."""

from datetime import date

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common import clock
from apps.common.errors import Refused
from apps.desk.reads.books import books_page, figures_of, unfinished
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.ledger.models import PeriodEvent
from apps.ledger.periods import ask_to_reopen, decide_on_reopening, open_request
from apps.ledger.rules import why_not_close
from apps.ledger.services import closed_through_of, day_of
from apps.reports.closing import close_month, closes_all_before, make_files


class CloseForm(forms.Form):
    """What there is to say of a closing."""

    note = forms.CharField(
        required=False, max_length=500, strip=True, help_text="Kept with the closing. Optional."
    )


class ReasonForm(forms.Form):
    """Why a closed month is to be opened again."""

    reason = forms.CharField(
        max_length=500,
        strip=True,
        help_text="The second person decides by it, and it stays on record.",
        error_messages={"required": "Write why: it stays on record."},
    )


def _month(year: int, month: int) -> date:
    try:
        return date(year, month, 1)
    except ValueError:
        raise Http404(f"There is no month {year}-{month}.") from None


def _sentence(refusal: Refused) -> str:
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}."


@require_GET
@at_desk
def books(request: DeskRequest) -> HttpResponse:
    """The months, which of them are closed, and with which files."""
    demand(request, Action.VIEW_FINANCE)
    page = books_page(request.seat.store)
    context = {
        "page": page,
        "permit": request.seat.permit(Action.CLOSE_BOOKS),
        "is_own_request": bool(
            page.request and page.request.actor_id == request.seat.membership.user_id
        ),
    }
    return render(request, "desk/books.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def close(request: DeskRequest, year: int, month: int) -> HttpResponse:
    """Shows what a month comes to; POST closes it, asking who it is once more."""
    first_day = _month(year, month)
    demand(request, Action.CLOSE_BOOKS)
    store = request.seat.store
    form = CloseForm(request.POST if request.method == "POST" else None)
    problem = why_not_close(
        month=first_day,
        today=day_of(store, clock.now()),
        closed_through=closed_through_of(store.pk),
    )
    if form.is_bound and form.is_valid() and not problem:
        if question := confirm_identity(request, f"close {first_day:%B %Y}"):
            return question
        try:
            close_month(
                store=store,
                month=first_day,
                user_id=int(request.seat.membership.user_id),
                note=form.cleaned_data["note"],
            )
        except Refused as refusal:
            problem = str(refusal)
        else:
            messages.success(
                request,
                f"{first_day:%B %Y} is closed. Its files are being made; what still comes for it "
                "is booked in the month that is open.",
            )
            return redirect("desk:books")
    context = {
        "month": first_day,
        "form": form,
        "problem": problem,
        "figures": figures_of(store, first_day),
        "closes_all_before": closes_all_before(store.pk, first_day),
        "unfinished": unfinished(store, first_day),
    }
    status = 409 if problem and form.is_bound else 200
    return render(request, "desk/books_close.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def reopen(request: DeskRequest, year: int, month: int) -> HttpResponse:
    """Asks why; POST puts the request in front of a second person."""
    first_day = _month(year, month)
    demand(request, Action.CLOSE_BOOKS)
    if request.method == "GET" and open_request(request.seat.store.pk):
        messages.info(request, "It is asked for already: a second person decides on it here.")
        return redirect("desk:books")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            ask_to_reopen(
                store=request.seat.store,
                month=first_day,
                user_id=int(request.seat.membership.user_id),
                reason=form.cleaned_data["reason"],
            )
        except Refused as refusal:
            form.add_error(None, _sentence(refusal))
        else:
            messages.success(request, "Asked for. Somebody else decides on it, on this page.")
            return redirect("desk:books")
    status = 422 if form.errors else 200
    context = {"month": first_day, "form": form}
    return render(request, "desk/books_reopen.html", context, status=status)


@require_POST
@at_desk
def decide(request: DeskRequest, pk: int) -> HttpResponse:
    """Opens a month again, or refuses to, after asking who it is once more."""
    demand(request, Action.CLOSE_BOOKS)
    store = request.seat.store
    asked = open_request(store.pk)
    is_approved = request.POST.get("decision") == "open"
    if asked is None or asked.pk != pk:
        messages.error(request, "It was decided on already.")
        return redirect("desk:books")
    doing = f"open {asked.month:%B %Y} again" if is_approved else "refuse to open a month again"
    if question := confirm_identity(request, doing):
        return question
    try:
        decide_on_reopening(
            store=store,
            request_id=pk,
            user_id=int(request.seat.membership.user_id),
            is_approved=is_approved,
        )
    except Refused as refusal:
        messages.error(request, _sentence(refusal))
    else:
        done = "is open again" if is_approved else "stays closed"
        messages.success(request, f"{asked.month:%B %Y} {done}.")
    return redirect("desk:books")


@require_POST
@at_desk
def files(request: DeskRequest, pk: int) -> HttpResponse:
    """Has those of a closed month's files made that are missing."""
    demand(request, Action.CLOSE_BOOKS)
    closing = PeriodEvent.objects.filter(
        store=request.seat.store, pk=pk, kind=PeriodEvent.Kind.CLOSED
    ).first()
    if closing is None:
        raise Http404("There is no such closing.")
    try:
        make_files(closing=closing, user_id=int(request.seat.membership.user_id))
    except Refused as refusal:
        messages.error(request, _sentence(refusal))
    else:
        messages.success(request, "The missing files are being made.")
    return redirect("desk:books")

"""Asking for a return's cancellation, and withdrawing that."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.rmas import refunds_to_cancel
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.refunds.cancellation import (
    request_cancellation,
    why_not_cancelable,
    withdraw_cancellation,
)
from apps.rmas.models import Rma
from apps.timeline.types import Actor, staff

_REASON = {"required": "Write why: the next person will want to know."}


class CancellationForm(forms.Form):
    """Why a return is to be canceled."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        help_text="Shown on the return and in its timeline. Up to 200 characters.",
        error_messages=_REASON,
    )


class WithdrawalForm(forms.Form):
    """Why a request is withdrawn."""

    reason = forms.CharField(max_length=200, strip=True, error_messages=_REASON)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def cancel(request: DeskRequest, identifier: str) -> HttpResponse:
    """Asks for the reason and tells what follows; POST asks for the cancellation."""
    rma = _rma(request, identifier)
    demand(request, Action.CANCEL_RMA)
    if rma.is_cancellation_requested:
        messages.info(request, "Its cancellation is asked for already.")
        return redirect("desk:rma", identifier=rma.rma_identifier)
    form = CancellationForm(request.POST if request.method == "POST" else None)
    problem = why_not_cancelable(rma)
    if form.is_bound and form.is_valid() and not problem:
        return _ask(request, rma, form.cleaned_data["reason"])
    return render(
        request,
        "desk/cancel_rma.html",
        {
            "rma": rma,
            "form": form,
            "problem": problem,
            "refunds": [] if problem else refunds_to_cancel(rma),
        },
        status=422 if form.is_bound else 200,
    )


def _ask(request: DeskRequest, rma: Rma, reason: str) -> HttpResponse:
    user = request.seat.membership.user
    try:
        request_cancellation(
            rma=rma,
            reason=reason,
            actor=_actor(request),
            requester=user.get_full_name() or user.get_username(),
        )
    except Refused as refusal:
        _tell(request, refusal)
    else:
        messages.success(
            request,
            "Asked for: automation stands still. Now cancel the return in Optoro’s portal; Optoro "
            "offers no call for it.",
        )
    return redirect("desk:rma", identifier=rma.rma_identifier)


@require_POST
@at_desk
def withdraw(request: DeskRequest, identifier: str) -> HttpResponse:
    """Takes a request for cancellation back, with a reason; automation goes on."""
    rma = _rma(request, identifier)
    demand(request, Action.CANCEL_RMA)
    form = WithdrawalForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Not withdrawn: write why, in up to 200 characters.")
        return redirect("desk:rma", identifier=rma.rma_identifier)
    try:
        withdraw_cancellation(rma=rma, actor=_actor(request), reason=form.cleaned_data["reason"])
    except Refused as refusal:
        _tell(request, refusal)
    else:
        messages.success(request, "Withdrawn: automation decides on the return anew.")
    return redirect("desk:rma", identifier=rma.rma_identifier)


def _rma(request: DeskRequest, identifier: str) -> Rma:
    found = Rma.objects.filter(store=request.seat.store, rma_identifier=identifier).first()
    if found is None:
        raise Http404(f"There is no return {identifier} in this store.")
    return found


def _actor(request: DeskRequest) -> Actor:
    return staff(int(request.seat.membership.user_id))


def _tell(request: DeskRequest, refusal: Refused) -> None:
    text = str(refusal)
    messages.error(request, f"{text[:1].upper()}{text[1:]}.")

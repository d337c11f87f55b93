"""Asking for a return's cancellation, or for its conversion into a refund, and withdrawing that.
Optoro offers no call for either: the desk asks a person, and waits for Optoro's word."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.rma_plans import cancellation_plan, conversion_plan
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.views.cases import rma_named
from apps.refunds.cancellation import request_cancellation, withdraw_cancellation
from apps.refunds.conversion import request_conversion, withdraw_conversion
from apps.timeline.types import Actor, staff

_REASON = {"required": "Write why: the next person will want to know."}


class ReasonForm(forms.Form):
    """Why something is asked for."""

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
    rma = rma_named(request, identifier)
    demand(request, Action.CANCEL_RMA)
    if rma.is_cancellation_requested:
        messages.info(request, "Its cancellation is asked for already.")
        return redirect("desk:rma", identifier=rma.rma_identifier)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    plan = cancellation_plan(rma)
    if form.is_bound and form.is_valid() and not plan.problem:
        try:
            request_cancellation(rma=rma, **_asked(request, form))
        except Refused as refusal:
            form.add_error(None, _sentence(refusal))
            plan = cancellation_plan(rma)
        else:
            messages.success(
                request,
                "Asked for: automation stands still. Now cancel the return in Optoro’s portal; "
                "Optoro offers no call for it.",
            )
            return redirect("desk:rma", identifier=rma.rma_identifier)
    shown = {"rma": rma, "form": form, "plan": plan}
    return render(request, "desk/cancel_rma.html", shown, status=_status(form, plan.problem))


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def convert(request: DeskRequest, identifier: str) -> HttpResponse:
    """Asks for the reason and tells what follows; POST asks for the conversion of a standard
    exchange into a refund."""
    rma = rma_named(request, identifier)
    demand(request, Action.CANCEL_RMA)
    if rma.is_conversion_requested:
        messages.info(request, "Its conversion is asked for already.")
        return redirect("desk:rma", identifier=rma.rma_identifier)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    plan = conversion_plan(rma)
    if form.is_bound and form.is_valid() and not plan.problem:
        try:
            request_conversion(rma=rma, **_asked(request, form))
        except Refused as refusal:
            form.add_error(None, _sentence(refusal))
            plan = conversion_plan(rma)
        else:
            messages.success(
                request,
                "Asked for. Now turn the exchange into a refund in Optoro’s portal; Optoro offers "
                "no call for it. Nothing is refunded before Optoro says so.",
            )
            return redirect("desk:rma", identifier=rma.rma_identifier)
    shown = {"rma": rma, "form": form, "plan": plan}
    return render(request, "desk/convert_rma.html", shown, status=_status(form, plan.problem))


def _status(form: forms.Form, problem: str) -> int:
    """What is wrong with the form is the person's to mend; what the return's state forbids is a
    conflict."""
    if not form.is_bound:
        return 200
    return 409 if problem or form.non_field_errors() else 422


def _asked(request: DeskRequest, form: forms.Form) -> dict[str, Any]:
    user = request.seat.membership.user
    return {
        "reason": form.cleaned_data["reason"],
        "actor": _actor(request),
        "requester": user.get_full_name() or user.get_username(),
    }


@require_POST
@at_desk
def withdraw(request: DeskRequest, identifier: str) -> HttpResponse:
    """Takes a request for cancellation back, with a reason; automation goes on."""
    rma = rma_named(request, identifier)
    demand(request, Action.CANCEL_RMA)
    reason = _reason(request)
    if reason:
        try:
            withdraw_cancellation(rma=rma, actor=_actor(request), reason=reason)
        except Refused as refusal:
            messages.error(request, _sentence(refusal))
        else:
            messages.success(request, "Withdrawn: automation decides on the return anew.")
    return redirect("desk:rma", identifier=rma.rma_identifier)


@require_POST
@at_desk
def withdraw_convert(request: DeskRequest, identifier: str) -> HttpResponse:
    """Takes a request for conversion back, with a reason; the exchange goes on."""
    rma = rma_named(request, identifier)
    demand(request, Action.CANCEL_RMA)
    reason = _reason(request)
    if reason:
        try:
            withdraw_conversion(rma=rma, actor=_actor(request), reason=reason)
        except Refused as refusal:
            messages.error(request, _sentence(refusal))
        else:
            messages.success(request, "Withdrawn: the exchange goes on.")
    return redirect("desk:rma", identifier=rma.rma_identifier)


def _reason(request: DeskRequest) -> str:
    """Returns why a request is withdrawn; where that is missing, says so and returns ""."""
    form = WithdrawalForm(request.POST)
    if form.is_valid():
        return str(form.cleaned_data["reason"])
    messages.error(request, "Not withdrawn: write why, in up to 200 characters.")
    return ""


def _actor(request: DeskRequest) -> Actor:
    return staff(int(request.seat.membership.user_id))


def _sentence(refusal: Refused) -> str:
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}."

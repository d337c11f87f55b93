"""A refund's page, and deciding on it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.common.money import show
from apps.desk.reads.refunds import refund_named, refund_page
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.words import clock_text, is_put_off, pays_money, too_late
from apps.refunds import services
from apps.refunds.models import Refund, RefundStatus
from apps.refunds.rules import may_move
from apps.timeline.types import staff


class CancelForm(forms.Form):
    """Why a refund is canceled; the reason goes into its timeline."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        help_text="Shown in the timeline. Up to 200 characters.",
        error_messages={"required": "Write why: the next person will want to know."},
    )


@require_GET
@at_desk
def refund(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about a refund."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    return render(
        request,
        "desk/refund.html",
        {
            "page": refund_page(found),
            "refund": found,
            "permit": request.seat.permit(Action.DECIDE_REFUND),
            "can_approve": found.status == RefundStatus.PROPOSED,
            "can_cancel": may_move(found.status, RefundStatus.CANCELED),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def approve(request: DeskRequest, identifier: str) -> HttpResponse:
    """Asks once more with amount, recipient and payment spelled out; POST approves.

    A second POST finds the refund moved on: the service refuses, and nothing is paid twice.
    """
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, Action.DECIDE_REFUND)
    if request.method != "POST":
        return _confirmation(request, "desk/refund_approve.html", found, RefundStatus.APPROVED)
    try:
        approved = services.approve_refund(refund=found, actor=staff(_user_id(request)))
        messages.success(request, _what_follows(approved))
    except Refused as refusal:
        _tell_refusal(request, refusal, found, RefundStatus.APPROVED)
    return redirect("desk:refund", identifier=found.identifier)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def cancel(request: DeskRequest, identifier: str) -> HttpResponse:
    """Asks for the reason; POST cancels a refund whose payment has not begun."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, Action.DECIDE_REFUND)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _confirmation(
            request, "desk/refund_cancel.html", found, RefundStatus.CANCELED, form=form
        )
    try:
        services.cancel_refund(
            refund=found,
            actor=staff(_user_id(request)),
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, "Canceled. Its units and amounts are free again.")
    except Refused as refusal:
        _tell_refusal(request, refusal, found, RefundStatus.CANCELED)
    return redirect("desk:refund", identifier=found.identifier)


def _confirmation(
    request: DeskRequest, template: str, refund: Refund, target: RefundStatus, **context: Any
) -> HttpResponse:
    """Shows the question, unless it is too late to ask it."""
    if not may_move(refund.status, target):
        _tell_too_late(request, refund, target)
        return redirect("desk:refund", identifier=refund.identifier)
    lines = refund.lines.select_related("order_line")
    has_errors = bool(context.get("form") and context["form"].errors)
    return render(
        request,
        template,
        {"refund": refund, "lines": lines, **context},
        status=422 if has_errors else 200,
    )


def _what_follows(refund: Refund) -> str:
    """Tells what an approval leads to."""
    if is_put_off(refund) and refund.payment_due_at:
        due = clock_text(refund.payment_due_at)
        does = "paid" if pays_money(refund) else "settled"
        return f"Approved. Will be {does} at {due} (policy delay); can be canceled until then."
    if not pays_money(refund):
        return "Approved and settled: no money is paid for it."
    amount = show(refund.shopper_amount_cents, refund.currency)
    return f"Approved. {amount} will be paid by the next free worker."


def _tell_too_late(request: DeskRequest, refund: Refund, target: RefundStatus) -> None:
    """What was asked for twice is no error."""
    text, is_done = too_late(refund, target)
    (messages.info if is_done else messages.error)(request, text)


def _tell_refusal(
    request: DeskRequest, refusal: Refused, refund: Refund, target: RefundStatus
) -> None:
    refund.refresh_from_db()
    if not may_move(refund.status, target):
        _tell_too_late(request, refund, target)
        return
    text = str(refusal)
    messages.error(request, f"{text[:1].upper()}{text[1:]}.")


def _user_id(request: DeskRequest) -> int:
    return int(request.seat.membership.user_id)

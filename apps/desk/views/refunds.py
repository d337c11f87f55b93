"""A refund's page, and deciding on it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.attention.models import Kind
from apps.attention.rules import Act, needs
from apps.common.errors import Refused
from apps.desk.field_words import words_for
from apps.desk.reads.approvals import (
    History,
    api_keys_of,
    histories_of,
    next_to_decide,
    why_not_by,
)
from apps.desk.reads.payments import BY_HAND, hand_note, portions_of, what_follows
from apps.desk.reads.receipt import receipt_of
from apps.desk.reads.refunds import (
    maker_of,
    minutes_after_approval,
    refund_named,
    refund_page,
)
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.words import (
    is_put_off,
    too_late,
    wait_minutes,
    wait_name,
)
from apps.refunds import services
from apps.refunds.models import Refund, RefundStatus
from apps.refunds.rules import may_move
from apps.timeline.types import staff


class CancelForm(forms.Form):
    """Why a refund is canceled; the reason goes into its timeline."""

    reason = forms.CharField(
        max_length=200,
        strip=True,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
        help_text="Shown in the timeline. Up to 200 characters.",
        error_messages=words_for(
            "the reason", required="Write why: the next person will want to know."
        ),
    )


@require_GET
@at_desk
def refund(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about a refund."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    permit = request.seat.permit(Action.DECIDE_REFUND)
    can_approve = found.status == RefundStatus.PROPOSED
    page = refund_page(found)
    return render(
        request,
        "desk/refund.html",
        {
            "page": page,
            "refund": found,
            "permit": permit,
            "can_approve": can_approve,
            "why_not": _why_not(request, found) if can_approve and permit.is_given else "",
            "can_cancel": may_move(found.status, RefundStatus.CANCELED),
            "can_take_back": is_put_off(found) and found.author_id == _user_id(request),
            "history": _history(found) if can_approve else None,
            "is_in_queue": _is_in_queue(request),
            "asking": request.seat.permit(needs(Act.ASK_GATEWAY, Kind.PAYMENT_UNKNOWN)),
            "queueing": request.seat.permit(needs(Act.QUEUE_PAYMENT, Kind.PAYMENT_STUCK)),
        },
    )


@require_GET
@at_desk
def receipt(request: DeskRequest, identifier: str) -> HttpResponse:
    """What a shopper can be given about a refund that is paid; there is none before that."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    return render(request, "desk/receipt.html", {"refund": found, "receipt": receipt_of(found)})


def _history(refund: Refund) -> History:
    email = refund.order.customer_email
    return histories_of(refund.store_id, [email])[email]


def _is_in_queue(request: DeskRequest) -> bool:
    """Whether a person works through the approvals: then a decision leads to the next one."""
    return request.GET.get("queue") == "yes"


def _decided(request: DeskRequest, refund: Refund, done: str, told: str) -> HttpResponse:
    """Says what was decided, and leads back to the refund; out of the queue to the next one."""
    if not _is_in_queue(request):
        messages.success(request, told)
        return redirect("desk:refund", identifier=refund.identifier)
    seat = request.seat
    following = next_to_decide(
        seat.store, after=refund, user_id=_user_id(request), role=seat.membership.role
    )
    more = f"{following.count} more wait{'s' if following.count == 1 else ''}."
    messages.success(request, f"{done} {refund.identifier}. {more if following.count else ''}")
    if not following.count:
        return redirect("desk:approvals")
    url = reverse("desk:refund", args=[following.identifier])
    return redirect(f"{url}?queue=yes")


def _why_not(request: DeskRequest, refund: Refund) -> str:
    return why_not_by(refund, user_id=_user_id(request), role=request.seat.membership.role)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def approve(request: DeskRequest, identifier: str) -> HttpResponse:
    """Asks once more with amount, recipient and payment spelled out; POST approves.

    A second POST finds the refund moved on: the service refuses, and nothing is paid twice.
    """
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, Action.DECIDE_REFUND)
    if request.method != "POST":
        portions = portions_of(found)
        note = hand_note(found.store, portions)
        return _confirmation(
            request,
            "desk/refund_approve.html",
            found,
            RefundStatus.APPROVED,
            why_not=_why_not(request, found),
            portions=portions,
            hand_note=note,
            is_by_hand=note == BY_HAND,
            history=_history(found),
        )
    try:
        approved = services.approve_refund(refund=found, actor=staff(_user_id(request)))
        return _decided(request, approved, "Approved", what_follows(approved, "Approved"))
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
            request,
            "desk/refund_cancel.html",
            found,
            RefundStatus.CANCELED,
            form=form,
            is_reject=found.status == RefundStatus.PROPOSED and "reject" in request.GET,
        )
    done = "Declined" if found.status == RefundStatus.PROPOSED else "Canceled"
    try:
        canceled = services.cancel_refund(
            refund=found,
            actor=staff(_user_id(request)),
            reason=form.cleaned_data["reason"],
        )
        told = f"{done}: its amounts are free again. Automation leaves its units to a person."
        return _decided(request, canceled, done, told)
    except Refused as refusal:
        _tell_refusal(request, refusal, found, RefundStatus.CANCELED)
    return redirect("desk:refund", identifier=found.identifier)


@require_POST
@at_desk
def take_back(request: DeskRequest, identifier: str) -> HttpResponse:
    """Cancels a refund on a single click of whoever made it, as long as it is held. The payment and
    a second click find it moved on: one of them wins, never both."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, Action.MAKE_REFUND)
    problem = _why_not_taken_back(request, found)
    if problem:
        messages.error(request, problem)
        return redirect("desk:refund", identifier=found.identifier)
    try:
        services.cancel_refund(
            refund=found,
            actor=staff(_user_id(request)),
            reason="taken back by its author",
            is_superseded=True,
        )
        messages.success(request, "Taken back: nothing is paid. Its units and amounts are free.")
    except Refused as refusal:
        _tell_refusal(request, refusal, found, RefundStatus.CANCELED)
    return redirect("desk:refund", identifier=found.identifier)


def _why_not_taken_back(request: DeskRequest, refund: Refund) -> str:
    if refund.author_id != _user_id(request):
        return "Only whoever made a refund can take it back; cancel it instead, with a reason."
    if not may_move(refund.status, RefundStatus.CANCELED):
        return too_late(refund, RefundStatus.CANCELED)[0]
    if refund.status == RefundStatus.APPROVED and not is_put_off(refund):
        hold = wait_name(refund, wait_minutes(refund))
        return f"Too late to take it back: its {hold} is over. Cancel it, if it is not paid yet."
    if refund.status != RefundStatus.APPROVED:
        return "It is not approved yet, so nothing is held; cancel it instead."
    return ""


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
        {
            "refund": refund,
            "lines": lines,
            "maker": _maker(refund),
            "is_in_queue": _is_in_queue(request),
            "minutes": minutes_after_approval(refund),
            "wait": wait_name(refund, minutes_after_approval(refund)),
            **context,
        },
        status=422 if has_errors else 200,
    )


def _maker(refund: Refund) -> str:
    return api_keys_of(refund.store_id, [refund]).get(refund.identifier) or maker_of(refund, ())


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

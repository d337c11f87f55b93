"""Saying what became of a payment that nobody knows, or that a person has to make."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.attention.models import Kind
from apps.attention.rules import Act, needs
from apps.common.errors import Refused
from apps.common.money import show
from apps.desk.field_words import words_for
from apps.desk.reads.refunds import payout_of, refund_named
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.desk.sudo import confirm_identity
from apps.payments.gateways import MANUAL
from apps.payments.types import GatewayOutcome
from apps.reconciliation import actions
from apps.refunds.models import Payout, PayoutStatus, Refund
from apps.refunds.outcomes import recipient_of, tell_outcome
from apps.timeline.types import staff

_OPEN = (PayoutStatus.PENDING, PayoutStatus.UNKNOWN)


class _LookedUpForm(forms.Form):
    """A word on a payment that a gateway was asked for: only who looked it up may give it."""

    looked_up = forms.BooleanField(
        label="I looked it up at the gateway by its key",
        error_messages={"required": "Look it up at the gateway by its key first."},
    )

    def __init__(self, *args: Any, is_by_hand: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_by_hand:
            del self.fields["looked_up"]


class PaidForm(_LookedUpForm):
    """It was paid, under this reference."""

    reference = forms.CharField(
        max_length=255,
        strip=True,
        help_text="The one it has where it was paid: at the gateway, on the bank statement, on the "
        "gift card.",
        error_messages=words_for(
            "the reference", required="Write the reference it has where it was paid."
        ),
    )
    field_order = ("reference", "looked_up")


class NotPaidForm(_LookedUpForm):
    """It was not paid, and how that is known."""

    note = forms.CharField(
        label="How that is known",
        max_length=255,
        strip=True,
        help_text="Kept with the payment and shown in the timeline.",
        error_messages=words_for(
            "how that is known", required="Write how it is known that nothing was paid."
        ),
    )
    field_order = ("note", "looked_up")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def payout(request: DeskRequest, identifier: str, pk: int) -> HttpResponse:
    """What to do about a payment that is open; POST says that it was paid, or that it was not."""
    refund = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    found = payout_of(refund, pk)
    demand(request, Action.SETTLE_PAYOUT)
    outcome = request.POST.get("outcome", "") if request.method == "POST" else ""
    is_by_hand = _is_by_hand(found)
    told: dict[str, Any] = {"data": request.POST, "is_by_hand": is_by_hand}
    blank = {"is_by_hand": is_by_hand}
    paid = PaidForm(prefix="paid", **(told if outcome == GatewayOutcome.PAID else blank))
    not_paid = NotPaidForm(
        prefix="not_paid", **(told if outcome == GatewayOutcome.DECLINED else blank)
    )
    form: forms.Form | None = next((one for one in (paid, not_paid) if one.is_bound), None)
    if form and form.is_valid():
        if page := confirm_identity(request, "Saying what became of a payment"):
            return page
        return _tell(request, refund, found, GatewayOutcome(outcome), form.cleaned_data)
    return render(
        request,
        "desk/payout.html",
        {
            "refund": refund,
            "payout": found,
            "recipient": recipient_of(found),
            "is_open": found.status in _OPEN,
            "is_by_hand": is_by_hand,
            "paid": paid,
            "not_paid": not_paid,
            "form": form,
            "errors": [field for field in form if field.errors] if form else (),
        },
        status=422 if request.method == "POST" else 200,
    )


@require_POST
@at_desk
def ask_gateway(request: DeskRequest, identifier: str) -> HttpResponse:
    """Has the gateway asked at once what became of the refund's payments, under the same keys."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, needs(Act.ASK_GATEWAY, Kind.PAYMENT_UNKNOWN))
    return _do(request, found, actions.ask_gateway_again)


@require_POST
@at_desk
def queue_payment(request: DeskRequest, identifier: str) -> HttpResponse:
    """Queues what the refund still needs to be paid, where nothing works on it; never paid twice,
    and not before its hold is over."""
    found = refund_named(store_id=request.seat.store.pk, identifier=identifier)
    demand(request, needs(Act.QUEUE_PAYMENT, Kind.PAYMENT_STUCK))
    return _do(request, found, actions.queue_payment_again)


def _do(request: DeskRequest, refund: Refund, action: Callable[..., str]) -> HttpResponse:
    try:
        told = action(store_id=refund.store_id, refund_identifier=refund.identifier)
        messages.success(request, told)
    except Refused as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
    return redirect("desk:refund", identifier=refund.identifier)


def _is_by_hand(payout: Payout) -> bool:
    return payout.status == PayoutStatus.PENDING and payout.gateway == MANUAL


def _tell(
    request: DeskRequest,
    refund: Refund,
    payout: Payout,
    outcome: GatewayOutcome,
    said: dict[str, Any],
) -> HttpResponse:
    try:
        told = tell_outcome(
            payout=payout,
            outcome=outcome,
            reference=said.get("reference", ""),
            note=said.get("note", ""),
            actor=staff(int(request.seat.membership.user_id)),
        )
    except Refused as refusal:
        text = str(refusal)
        messages.error(request, f"{text[:1].upper()}{text[1:]}.")
    else:
        messages.success(request, _what_follows(told))
    return redirect("desk:refund", identifier=refund.identifier)


def _what_follows(payout: Payout) -> str:
    amount = show(payout.amount_cents, payout.currency)
    if payout.status == PayoutStatus.PAID:
        return f"Written down: {amount} was paid, reference {payout.gateway_reference}."
    return f"Written down: {amount} was not paid."

"""Making a refund: the form, the confirmation that spells it out, and the refund."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from apps.accounts.rules import Action
from apps.common import clock
from apps.common.errors import Refused
from apps.desk.reads.making import (
    Choice,
    choice_of,
    name_made_with,
    parts_of_units,
    rma_for,
    sentence_of,
    told_to_optoro,
    twin_of,
    what_stays,
)
from apps.desk.reads.payments import hand_note, what_follows
from apps.desk.refund_forms import RefundForm
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.orders.models import Order
from apps.orders.queries import find_order
from apps.refunds.models import Destination, Refund, RefundStatus, Source
from apps.refunds.requests import (
    ChangedSinceShown,
    KeyReused,
    Preview,
    make_refund,
    preview_refund,
)
from apps.rmas.models import Rma
from apps.timeline.types import staff

REASONS = (
    "Arrived damaged",
    "Wrong item sent",
    "Never arrived",
    "Late delivery",
    "Price adjustment",
    "Lost on its way back",
)


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def new(request: DeskRequest, identifier: str) -> HttpResponse:
    """The form of a new refund. POST shows what it would lead to (`step=live` that part alone, for
    beside the form); with `step=make` it makes the refund, once for each confirmation, and with
    `step=edit` it leads back to what was typed."""
    order = find_order(store_id=request.seat.store.pk, identifier=identifier)
    if order is None:
        raise Http404(f"There is no order {identifier} in this store.")
    demand(request, Action.MAKE_REFUND)
    choice = choice_of(order, _rma(request, order))
    if request.method != "POST":
        return _form(request, RefundForm(choice, initial=_initial(choice)))
    form, step = RefundForm(choice, request.POST), request.POST.get("step", "")
    if step == "live":
        return _live(request, form)
    if not form.is_valid():
        if step == "make" and (name := name_made_with(request.seat.store.pk, _key(request))):
            # What it refunded is no longer there to choose.
            return _made_before(request, name)
        _add_refusals(request, form)
        return _form(request, form, status=422)
    if step == "edit":
        return _form(request, form)
    return _make(request, form) if step == "make" else _confirm(request, form)


def _rma(request: DeskRequest, order: Order) -> Rma | None:
    name = request.GET.get("rma", "")
    rma = rma_for(order, name) if name else None
    if name and rma is None:
        raise Http404(f"Order {order.identifier} has no return {name}.")
    return rma


def _initial(choice: Choice) -> dict[str, Any]:
    rma = choice.found.rma
    is_gift = bool(rma and rma.gift_refund_only)
    return {"destination": Destination.GIFT_CARD if is_gift else Destination.ORIGINAL_PAYMENT}


def _form(request: DeskRequest, form: RefundForm, *, status: int = 200) -> HttpResponse:
    return render(
        request,
        "desk/refund_new.html",
        {
            "form": form,
            "choice": form.choice,
            "order": form.choice.found.order,
            "rma": form.choice.found.rma,
            "reasons": REASONS,
            "errors": form.wrong_fields() if form.is_bound else (),
        },
        status=status,
    )


def _preview(request: DeskRequest, form: RefundForm, *, as_draft: bool = False) -> Preview:
    membership = request.seat.membership
    return preview_refund(
        wish=form.wish(as_draft=as_draft),
        source=Source.STAFF,
        role=membership.role,
        author_id=int(membership.user_id),
    )


def _add_refusals(request: DeskRequest, form: RefundForm) -> None:
    """A form that cannot be read as a whole is told at once what stands against the rest of it."""
    if form.can_be_tried():
        try:
            _preview(request, form, as_draft=True)
        except Refused as refusal:
            form.refuse(refusal)


def _refused(request: DeskRequest, form: RefundForm, refusal: Refused) -> HttpResponse:
    form.refuse(refusal)
    return _form(request, form, status=422)


def _live(request: DeskRequest, form: RefundForm) -> HttpResponse:
    """What the refund would be as far as it is typed, or what is still wrong; nothing is kept."""
    form.is_valid()
    preview = None
    if form.can_be_tried():
        try:
            preview = _preview(request, form, as_draft=True)
        except Refused as refusal:
            form.refuse(refusal)
    context = _shown(request, form, preview) if preview else {}
    return render(
        request,
        "desk/parts/refund_preview.html",
        {**context, "order": form.choice.found.order, "form": form, "errors": form.wrong_fields()},
    )


def _shown(request: DeskRequest, form: RefundForm, preview: Preview) -> dict[str, Any]:
    """What the preview and the confirmation show alike."""
    holds_until = clock.now() + timedelta(minutes=preview.hold_minutes)
    return {
        "preview": preview,
        "proposal": preview.proposal,
        "sentence": sentence_of(preview),
        "told": told_to_optoro(preview),
        "stays": what_stays(form.choice, preview),
        "holds_until": None if preview.waits or not preview.hold_minutes else holds_until,
        "hand_note": hand_note(request.seat.store, preview.portions),
        "parts_of_units": parts_of_units(form.choice, preview.proposal),
    }


def _confirm(
    request: DeskRequest, form: RefundForm, *, key: str = "", has_changed: bool = False
) -> HttpResponse:
    """Shows what the refund would be. The key that makes it is made here, so that it is one refund
    however often the confirmation is sent."""
    try:
        preview = _preview(request, form)
    except Refused as refusal:
        return _refused(request, form, refusal)
    return render(
        request,
        "desk/refund_new_confirm.html",
        {
            **_shown(request, form, preview),
            "form": form,
            "order": form.choice.found.order,
            "rma": form.choice.found.rma,
            "key": key or str(uuid.uuid4()),
            "has_changed": has_changed,
            "twin": twin_of(preview.proposal, int(request.seat.membership.user_id)),
        },
        status=409 if has_changed else 200,
    )


def _make(request: DeskRequest, form: RefundForm) -> HttpResponse:
    key, store_id = _key(request), request.seat.store.pk
    if not key:
        return _confirm(request, form)
    try:
        made = make_refund(
            wish=form.wish(),
            key=key,
            origin="desk",
            source=Source.STAFF,
            actor=staff(int(request.seat.membership.user_id)),
            shown=request.POST.get("shown", ""),
        )
    except KeyReused:
        form.add_error(None, _used_before(store_id, key))
        return _form(request, form, status=422)
    except ChangedSinceShown:
        return _confirm(request, form, key=key, has_changed=True)
    except Refused as refusal:
        return _refused(request, form, refusal)
    if not made.is_new:
        return _made_before(request, made.refund.identifier)
    messages.success(request, _what_follows(made.refund))
    return redirect("desk:refund", identifier=made.refund.identifier)


def _made_before(request: DeskRequest, identifier: str) -> HttpResponse:
    messages.info(request, "This refund was made already: here it is. Nothing was made twice.")
    return redirect("desk:refund", identifier=identifier)


def _key(request: DeskRequest) -> str:
    """The confirmation's key; nothing where it is none that the desk made."""
    try:
        return str(uuid.UUID(request.POST.get("key", "")))
    except ValueError:
        return ""


def _used_before(store_id: int, key: str) -> str:
    name = name_made_with(store_id, key)
    return f"This confirmation was used for another refund ({name}). Start again."


def _what_follows(refund: Refund) -> str:
    if refund.status == RefundStatus.PROPOSED:
        return f"Made. It waits for another person’s approval: {refund.approval_reason}."
    return what_follows(refund, "Made")

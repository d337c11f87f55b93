"""Making a refund: the form, the confirmation that spells it out, and the refund."""

import uuid
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.reads.making import (
    Choice,
    ChoiceLine,
    NotAnAmount,
    cents_from,
    choice_of,
    digest_of,
    name_made_with,
    parts_of_units,
    precision_of,
    rma_for,
    twin_of,
    was_made,
)
from apps.desk.reads.payments import hand_note, what_follows
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.orders.models import Order
from apps.orders.queries import find_order
from apps.refunds.models import Destination, Refund, RefundStatus, Source
from apps.refunds.requests import KeyReused, Preview, make_refund, preview_refund
from apps.refunds.wishes import WantedLine, Wish
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
_AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}
_UNITS = {"inputmode": "numeric", "autocomplete": "off"}


class RefundForm(forms.Form):
    """A refund as a person writes it down: units of lines or goodwill, to whom, and why.

    Only what can be read is checked here: whether it can be refunded is for the domain to say.
    """

    goodwill = forms.CharField(
        label="Goodwill amount",
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs=_AMOUNT),
    )
    destination = forms.ChoiceField(
        label="To",
        choices=[
            (Destination.ORIGINAL_PAYMENT, "The original payment"),
            (Destination.GIFT_CARD, "A gift card"),
        ],
    )
    recipient_email = forms.EmailField(
        label="E-mail for the gift card", required=False, max_length=254
    )
    reason = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.TextInput(attrs={"list": "reasons", "autocomplete": "off"}),
        help_text="Kept with the refund and shown to whoever looks at it.",
        error_messages={"required": "Write why it is refunded."},
    )
    note = forms.CharField(
        required=False,
        max_length=1000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For your colleagues; optional.",
    )

    def __init__(self, choice: Choice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choice = choice
        for view in choice.lines:
            name = f"of line {view.line.identifier}"
            self.fields[f"quantity_{view.line.pk}"] = forms.IntegerField(
                label=f"Units {name}",
                required=False,
                min_value=0,
                max_value=100_000,
                widget=forms.TextInput(attrs=_UNITS),
                error_messages={"invalid": "Write how many units, such as 1."},
            )
            self.fields[f"amount_{view.line.pk}"] = forms.CharField(
                label=f"Amount {name}",
                required=False,
                max_length=20,
                widget=forms.TextInput(attrs={**_AMOUNT, "placeholder": "what is due"}),
            )

    def line_fields(self) -> Iterator[tuple[ChoiceLine, forms.BoundField, forms.BoundField]]:
        """Returns each line with its two fields."""
        for view in self.choice.lines:
            yield view, self[f"quantity_{view.line.pk}"], self[f"amount_{view.line.pk}"]

    def clean(self) -> dict[str, Any]:
        """Reads amounts into cents and refuses what says nothing, or two things at once."""
        cleaned = super().clean() or {}
        self._read_amount("goodwill")
        for view in self.choice.lines:
            name = f"amount_{view.line.pk}"
            self._read_amount(name)
            if cleaned.get(name) is not None and not cleaned.get(f"quantity_{view.line.pk}"):
                self.add_error(f"quantity_{view.line.pk}", "For how many units?")
        if not self.errors:
            self._refuse_none_or_both(cleaned)
        return cleaned

    def _refuse_none_or_both(self, cleaned: dict[str, Any]) -> None:
        is_lines = any(cleaned.get(f"quantity_{view.line.pk}") for view in self.choice.lines)
        is_goodwill = cleaned.get("goodwill") is not None
        if is_lines and is_goodwill:
            raise forms.ValidationError("Units or goodwill, not both: make two refunds.")
        if not is_lines and not is_goodwill:
            raise forms.ValidationError("Choose units of a line, or write a goodwill amount.")

    def _read_amount(self, name: str) -> None:
        """Puts cents where text was; nothing is None."""
        text = self.cleaned_data.get(name)
        if not isinstance(text, str):
            return
        self.cleaned_data[name] = None
        if not text.strip():
            return
        try:
            cents = cents_from(text, precision_of(self.choice.currency))
        except NotAnAmount as problem:
            self.add_error(name, str(problem))
            return
        if cents == 0:
            self.add_error(name, "Nothing to refund: write more, or leave it blank.")
            return
        self.cleaned_data[name] = cents

    def wish(self) -> Wish:
        """Returns what the valid form asks for; amounts in cents."""
        cleaned, found = self.cleaned_data, self.choice.found
        lines = [
            WantedLine(
                order_item_identifier=view.line.identifier,
                quantity=cleaned[f"quantity_{view.line.pk}"],
                amount_cents=cleaned[f"amount_{view.line.pk}"],
            )
            for view in self.choice.lines
            if cleaned[f"quantity_{view.line.pk}"]
        ]
        is_card = cleaned["destination"] == Destination.GIFT_CARD
        return Wish(
            order=found.order,
            rma=found.rma,
            reason=cleaned["reason"],
            lines=tuple(lines),
            goodwill_amount_cents=cleaned["goodwill"],
            destination=cleaned["destination"],
            recipient_email=cleaned["recipient_email"] if is_card else "",
            note=cleaned["note"],
        )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def new(request: DeskRequest, identifier: str) -> HttpResponse:
    """The form of a new refund. POST shows what it would lead to; with `step=make` it makes the
    refund, once for each confirmation, and with `step=edit` it leads back to what was typed."""
    order = find_order(store_id=request.seat.store.pk, identifier=identifier)
    if order is None:
        raise Http404(f"There is no order {identifier} in this store.")
    demand(request, Action.MAKE_REFUND)
    choice = choice_of(order, _rma(request, order))
    if request.method != "POST":
        return _form(request, RefundForm(choice, initial=_initial(choice)))
    form, step = RefundForm(choice, request.POST), request.POST.get("step", "")
    if not form.is_valid():
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
        },
        status=status,
    )


def _preview(request: DeskRequest, form: RefundForm) -> Preview:
    role = request.seat.membership.role
    return preview_refund(wish=form.wish(), source=Source.STAFF, role=role)


def _refused(request: DeskRequest, form: RefundForm, refusal: Refused) -> HttpResponse:
    text = str(refusal)
    form.add_error(None, f"{text[:1].upper()}{text[1:]}.")
    return _form(request, form, status=422)


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
            "form": form,
            "preview": preview,
            "proposal": preview.proposal,
            "order": form.choice.found.order,
            "rma": form.choice.found.rma,
            "key": key or str(uuid.uuid4()),
            "digest": digest_of(preview),
            "has_changed": has_changed,
            "twin": twin_of(preview.proposal, int(request.seat.membership.user_id)),
            "hand_note": hand_note(request.seat.store, preview.portions),
            "parts_of_units": parts_of_units(form.choice, preview.proposal),
        },
        status=409 if has_changed else 200,
    )


def _make(request: DeskRequest, form: RefundForm) -> HttpResponse:
    key, store_id = _key(request), request.seat.store.pk
    if not key:
        return _confirm(request, form)
    try:
        if not _is_as_shown(request, form) and not was_made(store_id, key):
            return _confirm(request, form, key=key, has_changed=True)
        made = make_refund(
            wish=form.wish(),
            key=key,
            origin="desk",
            source=Source.STAFF,
            actor=staff(int(request.seat.membership.user_id)),
        )
    except KeyReused:
        form.add_error(None, _used_before(store_id, key))
        return _form(request, form, status=422)
    except Refused as refusal:
        return _refused(request, form, refusal)
    if made.is_new:
        messages.success(request, _what_follows(made.refund))
    else:
        messages.info(request, "This refund was made already: here it is. Nothing was made twice.")
    return redirect("desk:refund", identifier=made.refund.identifier)


def _is_as_shown(request: DeskRequest, form: RefundForm) -> bool:
    """Tells whether the refund would still be what the confirmation showed. What can no longer be
    refunded at all is left to the making: it knows whether it was made already."""
    try:
        return digest_of(_preview(request, form)) == request.POST.get("shown", "")
    except Refused:
        return True


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

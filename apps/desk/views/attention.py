"""One thing that needs a person: whose it is, what is done about it, and dismissing it."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.attention.models import Item
from apps.attention.rules import ACTS, DONE_AT_ONCE, Act, may_take_over, needs
from apps.attention.services import dismiss_item, give_back_item, take_item, why_not_dismissed
from apps.common.errors import Refused
from apps.desk.reads.attention import item_rows
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.reconciliation import actions as exceptions


class DismissForm(forms.Form):
    """What was done about an item."""

    note = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was found and done. Kept with the item, up to 255 characters.",
        error_messages={"required": "Write what was found and done about it."},
    )


def _item(request: DeskRequest, pk: int) -> Item:
    rows = Item.objects.select_related("owner")
    return get_object_or_404(rows, store=request.seat.store, pk=pk)


def _tell_refusal(request: DeskRequest, refusal: Refused) -> None:
    text = str(refusal)
    messages.error(request, f"{text[:1].upper()}{text[1:]}.")


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def item(request: DeskRequest, pk: int) -> HttpResponse:
    """Why an item is there and what to do; POST dismisses it with a note."""
    found = _item(request, pk)
    is_posted = request.method == "POST"
    if is_posted:
        demand(request, Action.RESOLVE_ATTENTION)
    form = DismissForm(request.POST if is_posted else None)
    if is_posted and form.is_valid():
        return _dismiss(request, found, form.cleaned_data["note"])
    return render(
        request,
        "desk/attention_item.html",
        {
            "item": found,
            "row": item_rows(request.seat, [found])[0],
            "form": form,
            "why_not_dismissed": why_not_dismissed(found),
            "permit": request.seat.permit(Action.RESOLVE_ATTENTION),
        },
        status=422 if is_posted else 200,
    )


def _dismiss(request: DeskRequest, found: Item, note: str) -> HttpResponse:
    user_id = int(request.seat.membership.user_id)
    try:
        is_done = dismiss_item(item=found, user_id=user_id, note=note)
    except Refused as refusal:
        _tell_refusal(request, refusal)
        return redirect("desk:attention-item", pk=found.pk)
    if is_done:
        messages.success(request, f"Dismissed: {found.get_kind_display()}, {found.subject}.")
    else:
        messages.error(request, "Somebody was quicker: this was closed already.")
    return redirect("desk:attention")


@require_POST
@at_desk
def take(request: DeskRequest, pk: int) -> HttpResponse:
    """Makes the person the item's owner."""
    return _change_owner(request, pk, take_item, "You have it now: {}.")


@require_POST
@at_desk
def give_back(request: DeskRequest, pk: int) -> HttpResponse:
    """Leaves the item to whoever takes it next."""
    return _change_owner(request, pk, give_back_item, "Given back, nobody has it now: {}.")


def _change_owner(
    request: DeskRequest, pk: int, change: Callable[..., None], done: str
) -> HttpResponse:
    found = _item(request, pk)
    demand(request, Action.RESOLVE_ATTENTION)
    membership = request.seat.membership
    try:
        change(
            item=found,
            user_id=int(membership.user_id),
            takes_over=may_take_over(membership.role),
        )
        messages.success(request, done.format(f"{found.get_kind_display()}, {found.subject}"))
    except Refused as refusal:
        _tell_refusal(request, refusal)
    return redirect("desk:attention-item", pk=pk)


_DOES: dict[Act, Callable[[Item], str]] = {
    Act.ASK_GATEWAY: lambda item: exceptions.ask_gateway_again(
        store_id=item.store_id, refund_identifier=item.subject
    ),
    Act.QUEUE_PAYMENT: lambda item: exceptions.queue_payment_again(
        store_id=item.store_id, refund_identifier=item.subject
    ),
    Act.SEND_SNAPSHOT: lambda item: exceptions.send_snapshot_again(
        store_id=item.store_id, order_identifier=item.order_identifier
    ),
    Act.LOOK_AGAIN: lambda item: exceptions.look_again(
        store_id=item.store_id, rma_identifier=item.rma_identifier
    ),
}


@require_POST
@at_desk
def act(request: DeskRequest, pk: int, name: str) -> HttpResponse:
    """Does one of the item's actions at once, and says what happened."""
    found = _item(request, pk)
    asked = next((one for one in ACTS.get(found.kind, ()) if one.value == name), None)
    if asked not in DONE_AT_ONCE:
        raise Http404(f"There is no action {name} for this item.")
    demand(request, needs(asked))
    if found.resolved_at:
        messages.info(request, "Nothing to do: this was closed already.")
        return redirect("desk:attention-item", pk=pk)
    try:
        messages.success(request, _DOES[asked](found))
    except Refused as refusal:
        _tell_refusal(request, refusal)
    return redirect("desk:attention-item", pk=pk)

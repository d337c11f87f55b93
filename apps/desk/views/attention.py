"""One thing that needs a person: whose it is, what is done about it, and dismissing it."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from apps.attention.models import Item
from apps.attention.queries import next_of_kind
from apps.attention.rules import ACTS, DONE_AT_ONCE, Act, may_take_over, needs, resolving
from apps.attention.services import why_not_dismissed
from apps.common.errors import Refused
from apps.desk.reads.attention import item_rows
from apps.desk.seats import DeskRequest, at_desk, demand
from apps.reconciliation import actions as exceptions
from apps.reconciliation import working


class DismissForm(forms.Form):
    """What was done about an item."""

    note = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.Textarea(
            attrs={"rows": 3, "data-key": "d", "data-key-label": "Dismiss it: write what was done"}
        ),
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
    """Why an item is there and what to do; POST dismisses it with a note, and leads to the next
    one of its kind."""
    found = _item(request, pk)
    is_posted = request.method == "POST"
    if is_posted:
        demand(request, resolving(found.kind))
    form = DismissForm(request.POST if is_posted else None)
    if is_posted and form.is_valid():
        return _dismiss(request, found, form.cleaned_data["note"])
    row = item_rows(request.seat, [found])[0]
    form.fields["note"].disabled = not row.permit.is_given
    following, more = next_of_kind(found, _user_id(request))
    return render(
        request,
        "desk/attention_item.html",
        {
            "item": found,
            "row": row,
            "form": form,
            "why_not_dismissed": why_not_dismissed(found),
            "permit": row.permit,
            "following": following,
            "more": more,
        },
        status=422 if is_posted else 200,
    )


def _user_id(request: DeskRequest) -> int:
    return int(request.seat.membership.user_id)


def _dismiss(request: DeskRequest, found: Item, note: str) -> HttpResponse:
    try:
        is_done = working.dismiss(item=found, user_id=_user_id(request), note=note)
    except Refused as refusal:
        _tell_refusal(request, refusal)
        return redirect("desk:attention-item", pk=found.pk)
    if is_done:
        said = f"Dismissed: {found.get_kind_display()}, {found.subject}."
        return _go_on(request, found, said)
    messages.error(request, "Somebody was quicker: this was closed already.")
    return redirect("desk:attention-item", pk=found.pk)


def _go_on(request: DeskRequest, found: Item, said: str) -> HttpResponse:
    """Says what was done, and opens the next item of the same kind; the list after the last."""
    following, more = next_of_kind(found, _user_id(request))
    if following:
        messages.success(request, f"{said} {more:,} more of this kind.")
        return redirect("desk:attention-item", pk=following.pk)
    left = f"Others have the {more:,} left of this kind." if more else "No more of this kind."
    messages.success(request, f"{said} {left}")
    return redirect("desk:attention")


@require_POST
@at_desk
def take(request: DeskRequest, pk: int) -> HttpResponse:
    """Makes the person the item's owner."""
    return _change_owner(request, pk, working.take, "You have it now: {}.")


@require_POST
@at_desk
def give_back(request: DeskRequest, pk: int) -> HttpResponse:
    """Leaves the item to whoever takes it next."""
    return _change_owner(request, pk, working.give_back, "Given back, nobody has it now: {}.")


def _change_owner(
    request: DeskRequest, pk: int, change: Callable[..., None], done: str
) -> HttpResponse:
    found = _item(request, pk)
    demand(request, resolving(found.kind))
    takes_over = may_take_over(request.seat.membership.role)
    try:
        change(item=found, user_id=_user_id(request), takes_over=takes_over)
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
    """Does one of the item's actions at once, says what happened, and leads to the next item of its
    kind: this one closes by itself when its cause is gone."""
    found = _item(request, pk)
    asked = next((one for one in ACTS.get(found.kind, ()) if one.value == name), None)
    if asked not in DONE_AT_ONCE:
        raise Http404(f"There is no action {name} for this item.")
    demand(request, needs(asked, found.kind))
    if found.resolved_at:
        messages.info(request, "Nothing to do: this was closed already.")
        return redirect("desk:attention-item", pk=pk)
    try:
        said = _DOES[asked](found)
    except Refused as refusal:
        _tell_refusal(request, refusal)
        return redirect("desk:attention-item", pk=pk)
    return _go_on(request, found, said)

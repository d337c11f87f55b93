"""One thing that needs a person, and dismissing it."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from apps.accounts.rules import Action
from apps.attention.models import Item
from apps.attention.rules import WHAT_TO_DO
from apps.attention.services import dismiss_item
from apps.desk.seats import DeskRequest, at_desk, demand


class DismissForm(forms.Form):
    """What was done about an item."""

    note = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was found and done. Kept with the item, up to 255 characters.",
        error_messages={"required": "Write what was found and done about it."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def item(request: DeskRequest, pk: int) -> HttpResponse:
    """Why an item is there and what to do; POST dismisses it with a note."""
    rows = Item.objects.select_related("owner")
    found = get_object_or_404(rows, store=request.seat.store, pk=pk)
    is_posted = request.method == "POST"
    if is_posted:
        demand(request, Action.RESOLVE_ATTENTION)
    form = DismissForm(request.POST if is_posted else None)
    if is_posted and form.is_valid():
        note = form.cleaned_data["note"]
        user_id = int(request.seat.membership.user_id)
        if dismiss_item(item=found, user_id=user_id, note=note):
            messages.success(request, f"Dismissed: {found.get_kind_display()}, {found.subject}.")
        else:
            messages.error(request, "Somebody was quicker: this was closed already.")
        return redirect("desk:attention")
    return render(
        request,
        "desk/attention_item.html",
        {
            "item": found,
            "form": form,
            "what_to_do": WHAT_TO_DO.get(found.kind, ""),
            "permit": request.seat.permit(Action.RESOLVE_ATTENTION),
        },
        status=422 if is_posted else 200,
    )

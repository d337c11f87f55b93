"""Keeping how a list is looked at, under a name."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.common.errors import Refused
from apps.desk.lists.looks import Look, listing_of
from apps.desk.lists.saved import delete_view, rename_view, save_view, views_for
from apps.desk.models import SavedView
from apps.desk.seats import DeskRequest, at_desk


@require_POST
@at_desk
def save(request: DeskRequest, name: str) -> HttpResponse:
    """Saves the present filters, sorting and columns of a list."""
    look = Look(request, name, QueryDict(request.POST.get("query", "")))
    try:
        view = save_view(
            request.seat,
            look,
            name=request.POST.get("name", ""),
            is_shared="is_shared" in request.POST,
        )
        shared = " for everybody in the store" if view.is_shared else ""
        messages.success(request, f"Saved{shared}: {view.name}.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(look.url)


@require_POST
@at_desk
def rename(request: DeskRequest, pk: int) -> HttpResponse:
    """Gives a view another name."""
    return _change(
        request,
        pk,
        lambda view: rename_view(request.seat, view, name=request.POST.get("name", "")),
        "Renamed: {}.",
    )


@require_POST
@at_desk
def delete(request: DeskRequest, pk: int) -> HttpResponse:
    """Deletes a view; the list itself is as it was."""
    return _change(request, pk, lambda view: delete_view(request.seat, view), "Deleted: {}.")


def _change(
    request: DeskRequest, pk: int, change: Callable[[SavedView], None], done: str
) -> HttpResponse:
    view = get_object_or_404(views_for(request.seat), pk=pk)
    listing = listing_of(view.list_name, QueryDict(view.query))
    try:
        change(view)
        messages.success(request, done.format(view.name))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(reverse(listing.url_name))

"""Keeping how a list is looked at, under a name."""

from collections.abc import Callable
from typing import Any

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

_KEPT = "unsaved_view"
_MOST_KEPT = 200


def _refused(request: DeskRequest, list_name: str, pk: int, refusal: Refused) -> None:
    """Keeps what was typed for the list's page, which tells beside the field why it was refused."""
    messages.error(request, str(refusal))
    request.session[_KEPT] = {
        "list_name": list_name,
        "pk": pk,
        "name": request.POST.get("name", "")[:_MOST_KEPT],
        "is_shared": "is_shared" in request.POST,
        "problem": str(refusal),
    }


def unsaved_view(request: DeskRequest, list_name: str) -> dict[str, Any]:
    """Returns what was typed for a view of this list and refused just before, once: `pk` (0 for a
    new view), `name`, `is_shared` and `problem`; nothing where nothing was."""
    kept: dict[str, Any] = request.session.pop(_KEPT, {})
    return kept if kept.get("list_name") == list_name else {}


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
        _refused(request, look.listing.name, 0, refusal)
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
        _refused(request, listing.name, pk, refusal)
    return redirect(reverse(listing.url_name))

"""Saved views of lists: a person's own, and those shared with everybody in the store."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.accounts.rules import Action
from apps.common.errors import Refused
from apps.desk.lists.looks import Look
from apps.desk.models import SavedView
from apps.desk.seats import Seat

MOST_NAME_CHARACTERS = 80
MOST_QUERY_CHARACTERS = 2000
MOST_VIEWS = 30


@dataclass(frozen=True)
class Tab:
    """A saved view above its list."""

    view: SavedView
    url: str
    is_current: bool
    is_own: bool
    can_change: bool


def views_for(seat: Seat) -> QuerySet[SavedView]:
    """Returns the views that a person sees in a store: their own, and the shared ones."""
    own = Q(owner_id=seat.membership.user_id)
    return SavedView.objects.filter(own | Q(is_shared=True), store=seat.store)


def may_change(seat: Seat, view: SavedView) -> bool:
    """Tells whether a person may rename or delete a view: their own, and shared ones where they may
    share."""
    is_own = view.owner_id == seat.membership.user_id
    return is_own or (view.is_shared and seat.permit(Action.SHARE_VIEW).is_given)


def view_tabs(seat: Seat, look: Look) -> list[Tab]:
    """Returns the views of a list, by name; one query."""
    rows = views_for(seat).filter(list_name=look.listing.name).select_related("owner")
    return [
        Tab(
            view=view,
            url=look.url_with(view.query),
            is_current=view.query == look.canonical,
            is_own=view.owner_id == seat.membership.user_id,
            can_change=may_change(seat, view),
        )
        for view in rows
    ]


def save_view(seat: Seat, look: Look, *, name: str, is_shared: bool) -> SavedView:
    """Keeps how a list is looked at under a name; raises Refused, in words, where it cannot."""
    name = _usable(name)
    if is_shared and not seat.permit(Action.SHARE_VIEW).is_given:
        raise Refused(seat.permit(Action.SHARE_VIEW).reason)
    if not look.canonical:
        raise Refused("This is the plain list: set a filter, a sorting or columns first.")
    if len(look.canonical) > MOST_QUERY_CHARACTERS:
        raise Refused("These filters are too long to be kept: take some of them away.")
    own = SavedView.objects.filter(
        store=seat.store, owner_id=seat.membership.user_id, list_name=look.listing.name
    )
    if own.count() >= MOST_VIEWS:
        raise Refused(f"You have {MOST_VIEWS} views of this list: delete one first.")
    try:
        with transaction.atomic():
            return SavedView.objects.create(
                store=seat.store,
                owner_id=seat.membership.user_id,
                list_name=look.listing.name,
                name=name,
                query=look.canonical,
                is_shared=is_shared,
            )
    except IntegrityError as error:
        raise Refused(_taken(name)) from error


def rename_view(seat: Seat, view: SavedView, *, name: str) -> None:
    """Gives a view another name; raises Refused, in words, where it cannot."""
    _refuse_others(seat, view)
    view.name = _usable(name)
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError as error:
        raise Refused(_taken(view.name)) from error


def delete_view(seat: Seat, view: SavedView) -> None:
    """Deletes a view; raises Refused, in words, where this person may not."""
    _refuse_others(seat, view)
    view.delete()


def _refuse_others(seat: Seat, view: SavedView) -> None:
    if not may_change(seat, view):
        raise Refused(seat.permit(Action.SHARE_VIEW).reason)


def _usable(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise Refused("Name: write what the view is called, such as “Paid, not reported”.")
    if len(name) > MOST_NAME_CHARACTERS:
        raise Refused(
            f"Name: {len(name)} characters, {MOST_NAME_CHARACTERS} are the most; shorten it."
        )
    return name


def _taken(name: str) -> str:
    return f"Name: “{name}” is taken by another view of this list; choose another name."

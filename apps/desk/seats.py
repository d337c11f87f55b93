"""Who sits at the desk: the person, the store they look at, and what their role lets them do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from apps.accounts import drafts
from apps.accounts.models import Membership, Role
from apps.accounts.rules import Action, may, needed_role
from apps.desk.second_factor import set_up_first
from apps.stores.models import Store
from apps.stores.queries import zone_of

SESSION_KEY = "store_id"

_DOING = {
    Action.VIEW: "Looking at this",
    Action.MAKE_REFUND: "Making refunds",
    Action.DECIDE_REFUND: "Deciding on refunds",
    Action.SETTLE_PAYOUT: "Saying what became of a payment",
    Action.CANCEL_RMA: "Canceling returns",
    Action.RESOLVE_ATTENTION: "Working on what needs attention",
    Action.RESOLVE_MONEY: "Working on what is about payments and settlement",
    Action.WRITE_NOTE: "Writing notes",
    Action.WORK_CASE: "Assigning, flagging, excluding units and deciding anew",
    Action.SHARE_VIEW: "Sharing a view with everybody",
    Action.REPLAY_MESSAGE: "Replaying and resending messages",
    Action.EDIT_CATALOG: "Changing the catalog",
    Action.EDIT_POLICY: "Changing refund policies",
    Action.EDIT_APPROVALS: "Changing who may decide on how much",
    Action.MANAGE_PEOPLE: "Seeing and changing who works in this store",
    Action.EDIT_SCHEDULES: "Scheduling reports and working on those that failed",
    Action.VIEW_FINANCE: "Seeing reports, statements and books",
    Action.CLOSE_BOOKS: "Closing months, and opening them again",
    Action.RECONCILE_STATEMENTS: "Comparing payments with statements",
}


@dataclass(frozen=True)
class Permit:
    """Whether a person may do something; `reason` is what a disabled button says."""

    is_given: bool
    reason: str


@dataclass(frozen=True)
class Seat:
    """A person at one store. `memberships` are all of theirs, for the store switcher."""

    membership: Membership
    memberships: tuple[Membership, ...]

    @property
    def store(self) -> Store:
        """The store that every page is about."""
        return self.membership.store

    @property
    def role_label(self) -> str:
        """The person's role in this store, in words."""
        return str(Role(self.membership.role).label)

    @property
    def zone(self) -> ZoneInfo:
        """The store's time zone."""
        return zone_of(self.store)

    def permit(self, action: Action) -> Permit:
        """Tells whether this person may do `action` here, and if not, who may."""
        is_given = may(self.membership.role, action)
        return Permit(is_given, "" if is_given else self._refusal(action))

    def _refusal(self, action: Action) -> str:
        return (
            f"{_DOING[action]} needs {needed_role(action)}. "
            f"Your role in {self.store.name} is {self.role_label}."
        )


class DeskRequest(HttpRequest):
    """A request whose person has a seat; the views behind `at_desk` get these."""

    seat: Seat


def seat_of(request: HttpRequest) -> Seat | None:
    """Returns the seat of the person signed in: the store kept in the session where they (still)
    have a membership, else their first. Superusers are no exception."""
    if not request.user.is_authenticated:
        return None
    memberships = tuple(
        Membership.objects.filter(user_id=request.user.pk, store__is_active=True)
        .select_related("store")
        .order_by("pk")
    )
    if not memberships:
        return None
    kept = request.session.get(SESSION_KEY)
    chosen = next((m for m in memberships if m.store_id == kept), memberships[0])
    by_name = sorted(memberships, key=lambda m: (m.store.name.casefold(), m.pk))
    return Seat(membership=chosen, memberships=tuple(by_name))


def at_desk(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Gives a view its seat and the store's clock; a person without a store is told so.

    Pages hold customers' data, so no cache may keep them.
    """

    @wraps(view)
    def seated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        seat = seat_of(request)
        if seat is None:
            return render(request, "desk/no_store.html", status=403)
        desk_request = cast("DeskRequest", request)
        desk_request.seat = seat
        if seat.store.requires_second_factor and (first := set_up_first(request, seat.store)):
            return first
        with timezone.override(seat.zone):
            try:
                response = view(desk_request, *args, **kwargs)
            except Http404:
                # Rendered here, so that the page is the same with DEBUG on.
                response = render(request, "404.html", status=404)
        drafts.remember_seat(request, response, store_id=seat.store.pk)
        add_never_cache_headers(response)
        return response

    return seated


def demand(request: DeskRequest, action: Action) -> None:
    """Raises PermissionDenied, naming the roles that may, where the person's role may not."""
    permit = request.seat.permit(action)
    if not permit.is_given:
        raise PermissionDenied(permit.reason)

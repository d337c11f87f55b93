"""The home page, who is mentioned, and the search."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.rules import Action
from apps.cases.queries import unseen_mentions
from apps.desk.reads import home as reads
from apps.desk.reads.queues import queues_of
from apps.desk.reads.rows import rma_rows
from apps.desk.reads.search import LIMIT, Found, Hits, search
from apps.desk.recent import forget_searches, recent_searches, remember_search
from apps.desk.seats import DeskRequest, Seat, at_desk
from apps.exchanges.models import ExchangeOrder
from apps.ledger.models import PeriodEvent
from apps.ledger.periods import open_request
from apps.orders.models import Order
from apps.rmas.models import Rma

MENTIONS_SHOWN = 100


@require_GET
@at_desk
def home(request: DeskRequest) -> HttpResponse:
    """What waits for somebody, what happened today, and what is new."""
    seat = request.seat
    store_id = seat.store.pk
    return render(
        request,
        "desk/home.html",
        {
            "queues": queues_of(store_id, seat.membership.user_id),
            "figures": reads.figures_of(store_id, seat.zone),
            "events": reads.latest_events(store_id),
            "returns": rma_rows(reads.latest_returns(store_id)),
            "reopening": _reopening(seat),
        },
    )


def _reopening(seat: Seat) -> PeriodEvent | None:
    """Returns somebody else's request to open a closed month again, for who may decide on it."""
    if not seat.permit(Action.CLOSE_BOOKS).is_given:
        return None
    asked = open_request(seat.store.pk)
    return asked if asked and asked.actor_id != seat.membership.user_id else None


@require_GET
@at_desk
def mentions(request: DeskRequest) -> HttpResponse:
    """The notes that name whoever looks, and that they have not seen."""
    seat = request.seat
    rows = unseen_mentions(store_id=seat.store.pk, person_id=seat.membership.user_id)
    found = list(rows[: MENTIONS_SHOWN + 1])
    shown = {"mentions": found[:MENTIONS_SHOWN], "is_capped": len(found) > MENTIONS_SHOWN}
    return render(request, "desk/mentions.html", shown)


def address_of(found: Found) -> str:
    """Returns the address of the page about `found`."""
    if isinstance(found, Order):
        return reverse("desk:order", args=[found.identifier])
    if isinstance(found, Rma):
        return reverse("desk:rma", args=[found.rma_identifier])
    if isinstance(found, ExchangeOrder):
        return reverse("desk:exchange", args=[found.order_identifier])
    return reverse("desk:refund", args=[found.identifier])


@require_GET
@at_desk
def find(request: DeskRequest) -> HttpResponse:
    """Opens the one thing that is called so, or lists what could be meant."""
    text = request.GET.get("q", "").strip()
    store_id, person_id = request.seat.store.pk, request.seat.membership.user_id
    hits = search(store_id=store_id, text=text) if text else Hits()
    remember_search(store_id=store_id, person_id=person_id, text=text)
    if hits.only:
        return redirect(address_of(hits.only))
    groups = [
        ("Orders", [(o, address_of(o), hits.why["order", o.pk]) for o in hits.orders]),
        ("Returns", [(r, address_of(r), hits.why["rma", r.pk]) for r in hits.rmas]),
        ("Exchanges", [(e, address_of(e), hits.why["exchange", e.pk]) for e in hits.exchanges]),
        ("Refunds", [(r, address_of(r), hits.why["refund", r.pk]) for r in hits.refunds]),
    ]
    found = recent_searches(store_id=store_id, person_id=person_id)
    shown = {"q": text, "groups": groups, "hits": hits, "limit": LIMIT, "recent": found}
    return render(request, "desk/search.html", shown)


@require_GET
@at_desk
def recent(request: DeskRequest) -> HttpResponse:
    """What whoever asks searched for last: for the search box, or as a page."""
    found = recent_searches(
        store_id=request.seat.store.pk, person_id=request.seat.membership.user_id
    )
    if request.headers.get("HX-Request"):
        return render(request, "desk/parts/recent.html", {"recent": found})
    return redirect("desk:search")


@require_POST
@at_desk
def forget(request: DeskRequest) -> HttpResponse:
    """Forgets what whoever asks searched for in this store."""
    forget_searches(store_id=request.seat.store.pk, person_id=request.seat.membership.user_id)
    return redirect("desk:search")

"""The home page and the search."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.desk.reads import home as reads
from apps.desk.reads.rows import rma_rows
from apps.desk.reads.search import Found, Hits, search
from apps.desk.seats import DeskRequest, at_desk
from apps.exchanges.models import ExchangeOrder
from apps.orders.models import Order
from apps.rmas.models import Rma


@require_GET
@at_desk
def home(request: DeskRequest) -> HttpResponse:
    """What needs somebody, what moves, what happened today."""
    store_id = request.seat.store.pk
    return render(
        request,
        "desk/home.html",
        {
            "figures": reads.today(store_id),
            "attention": reads.attention_tallies(store_id),
            "queues": reads.queue_tallies(store_id),
            "refunds": reads.refund_tallies(store_id),
            "silent_since": reads.silent_since(),
            "events": reads.latest_events(store_id),
            "returns": rma_rows(reads.latest_returns(store_id)),
        },
    )


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
    hits = search(store_id=request.seat.store.pk, text=text) if text else Hits()
    if hits.only:
        return redirect(address_of(hits.only))
    groups = [
        ("Orders", [(o, address_of(o), hits.why["order", o.pk]) for o in hits.orders]),
        ("Returns", [(r, address_of(r), hits.why["rma", r.pk]) for r in hits.rmas]),
        ("Exchanges", [(e, address_of(e), hits.why["exchange", e.pk]) for e in hits.exchanges]),
        ("Refunds", [(r, address_of(r), hits.why["refund", r.pk]) for r in hits.refunds]),
    ]
    return render(request, "desk/search.html", {"q": text, "groups": groups, "hits": hits})

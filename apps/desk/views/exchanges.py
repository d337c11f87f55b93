"""The page of an exchange order."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.desk.reads.exchanges import exchange_page
from apps.desk.seats import DeskRequest, at_desk
from apps.exchanges.queries import exchange_order_named


@require_GET
@at_desk
def exchange(request: DeskRequest, identifier: str) -> HttpResponse:
    """What was asked for, what it costs and why, what was answered, what became of it."""
    found = exchange_order_named(request.seat.store.pk, identifier)
    if found is None:
        raise Http404(f"There is no exchange order {identifier} in this store.")
    page = exchange_page(found, whole_timeline=request.GET.get("timeline") == "all")
    return render(request, "desk/exchange.html", {"page": page, "placed": found})

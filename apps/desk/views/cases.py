"""The pages of an order and of a return."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.desk.reads.orders import order_page
from apps.desk.reads.rmas import rma_page
from apps.desk.seats import DeskRequest, at_desk
from apps.orders.queries import find_order
from apps.rmas.models import Rma


@require_GET
@at_desk
def order(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about an order; its secondary identifier leads to the same page."""
    found = find_order(store_id=request.seat.store.pk, identifier=identifier)
    if found is None:
        raise Http404(f"There is no order {identifier} in this store.")
    if found.identifier != identifier:
        return redirect("desk:order", identifier=found.identifier)
    page = order_page(found, whole_timeline=_is_whole(request))
    return render(request, "desk/order.html", {"page": page, "order": found})


@require_GET
@at_desk
def rma(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about a return."""
    found = (
        Rma.objects.select_related("store")
        .filter(store=request.seat.store, rma_identifier=identifier)
        .first()
    )
    if found is None:
        raise Http404(f"There is no return {identifier} in this store.")
    page = rma_page(found, whole_timeline=_is_whole(request))
    return render(request, "desk/rma.html", {"page": page, "rma": found})


def _is_whole(request: DeskRequest) -> bool:
    return request.GET.get("timeline") == "all"

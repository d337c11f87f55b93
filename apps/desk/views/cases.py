"""The pages of an order and of a return."""

from collections.abc import Mapping

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.cases.services import see_mentions
from apps.desk.case_forms import CaseForms, case_forms
from apps.desk.reads.case import CasePanel
from apps.desk.reads.orders import order_page
from apps.desk.reads.rmas import rma_page
from apps.desk.seats import DeskRequest, at_desk
from apps.orders.models import Order
from apps.orders.queries import find_order
from apps.rmas.models import Rma


@require_GET
@at_desk
def order(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about an order; its secondary identifier leads to the same page."""
    found = order_named(request, identifier)
    if found.identifier != identifier:
        return redirect("desk:order", identifier=found.identifier)
    return show_order(request, found)


@require_GET
@at_desk
def rma(request: DeskRequest, identifier: str) -> HttpResponse:
    """Everything about a return."""
    return show_rma(request, rma_named(request, identifier))


def order_named(request: DeskRequest, identifier: str) -> Order:
    """Returns the store's order of that identifier, or secondary identifier; raises Http404."""
    found = find_order(store_id=request.seat.store.pk, identifier=identifier)
    if found is None:
        raise Http404(f"There is no order {identifier} in this store.")
    return found


def rma_named(request: DeskRequest, identifier: str) -> Rma:
    """Returns the store's return of that identifier; raises Http404."""
    rows = Rma.objects.select_related("store").filter(store=request.seat.store)
    found = rows.filter(rma_identifier=identifier).first()
    if found is None:
        raise Http404(f"There is no return {identifier} in this store.")
    return found


def show_order(
    request: DeskRequest, order: Order, *, forms: CaseForms | None = None, status: int = 200
) -> HttpResponse:
    """Draws the page of an order; `forms` hold what was typed, where something is wrong with it."""
    page = order_page(order, person_id=_person_id(request), query=_query(request))
    shown = {"page": page, "order": order, "forms": forms or case_forms(page.case)}
    return _seen(request, page.case, render(request, "desk/order.html", shown, status=status))


def show_rma(
    request: DeskRequest, rma: Rma, *, forms: CaseForms | None = None, status: int = 200
) -> HttpResponse:
    """Draws the page of a return; `forms` hold what was typed, where something is wrong with it."""
    page = rma_page(rma, person_id=_person_id(request), query=_query(request))
    shown = {"page": page, "rma": rma, "forms": forms or case_forms(page.case)}
    return _seen(request, page.case, render(request, "desk/rma.html", shown, status=status))


def _seen(request: DeskRequest, panel: CasePanel, response: HttpResponse) -> HttpResponse:
    """Notes that whoever looks has seen the notes that name them, once the page is drawn.

    By GET: it is only a mark of reading, of nobody but the person who looks, and done again it
    changes nothing. A page that refreshes itself or is fetched ahead has nobody before it.
    """
    is_looked_at = request.method == "GET" and not (
        request.headers.get("HX-Request") or "prefetch" in request.headers.get("Sec-Purpose", "")
    )
    if is_looked_at and panel.unseen:
        see_mentions(notes=panel.unseen, person_id=_person_id(request))
    return response


def _person_id(request: DeskRequest) -> int:
    return int(request.seat.membership.user_id)


def _query(request: DeskRequest) -> Mapping[str, str]:
    return request.GET.dict()

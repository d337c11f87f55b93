"""The lists: filters, sorting, columns and page stand in the address."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.engine import Engine
from django.views.decorators.http import require_GET

from apps.accounts.rules import Action
from apps.catalog.queries import missed_lookups_of, products_of
from apps.desk.lists.bulk import MOST_ROWS as MOST_BULK_ROWS
from apps.desk.lists.bulk import offers_of, refusals_of
from apps.desk.lists.export import MOST_ROWS
from apps.desk.lists.filtering import ListFilters
from apps.desk.lists.looks import Look
from apps.desk.lists.saved import view_tabs
from apps.desk.lists.work_filters import MissedLookupFilter, ProductFilter
from apps.desk.paging import Sorting, page_of
from apps.desk.reads.catalog import missed_rows
from apps.desk.seats import DeskRequest, at_desk
from apps.desk.views.saved_views import unsaved_view


def _page(request: DeskRequest, name: str) -> HttpResponse:
    look = Look(request, name, request.GET)
    page = page_of(request, look.rows, look.counted)
    offers = offers_of(request.seat, look.listing)
    context = {
        "look": look,
        "listing": look.listing,
        "cells": Engine.get_default().get_template(look.listing.cells),
        "filter": look.narrowed,
        "page": page,
        "lines": look.lines(page),
        "sort": look.sort,
        "offers": offers,
        "may_any": any(offer.permit.is_given for offer in offers),
        "refusals": refusals_of(offers),
        "has_keys": False,
        "most_bulk_rows": MOST_BULK_ROWS,
        "views": view_tabs(request.seat, look),
        "unsaved": unsaved_view(request, look.listing.name),
        "share_permit": request.seat.permit(Action.SHARE_VIEW),
        "permit": request.seat.permit(Action.RESOLVE_ATTENTION),
        "most_rows": MOST_ROWS,
    }
    return render(request, f"desk/{name}.html", context)


@require_GET
@at_desk
def orders(request: DeskRequest) -> HttpResponse:
    """The orders of the store."""
    return _page(request, "orders")


@require_GET
@at_desk
def rmas(request: DeskRequest) -> HttpResponse:
    """The returns of the store."""
    return _page(request, "rmas")


@require_GET
@at_desk
def exchanges(request: DeskRequest) -> HttpResponse:
    """The exchange orders of the store."""
    return _page(request, "exchanges")


@require_GET
@at_desk
def refunds(request: DeskRequest) -> HttpResponse:
    """The refunds of the store."""
    return _page(request, "refunds")


@require_GET
@at_desk
def attention(request: DeskRequest) -> HttpResponse:
    """What needs a person: open items oldest first, closed ones newest first."""
    return _page(request, "attention")


@require_GET
@at_desk
def deliveries(request: DeskRequest) -> HttpResponse:
    """The messages received from Optoro."""
    return _page(request, "deliveries")


@require_GET
@at_desk
def jobs(request: DeskRequest) -> HttpResponse:
    """The outbound jobs."""
    return _page(request, "jobs")


def _catalog_context(
    request: DeskRequest, rows: Any, filters: type[ListFilters], sorting: Sorting
) -> dict[str, Any]:
    asked = request.GET.get("sort", "")
    narrowed = filters(request.GET, queryset=rows, request=request)
    return {
        "filter": narrowed,
        "is_filtered": any(request.GET.get(name) for name in narrowed.filters),
        "page": page_of(request, sorting.apply(narrowed.qs, asked)),
        "sort": sorting.current(asked),
        "permit": request.seat.permit(Action.EDIT_CATALOG),
    }


@require_GET
@at_desk
def catalog(request: DeskRequest) -> HttpResponse:
    """The products whose variants are offered in exchange."""
    store_id = request.seat.store.pk
    sorting = Sorting(
        {
            "updated": ("updated_at",),
            "identifier": ("variant_identifier",),
            "variants": ("variant_count",),
            "stock": ("in_stock_count",),
        },
        default="-updated",
    )
    context = _catalog_context(request, products_of(store_id), ProductFilter, sorting)
    context["missed_count"] = missed_lookups_of(store_id).count()
    return render(request, "desk/catalog.html", context)


@require_GET
@at_desk
def catalog_missed(request: DeskRequest) -> HttpResponse:
    """The ids that Optoro asked for and that have no variants."""
    store_id = request.seat.store.pk
    sorting = Sorting(
        {
            "asked": ("last_asked_at",),
            "first": ("first_asked_at",),
            "count": ("count",),
            "identifier": ("variant_identifier",),
        },
        default="-asked",
    )
    context = _catalog_context(request, missed_lookups_of(store_id), MissedLookupFilter, sorting)
    context["rows"] = missed_rows(store_id, context["page"])
    return render(request, "desk/catalog_missed.html", context)

"""The lists: filters, sorting and page stand in the address."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.rules import Action
from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.catalog.queries import missed_lookups_of, products_of
from apps.desk import filters
from apps.desk.paging import Sorting, page_of
from apps.desk.reads.attention import item_rows
from apps.desk.reads.catalog import missed_rows
from apps.desk.reads.rows import exchange_rows, order_rows, rma_rows
from apps.desk.seats import DeskRequest, at_desk
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.queries import with_status
from apps.inbox.queries import deliveries_of
from apps.orders.models import Order
from apps.outbox.queries import jobs_of
from apps.refunds.models import Refund
from apps.rmas.models import Rma


def _list(
    request: DeskRequest,
    template: str,
    rows: QuerySet[Any],
    filter_class: type[django_filters.FilterSet],
    sorting: Sorting,
    **context: Any,
) -> tuple[str, dict[str, Any]]:
    """Returns the template and context of a list page; an unusable filter shows its error and
    narrows nothing."""
    asked = request.GET.get("sort", "")
    narrowed = filter_class(request.GET, queryset=rows, request=request)
    names = narrowed.form.fields.keys()
    page = page_of(request, sorting.apply(narrowed.qs, asked))
    return template, {
        "filter": narrowed,
        "is_filtered": any(request.GET.get(name) for name in names),
        "page": page,
        "sort": sorting.current(asked),
        **context,
    }


@require_GET
@at_desk
def orders(request: DeskRequest) -> HttpResponse:
    """The orders of the store."""
    template, context = _list(
        request,
        "desk/orders.html",
        Order.objects.filter(store=request.seat.store).defer("raw"),
        filters.OrderFilter,
        Sorting(
            {
                "ordered": ("remote_created_at",),
                "identifier": ("identifier",),
                "total": ("total_amount_cents",),
                "published": ("published_at",),
            },
            default="-ordered",
        ),
    )
    return render(request, template, {**context, "rows": order_rows(context["page"])})


@require_GET
@at_desk
def rmas(request: DeskRequest) -> HttpResponse:
    """The returns of the store."""
    template, context = _list(
        request,
        "desk/rmas.html",
        Rma.objects.filter(store=request.seat.store),
        filters.RmaFilter,
        Sorting(
            {
                "started": ("remote_created_at",),
                "updated": ("remote_updated_at",),
                "identifier": ("rma_identifier",),
            },
            default="-started",
        ),
    )
    return render(request, template, {**context, "rows": rma_rows(context["page"])})


@require_GET
@at_desk
def exchanges(request: DeskRequest) -> HttpResponse:
    """The exchange orders of the store."""
    rows = with_status(ExchangeOrder.objects.filter(store=request.seat.store))
    template, context = _list(
        request,
        "desk/exchanges.html",
        rows.defer("content", "request"),
        filters.ExchangeFilter,
        Sorting(
            {
                "placed": ("placed_at",),
                "identifier": ("order_identifier",),
                "total": ("total_amount_cents",),
            },
            default="-placed",
        ),
    )
    return render(request, template, {**context, "rows": exchange_rows(context["page"])})


@require_GET
@at_desk
def refunds(request: DeskRequest) -> HttpResponse:
    """The refunds of the store."""
    rows = Refund.objects.filter(store=request.seat.store).select_related("order")
    template, context = _list(
        request,
        "desk/refunds.html",
        rows.defer("order__raw", "raw"),
        filters.RefundFilter,
        Sorting(
            {
                "decided": ("created_at",),
                "total": ("total_refund_amount_cents",),
                "identifier": ("identifier",),
                "paid": ("paid_at",),
            },
            default="-decided",
        ),
    )
    return render(request, template, context)


@require_GET
@at_desk
def attention(request: DeskRequest) -> HttpResponse:
    """What needs a person: open items oldest first, closed ones newest first."""
    store = request.seat.store
    is_closed = request.GET.get("state") == "closed"
    rows = (
        Item.objects.filter(store=store, resolved_at__isnull=False).select_related("owner")
        if is_closed
        else open_items(store.pk).select_related("owner")
    )
    sorting = Sorting(
        {"opened": ("opened_at",), "due": ("due_at",), "closed": ("resolved_at",)},
        default="-closed" if is_closed else "opened",
    )
    template, context = _list(
        request, "desk/attention.html", rows, filters.AttentionFilter, sorting
    )
    context |= {
        "is_closed": is_closed,
        "rows": item_rows(request.seat, context["page"]),
        "permit": request.seat.permit(Action.RESOLVE_ATTENTION),
    }
    return render(request, template, context)


@require_GET
@at_desk
def deliveries(request: DeskRequest) -> HttpResponse:
    """The messages received from Optoro."""
    template, context = _list(
        request,
        "desk/deliveries.html",
        deliveries_of(request.seat.store.pk),
        filters.DeliveryFilter,
        Sorting({"received": ("pk",)}, default="-received"),
    )
    return render(request, template, context)


@require_GET
@at_desk
def jobs(request: DeskRequest) -> HttpResponse:
    """The outbound jobs."""
    template, context = _list(
        request,
        "desk/jobs.html",
        jobs_of(request.seat.store.pk),
        filters.JobFilter,
        Sorting({"created": ("pk",), "next": ("not_before",)}, default="-created"),
    )
    return render(request, template, context)


@require_GET
@at_desk
def catalog(request: DeskRequest) -> HttpResponse:
    """The products whose variants are offered in exchange."""
    store_id = request.seat.store.pk
    template, context = _list(
        request,
        "desk/catalog.html",
        products_of(store_id),
        filters.ProductFilter,
        Sorting(
            {
                "updated": ("updated_at",),
                "identifier": ("variant_identifier",),
                "variants": ("variant_count",),
                "stock": ("in_stock_count",),
            },
            default="-updated",
        ),
        permit=request.seat.permit(Action.EDIT_CATALOG),
        missed_count=missed_lookups_of(store_id).count(),
    )
    return render(request, template, context)


@require_GET
@at_desk
def catalog_missed(request: DeskRequest) -> HttpResponse:
    """The ids that Optoro asked for and that have no variants."""
    store_id = request.seat.store.pk
    template, context = _list(
        request,
        "desk/catalog_missed.html",
        missed_lookups_of(store_id),
        filters.MissedLookupFilter,
        Sorting(
            {
                "asked": ("last_asked_at",),
                "first": ("first_asked_at",),
                "count": ("count",),
                "identifier": ("variant_identifier",),
            },
            default="-asked",
        ),
        permit=request.seat.permit(Action.EDIT_CATALOG),
    )
    return render(request, template, {**context, "rows": missed_rows(store_id, context["page"])})

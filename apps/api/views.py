"""The integrator API. Views translate; every rule lives further down."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api import filters, serializers
from apps.api.errors import field_errors
from apps.api.store import store_of
from apps.common.bodies import read_body
from apps.common.errors import InvalidMessage
from apps.exchanges.queries import exchange_orders_of_order
from apps.inbox.models import Delivery
from apps.inbox.queries import deliveries_of
from apps.inbox.services import replay, take_order
from apps.optoro import order_message
from apps.optoro.reading import MAX_ERRORS, load_json, refuse_unstorable
from apps.orders.queries import find_order, lines_of
from apps.orders.types import MirrorResult
from apps.refunds.queries import refunded_quantities, refunds_of_order
from apps.rmas.models import Rma
from apps.rmas.queries import rmas_of_order


class OrdersView(APIView):
    """Order snapshots in: one or many."""

    required_scope = "orders:write"

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 207: OpenApiTypes.OBJECT, 422: OpenApiTypes.OBJECT},
        description="Full snapshots in the shape of Optoro's returns portal orders, as "
        '`{"returns_portal_order": {"orders": [...]}}` or `{"orders": [...]}`. Each order has a '
        "result of its own: `created`, `updated`, `unchanged`, `stale` (older than the one known: "
        "kept, nothing changed) or `rejected` with its field errors. 200 when all were taken, 207 "
        "when some were, 422 when none was.",
    )
    def post(self, request: Request) -> Response:
        content = load_json(read_body(request))
        results = [
            self._take(request, index, raw)
            for index, raw in enumerate(order_message.orders_in(content))
        ]
        rejected = sum(result["result"] == "rejected" for result in results)
        if rejected == len(results):
            errors = [error for result in results for error in result["errors"]]
            body = {"message": "No order was taken.", "errors": errors, "results": results}
            return Response(body, status=422)
        return Response({"results": results}, status=207 if rejected else 200)

    def _take(self, request: Request, index: int, raw: Any) -> dict[str, Any]:
        try:
            refuse_unstorable(raw)
            wire = order_message.parse(raw)
            taken = take_order(store=store_of(request), wire=wire)
        except InvalidMessage as error:
            return {
                "index": index,
                "identifier": order_message.identifier_in(raw) or None,
                "result": "rejected",
                "errors": field_errors(error.errors),
            }
        result: dict[str, Any] = {
            "index": index,
            "identifier": wire.identifier,
            "result": taken.outcome,
        }
        warnings = _warnings(taken, wire)
        return {**result, "warnings": warnings} if warnings else result


def _warnings(taken: MirrorResult, wire: order_message.WireOrder) -> list[dict[str, Any]]:
    """Returns what the sender should look at in an order that was taken all the same."""
    warnings: list[dict[str, Any]] = []
    if taken.header_difference_cents:
        warnings.append(
            {
                "field": "total_amount_cents",
                "code": "differs_from_lines",
                "difference_cents": taken.header_difference_cents,
            }
        )
    ignored = [error for line in wire.lines for error in line.ignored][:MAX_ERRORS]
    return warnings + [
        {**error, "message": f"{error['message']}; the variants of this item were ignored"}
        for error in field_errors(ignored)
    ]


class OrderView(APIView):
    """One order with everything that belongs to it."""

    required_scope = "read"

    @extend_schema(responses=serializers.OrderSerializer)
    def get(self, request: Request, identifier: str) -> Response:
        order = find_order(store_id=store_of(request).pk, identifier=identifier)
        if order is None:
            raise NotFound(f"There is no order {identifier}.")
        context = {
            "lines": list(lines_of(order)),
            "refunded_quantities": refunded_quantities(order),
            "rmas": list(with_details(rmas_of_order(order))),
            "refunds": list(refunds_of_order(order)),
            "exchange_orders": list(exchange_orders_of_order(order)),
        }
        return Response(serializers.OrderSerializer(order, context=context).data)


def with_details(rmas: QuerySet[Rma]) -> QuerySet[Rma]:
    """Returns RMAs with all that their serializer shows."""
    return rmas.prefetch_related(
        "units__refund_units__line__refund",
        "refunds__lines__order_line",
        "refunds__payouts",
        "refunds__order",
        "refunds__paid_order",
    )


class RmasView(ListAPIView[Rma]):
    """RMAs, newest first, in one normalized form whatever Optoro's API version was."""

    required_scope = "read"
    serializer_class = serializers.RmaSerializer
    filterset_class = filters.RmaFilter

    def get_queryset(self) -> QuerySet[Rma]:
        if getattr(self, "swagger_fake_view", False):
            return Rma.objects.none()
        return with_details(Rma.objects.filter(store=store_of(self.request)))


class RmaView(RetrieveAPIView[Rma]):
    """One RMA with its units' refund status and its refunds."""

    required_scope = "read"
    serializer_class = serializers.RmaSerializer
    lookup_field = "rma_identifier"

    def get_queryset(self) -> QuerySet[Rma]:
        if getattr(self, "swagger_fake_view", False):
            return Rma.objects.none()
        return with_details(Rma.objects.filter(store=store_of(self.request)))


class DeliveriesView(ListAPIView[Delivery]):
    """Messages received from Optoro, newest first."""

    required_scope = "read"
    serializer_class = serializers.DeliverySerializer
    filterset_class = filters.DeliveryFilter

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        return deliveries_of(store_of(self.request).pk)


class ReplayView(APIView):
    """Queues a message to be processed once more."""

    required_scope = "deliveries:replay"

    @extend_schema(request=None, responses={202: serializers.DeliverySerializer})
    def post(self, request: Request, pk: int) -> Response:
        delivery = get_object_or_404(deliveries_of(store_of(request).pk), pk=pk)
        replayed = replay(delivery=delivery)
        return Response(serializers.DeliverySerializer(replayed).data, status=202)

"""Payments of refunds, and what the retailer's own systems say became of them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import ApiKey
from apps.api import filters
from apps.api.bodies import read_object
from apps.api.serializers import InvalidSerializer, MessageSerializer
from apps.api.store import store_of
from apps.optoro.reading import MAX_TEXT
from apps.payments.types import GatewayOutcome
from apps.refunds.models import Payout
from apps.refunds.outcomes import tell_outcome
from apps.timeline.types import machine

MAX_NOTE = 1000
OUTCOMES = (GatewayOutcome.PAID.value, GatewayOutcome.DECLINED.value)


class TransactionSerializer(serializers.ModelSerializer[Payout]):
    """A payment of a refund, with where it goes."""

    id = serializers.UUIDField(
        source="idempotency_key", help_text="The key that the gateway gets with every attempt"
    )
    refund_identifier = serializers.CharField(source="refund.identifier")
    order_identifier = serializers.CharField(
        source="refund.paid_order.identifier", help_text="Whose payment is paid back"
    )
    destination = serializers.CharField(source="refund.destination")
    recipient_email = serializers.CharField(source="refund.recipient_email")
    reference = serializers.CharField(source="gateway_reference")

    class Meta:
        model = Payout
        fields = [
            "id",
            "refund_identifier",
            "order_identifier",
            "transaction_identifier",
            "tender",
            "gateway",
            "status",
            "amount_cents",
            "currency",
            "destination",
            "recipient_email",
            "reference",
            "created_at",
            "finished_at",
        ]


class OutcomeSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=OUTCOMES)
    reference = serializers.CharField(
        max_length=MAX_TEXT, required=False, help_text="Needed with `paid`"
    )
    note = serializers.CharField(max_length=MAX_NOTE, required=False)


_SHOWN = {
    "id": "5f0c5d3e-2c0b-4f3e-9d53-0d7f5e8d8a11",
    "refund_identifier": "RD-4GQ2M-7K1XW",
    "order_identifier": "1001",
    "transaction_identifier": "T-1",
    "tender": "card",
    "gateway": "manual",
    "status": "paid",
    "amount_cents": 13056,
    "currency": "USD",
    "destination": "original_payment",
    "recipient_email": "",
    "reference": "BANK-77",
    "created_at": "2026-01-31T08:00:00Z",
    "finished_at": "2026-01-31T09:30:00Z",
}
_EXAMPLES = [
    OpenApiExample(
        "Paid", request_only=True, value={"status": "paid", "reference": "BANK-77", "note": ""}
    ),
    OpenApiExample(
        "Declined", request_only=True, value={"status": "declined", "note": "account is closed"}
    ),
    OpenApiExample("Taken", response_only=True, status_codes=["200"], value=_SHOWN),
    OpenApiExample(
        "Cannot be told",
        response_only=True,
        status_codes=["409"],
        value={
            "message": "payment 5f0c5d3e-2c0b-4f3e-9d53-0d7f5e8d8a11: it has not been sent yet: "
            "cancel the refund instead"
        },
    ),
]
_ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH)


@dataclass(frozen=True)
class _Told:
    outcome: GatewayOutcome
    reference: str
    note: str


class TransactionsView(ListAPIView[Payout]):
    """Payments of refunds, newest first: poll `?status=pending&gateway=manual` for what is to be
    paid by your own systems."""

    required_scope = "read"
    serializer_class = TransactionSerializer
    filterset_class = filters.TransactionFilter

    def get_queryset(self) -> QuerySet[Payout]:
        if getattr(self, "swagger_fake_view", False):
            return Payout.objects.none()
        return _payouts(self.request)


class TransactionView(APIView):
    """One payment of a refund."""

    @property
    def required_scope(self) -> str:
        """Reading and telling need different scopes."""
        return "transactions:write" if self.request.method == "PUT" else "read"

    @extend_schema(
        parameters=[_ID],
        responses={200: TransactionSerializer, 404: MessageSerializer},
        examples=_EXAMPLES[2:3],
        description="One payment of a refund.",
    )
    def get(self, request: Request, pk: str) -> Response:
        return Response(TransactionSerializer(_found(request, pk)).data)

    @extend_schema(
        parameters=[_ID],
        request={"application/json": OutcomeSerializer},
        responses={
            200: TransactionSerializer,
            404: MessageSerializer,
            409: MessageSerializer,
            422: InvalidSerializer,
        },
        examples=_EXAMPLES,
        description="Says what became of a payment that the desk waits for (`pending`: your own "
        "systems pay it) or whose outcome it does not know (`unknown`). `paid` needs the "
        "`reference` it has there. The same word again changes nothing. 409 where it cannot be "
        "told: not sent yet, being sent at this moment, or known already.",
    )
    def put(self, request: Request, pk: str) -> Response:
        payout = _found(request, pk)
        told = _told(request)
        assert isinstance(request.auth, ApiKey)
        tell_outcome(
            payout=payout,
            outcome=told.outcome,
            reference=told.reference,
            note=told.note,
            actor=machine(request.auth.name),
        )
        return Response(TransactionSerializer(_found(request, pk)).data)


def _told(request: Request) -> _Told:
    reader = read_object(request, "status", "reference", "note")
    status = reader.word("status", OUTCOMES)
    reference = reader.text("reference")
    note = reader.text("note", limit=MAX_NOTE)
    if status == GatewayOutcome.PAID and not reference:
        message = "is required with paid: write the one it has where it was paid"
        reader.add("reference", "missing_field", message)
    reader.raise_errors()
    return _Told(GatewayOutcome(status), reference, note)


def _payouts(request: Request) -> QuerySet[Payout]:
    rows = Payout.objects.filter(store=store_of(request))
    return rows.select_related("refund__paid_order")


def _found(request: Request, pk: str) -> Payout:
    try:
        payout = _payouts(request).filter(idempotency_key=UUID(pk)).first()
    except ValueError:
        payout = None
    if payout is None:
        raise NotFound(f"There is no transaction {pk}.")
    return payout

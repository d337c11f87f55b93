"""Refunds: those of every source out, and those that a machine asks for in."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import ApiKey
from apps.api import filters, refund_request
from apps.api.bodies import idempotency_key, in_alphabetical_order, plain_json
from apps.api.serializers import InvalidSerializer, MessageSerializer, RefundSerializer
from apps.api.store import store_of
from apps.common.errors import Refused
from apps.optoro.reading import MAX_CENTS, MAX_QUANTITY, MAX_TEXT
from apps.refunds.models import Refund, Source
from apps.refunds.requests import KeyReused, make_refund
from apps.timeline.types import machine


class WantedLineSerializer(serializers.Serializer[Any]):
    order_item_identifier = serializers.CharField(max_length=MAX_TEXT)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    amount_cents = serializers.IntegerField(
        min_value=1,
        max_value=MAX_CENTS,
        required=False,
        help_text="For all these units; left out: what is due for them",
    )


class RefundRequestSerializer(serializers.Serializer[Any]):
    order_identifier = serializers.CharField(
        max_length=MAX_TEXT, help_text="Its identifier, or its secondary one"
    )
    lines = WantedLineSerializer(
        many=True, required=False, help_text="Each order item once. Either these or goodwill"
    )
    goodwill_amount_cents = serializers.IntegerField(
        min_value=1, max_value=MAX_CENTS, required=False
    )
    rma_identifier = serializers.CharField(
        max_length=MAX_TEXT, required=False, help_text="The return that the units are in, if any"
    )
    destination = serializers.ChoiceField(
        choices=refund_request.DESTINATIONS,
        required=False,
        help_text="Left out: a gift card for gifts, else the original payment",
    )
    recipient_email = serializers.EmailField(
        max_length=MAX_TEXT,
        required=False,
        help_text="Who gets the gift card; left out: whoever got the gift, else the customer",
    )
    reason = serializers.CharField(max_length=MAX_TEXT)
    note = serializers.CharField(max_length=refund_request.MAX_NOTE, required=False)


KEY = OpenApiParameter(
    name="Idempotency-Key",
    type={"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": "^[!#-~]+$"},
    location=OpenApiParameter.HEADER,
    required=True,
    description="Names this refund for ever: the same key again makes no second refund. Printable "
    'characters, bare or in double quotes. Take a new one for each refund ("7d8c1f0e-refund-1").',
)

_ANSWERED = {
    "identifier": "RD-4GQ2M-7K1XW",
    "status": "approved",
    "kind": "goods",
    "order_identifier": "1001",
    "rma_identifier": "",
    "currency": "USD",
    "total_refund_amount_cents": 13056,
    "shopper_amount_cents": 13056,
    "optoro_amount_cents": 0,
    "retained_amount_cents": 0,
    "bonus_credit_amount_cents": 0,
    "destination": "original_payment",
    "paid_order_identifier": "1001",
    "recipient_email": "",
    "lines": [
        {
            "identifier": "RD-4GQ2M-7K1XW_1",
            "order_item_identifier": "1",
            "quantity": 1,
            "amount_cents": 13056,
            "calculation": None,
        }
    ],
    "transactions": [
        {
            "id": "5f0c5d3e-2c0b-4f3e-9d53-0d7f5e8d8a11",
            "amount_cents": 13056,
            "status": "created",
            "tender": "card",
            "gateway": "stripe",
            "reference": "",
        }
    ],
    "source": "api",
    "reason": "arrived broken",
    "note": "",
    "approval_reason": "",
    "created_at": "2026-01-31T08:00:00Z",
    "payment_due_at": None,
    "paid_at": None,
    "reported_at": None,
    "confirmed_at": None,
}
_LIMIT = "$60.00 of goodwill, but only $50.00 of the $50.00 allowed for order 1001 is left"
_EXAMPLES = [
    OpenApiExample(
        "Goods that are in no return",
        request_only=True,
        value={
            "order_identifier": "1001",
            "lines": [{"order_item_identifier": "1", "quantity": 1}],
            "reason": "arrived broken",
        },
    ),
    OpenApiExample(
        "Goods of a return, onto a gift card",
        request_only=True,
        value={
            "order_identifier": "1001",
            "rma_identifier": "RMA-1",
            "lines": [{"order_item_identifier": "1", "quantity": 2, "amount_cents": 20000}],
            "destination": "gift_card",
            "recipient_email": "ada@example.com",
            "reason": "agreed on the phone",
            "note": "Ticket 4711",
        },
    ),
    OpenApiExample(
        "Goodwill",
        request_only=True,
        value={
            "order_identifier": "1001",
            "goodwill_amount_cents": 500,
            "reason": "delivered late",
        },
    ),
    OpenApiExample("Made", response_only=True, status_codes=["201", "200"], value=_ANSWERED),
    OpenApiExample(
        "No key",
        response_only=True,
        status_codes=["400"],
        value={
            "message": "Idempotency-Key: is missing or blank. Send 1 to 255 printable characters, "
            "the same ones whenever you try again."
        },
    ),
    OpenApiExample(
        "A key of another refund",
        response_only=True,
        status_codes=["409"],
        value={
            "message": "key '7d8c1f0e-refund-1' was used before for another refund, "
            "RD-4GQ2M-7K1XW: take a new key for a new refund"
        },
    ),
    OpenApiExample(
        "Beyond a limit",
        response_only=True,
        status_codes=["422"],
        value={
            "message": _LIMIT,
            "errors": [{"field": "goodwill_amount_cents", "code": "refused", "message": _LIMIT}],
        },
    ),
]


class RefundsView(ListAPIView[Refund]):
    """Refunds of every source, newest first."""

    serializer_class = RefundSerializer
    filterset_class = filters.RefundFilter

    @property
    def required_scope(self) -> str:
        """Reading and refunding need different scopes."""
        return "refunds:write" if self.request.method == "POST" else "read"

    def get_queryset(self) -> QuerySet[Refund]:
        if getattr(self, "swagger_fake_view", False):
            return Refund.objects.none()
        return _refunds(self.request)

    @extend_schema(
        request={"application/json": RefundRequestSerializer},
        parameters=[KEY],
        responses={
            201: RefundSerializer,
            200: RefundSerializer,
            400: MessageSerializer,
            409: MessageSerializer,
            422: InvalidSerializer,
        },
        examples=_EXAMPLES,
        description="Refunds units of an order, or pays goodwill on it. Units that are in a return "
        "need its `rma_identifier`. 201 when the refund is made: `approved`, and paid when its "
        "hold (`payment_due_at`) is over, or `proposed` where it waits for a person "
        "(`approval_reason`). The same key with the same content gives the same answer again with "
        "200, even when the refund went on meanwhile: read it at `GET /api/v1/refunds/...`. The "
        "same key with other content is 409. 422 names every field that is wrong, or the limit or "
        "rule that stands against the refund; nothing is written then, and the key stays free.",
    )
    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        body = refund_request.read(request)
        wish = refund_request.wish_of(body, store=store_of(request), key=key)
        assert isinstance(request.auth, ApiKey)
        try:
            made = make_refund(
                wish=wish,
                key=key,
                origin=refund_request.ORIGIN,
                source=Source.API,
                actor=machine(request.auth.name),
                answer_of=lambda refund: plain_json(RefundSerializer(refund).data),
            )
        except KeyReused:
            raise
        except Refused as refusal:
            field = refund_request.field_of(str(refusal), body=body, order=wish.order)
            error = {"field": field, "code": "refused", "message": str(refusal)}
            return Response({"message": str(refusal), "errors": [error]}, status=422)
        return Response(in_alphabetical_order(made.answer), status=201 if made.is_new else 200)


class RefundView(RetrieveAPIView[Refund]):
    """One refund."""

    required_scope = "read"
    serializer_class = RefundSerializer
    lookup_field = "identifier"

    def get_queryset(self) -> QuerySet[Refund]:
        if getattr(self, "swagger_fake_view", False):
            return Refund.objects.none()
        return _refunds(self.request)


def _refunds(request: Request) -> QuerySet[Refund]:
    return (
        Refund.objects.filter(store=store_of(request))
        .select_related("order", "paid_order")
        .prefetch_related("lines__order_line", "payouts")
    )

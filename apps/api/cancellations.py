"""Asking for the cancellation of a return, and taking that back."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import ApiKey
from apps.api.bodies import read_object
from apps.api.serializers import InvalidSerializer, MessageSerializer, RmaSerializer
from apps.api.store import store_of
from apps.api.views import with_details
from apps.optoro.reading import MAX_TEXT
from apps.refunds.cancellation import request_cancellation, withdraw_cancellation
from apps.rmas.models import Rma
from apps.timeline.types import Actor, machine


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=MAX_TEXT)


def _examples(reason: str, problem: str) -> list[OpenApiExample]:
    missing = {"field": "reason", "code": "missing_field", "message": "is required"}
    return [
        OpenApiExample("With its reason", request_only=True, value={"reason": reason}),
        OpenApiExample(
            "Not possible", response_only=True, status_codes=["409"], value={"message": problem}
        ),
        OpenApiExample(
            "No reason",
            response_only=True,
            status_codes=["422"],
            value={"message": "The request is not valid.", "errors": [missing]},
        ),
    ]


class CancellationView(APIView):
    """The cancellation of one RMA."""

    required_scope = "rmas:write"

    @extend_schema(
        request={"application/json": ReasonSerializer},
        responses={
            202: RmaSerializer,
            404: MessageSerializer,
            409: MessageSerializer,
            422: InvalidSerializer,
        },
        examples=_examples(
            "the shopper keeps it",
            "refund RD-4GQ2M-7K1XW of $130.56 for RMA RMA-1 is paid: what was refunded cannot be "
            "canceled",
        ),
        description="Asks for the RMA's cancellation. Nothing of it is refunded from now on, what "
        "was decided and is not paid is canceled, and a person cancels the return in Optoro's "
        "portal: 202, with `cancellation_requested_at`. Asked for again it is 202 too, and the "
        "first reason stays. 409 where something was refunded, or may have been, and where Optoro "
        "has ended the RMA.",
    )
    def post(self, request: Request, rma_identifier: str) -> Response:
        rma = _found(request, rma_identifier)
        reason = _reason(request)
        actor = _actor(request)
        rma = request_cancellation(rma=rma, reason=reason, actor=actor, requester=actor.name)
        return Response(_shown(rma), status=202)

    @extend_schema(
        responses={
            200: RmaSerializer,
            404: MessageSerializer,
            409: MessageSerializer,
            422: InvalidSerializer,
        },
        examples=_examples(
            "the shopper sends it after all", "no cancellation of RMA RMA-1 is asked for"
        ),
        description="Takes the request back, with a `reason` in the body as in POST: the RMA is "
        "looked at anew. 409 where no cancellation is asked for, or Optoro has canceled the RMA "
        "meanwhile.",
    )
    def delete(self, request: Request, rma_identifier: str) -> Response:
        rma = _found(request, rma_identifier)
        reason = _reason(request)
        return Response(
            _shown(withdraw_cancellation(rma=rma, actor=_actor(request), reason=reason))
        )


def _found(request: Request, rma_identifier: str) -> Rma:
    rows = Rma.objects.filter(store=store_of(request), rma_identifier=rma_identifier)
    rma = rows.first()
    if rma is None:
        raise NotFound(f"There is no RMA {rma_identifier}.")
    return rma


def _reason(request: Request) -> str:
    reader = read_object(request, "reason")
    reason = reader.text("reason", required=True)
    reader.raise_errors()
    return reason


def _actor(request: Request) -> Actor:
    assert isinstance(request.auth, ApiKey)
    return machine(request.auth.name)


def _shown(rma: Rma) -> Any:
    return RmaSerializer(with_details(Rma.objects.all()).get(pk=rma.pk)).data

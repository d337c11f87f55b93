"""Refunds asked for by people and machines, as the screens and the API ask for them."""

import itertools
from typing import Any

from apps.accounts.models import Role
from apps.orders.models import Order
from apps.refunds.models import Source
from apps.refunds.requests import Made, make_refund
from apps.refunds.wanted import WantedLine, Wish
from apps.rmas.models import Rma
from apps.timeline.types import machine
from tests.support.people import actor

_numbers = itertools.count(1)


def wish(
    *lines: tuple[Any, ...],
    order: str = "ORD-1",
    rma: str = "",
    goodwill: int | None = None,
    reason: str = "the shopper called",
    **more: Any,
) -> Wish:
    """What is wanted: lines as (identifier, quantity) or (identifier, quantity, cents)."""
    return Wish(
        order=Order.objects.get(identifier=order),
        rma=Rma.objects.get(rma_identifier=rma) if rma else None,
        lines=tuple(WantedLine(*line) for line in lines),
        goodwill_amount_cents=goodwill,
        reason=reason,
        **more,
    )


def by_staff(wanted: Wish, *, key: str = "", name: str = "ana", role: Role = Role.AGENT) -> Made:
    """A person asks; a new key unless one is given."""
    return make_refund(
        wish=wanted,
        key=key or f"key-{next(_numbers)}",
        origin="desk",
        source=Source.STAFF,
        actor=actor(name, role),
    )


def by_api(wanted: Wish, *, key: str = "") -> Made:
    """A machine asks; a new key unless one is given."""
    return make_refund(
        wish=wanted,
        key=key or f"key-{next(_numbers)}",
        origin="api",
        source=Source.API,
        actor=machine("oms"),
        answer_of=lambda refund: {"identifier": refund.identifier, "status": refund.status},
    )


def transaction(identifier: str, cents: int, **changes: Any) -> dict[str, Any]:
    """A payment movement of an order: a capture by card unless said otherwise."""
    return {
        "identifier": identifier,
        "parent_identifier": "",
        "amount_cents": cents,
        "status": "SUCCESS",
        "type": "CAPTURE",
        "gateway": "card",
        "is_online": True,
        "is_test": False,
        "created_at": "2026-01-22T11:24:21Z",
        "updated_at": "2026-01-22T11:24:21Z",
        "payment_details": {},
        **changes,
    }

"""Calls of the machine API that write refunds, cancellations and payments."""

import itertools
from typing import Any

from django.test import Client

from apps.payments.models import SimulatedPayment
from apps.refunds.models import Payout, Refund, RefundRequest
from apps.stores.models import Store
from apps.timeline.models import Event

Json = dict[str, Any]
_numbers = itertools.count(1)


def wish(order: str = "ORD-1", **changes: Any) -> Json:
    """A request to refund one unit of line 1 with what is due for it."""
    return {
        "order_identifier": order,
        "lines": [{"order_item_identifier": "1", "quantity": 1}],
        "reason": "arrived broken",
        **changes,
    }


def goodwill(cents: Any = 500, order: str = "ORD-1", **changes: Any) -> Json:
    """A request to pay goodwill."""
    return {
        "order_identifier": order,
        "goodwill_amount_cents": cents,
        "reason": "delivered late",
        **changes,
    }


def post_refund(api: Client, body: Any, key: str | None = None) -> Any:
    """Asks for a refund, with a key of its own where none is named; a text is sent as it is."""
    key = key if key is not None else f"key-{next(_numbers)}"
    return api.post(
        "/api/v1/refunds",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )


def errors(answer: Any) -> list[tuple[str, str, str]]:
    """What was wrong, as field, code and message."""
    assert answer.status_code == 422, answer.content
    return [(e["field"], e["code"], e["message"]) for e in answer.json()["errors"]]


def pay_with(gateway: str) -> None:
    """Has the default store pay by that gateway from now on; "" by the environment's."""
    Store.objects.filter(is_default=True).update(payment_gateway=gateway)


def open_payment(api: Client, drain: Any, order: str = "ORD-1", cents: int = 500) -> str:
    """A payment that waits for the word of whoever makes it; returns its id."""
    pay_with("manual")
    made = post_refund(api, goodwill(cents, order))
    assert made.status_code == 201, made.content
    drain()
    pay_with("")
    return str(made.json()["transactions"][0]["id"])


def tell(api: Client, payment: str, **said: Any) -> Any:
    """Says what became of a payment."""
    return api.put(f"/api/v1/transactions/{payment}", said, content_type="application/json")


def written() -> tuple[int, ...]:
    """How much is written of refunds: nothing happened where this stays as it was."""
    models = (Refund, RefundRequest, Payout, SimulatedPayment, Event)
    return tuple(model.objects.count() for model in models)


def line(**changes: Any) -> Json:
    """The part of a request that is for line 1."""
    return {"lines": [{"order_item_identifier": "1", "quantity": 1, **changes}]}


def refused(answer: Any) -> tuple[str, str]:
    """Which limit or rule stood against a refund, as field and message."""
    [(field, code, message)] = errors(answer)
    assert code == "refused"
    assert answer.json()["message"] == message
    return field, message

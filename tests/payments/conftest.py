"""Payment accounts, requests, and a stand-in for whoever is called."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.common.http import MockTransport, Request, Response
from apps.payments.models import PaymentAccount
from apps.payments.types import PayoutRequest
from apps.stores.models import Store

KEY = "11111111-2222-3333-4444-555555555555"
ADDRESSES = {"url": "https://pay.test/r", "status_url": "https://pay.test/r/{key}"}
SIGNED = {"signing_secret": "tell-nobody-1"}
# Settings and secrets with which each gateway can pay; every setting there is stands here.
RIGHT = {
    "simulated": (
        {
            "script": ["ok"],
            "scripts": {"ORD-1": ["ok"]},
            "slow_seconds": 1,
            "pending_becomes": "paid",
        },
        {},
    ),
    "manual": ({}, {}),
    "http": (ADDRESSES | {"timeout_seconds": 5}, SIGNED),
    "stripe": ({"account": "acct_1", "api_base": "https://s.test"}, {"api_key": "sk_1"}),
}


def payout(**changes: Any) -> PayoutRequest:
    """A payment of 12.34 to the payment pi_123 of order ORD-1."""
    values = {
        "key": KEY,
        "amount_cents": 1234,
        "currency": "USD",
        "destination": "original_payment",
        "recipient_email": "",
        "order_identifier": "ORD-1",
        "refund_identifier": "RD-1",
        "transaction_identifier": "pi_123",
        "tender": "card",
    }
    return PayoutRequest(**(values | changes))


@pytest.fixture
def account(store: Store) -> Callable[..., PaymentAccount]:
    """Makes the default store's account of a gateway."""

    def make(gateway: str, settings: Any, **secrets: str) -> PaymentAccount:
        return PaymentAccount.objects.create(
            store=store,
            gateway=gateway,
            settings=settings,
            secrets=json.dumps(secrets) if secrets else "",
        )

    return make


class Service:
    """Answers in turn with what it is told to; keeps what it was asked. The last answer repeats."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    @property
    def transport(self) -> MockTransport:
        return MockTransport(self._answer)

    def _answer(self, request: Request) -> Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Response) else Response(200, json=answer)

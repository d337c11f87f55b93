"""The simulated gateway keeps its promises, and its book."""

from dataclasses import replace

import pytest

from apps.payments.gateways import gateway_named
from apps.payments.models import SimulatedPayment
from apps.payments.simulated import SimulatedGateway
from apps.payments.types import GatewayOutcome, PayoutRequest

pytestmark = pytest.mark.django_db

REQUEST = PayoutRequest(
    key="11111111-2222-3333-4444-555555555555",
    amount_cents=1234,
    currency="USD",
    destination="original_payment",
    recipient_email="",
    order_identifier="ORD-1",
    refund_identifier="RD-1",
)


def ending(word):
    return replace(REQUEST, order_identifier=f"ORD-1{word}")


def test_the_same_key_pays_once_and_gives_the_first_answer():
    gateway = SimulatedGateway()
    first = gateway.refund(REQUEST)
    again = gateway.refund(replace(REQUEST, amount_cents=999))
    assert first == again
    assert first.outcome == GatewayOutcome.PAID
    payment = SimulatedPayment.objects.get()
    assert (payment.amount_cents, payment.calls) == (1234, 2)
    assert gateway.find(REQUEST.key) == first


def test_declined_stays_declined():
    gateway = SimulatedGateway()
    assert gateway.refund(ending("-DECLINE")).outcome == GatewayOutcome.DECLINED
    assert gateway.find(REQUEST.key).outcome == GatewayOutcome.DECLINED


def test_a_lost_answer_can_be_found_and_a_lost_request_cannot():
    gateway = SimulatedGateway()
    assert gateway.refund(ending("-TIMEOUT")).outcome == GatewayOutcome.UNKNOWN
    assert gateway.find(REQUEST.key).outcome == GatewayOutcome.PAID
    lost = replace(ending("-LOST"), key="another")
    assert gateway.refund(lost).outcome == GatewayOutcome.UNKNOWN
    assert gateway.find("another") is None


def test_an_unknown_gateway_is_named_with_those_there_are():
    with pytest.raises(LookupError, match="'paypall' is unknown; there are: simulated"):
        gateway_named("paypall")

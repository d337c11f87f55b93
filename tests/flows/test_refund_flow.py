"""The main job, from webhook to Optoro's echo, through the front doors."""

import pytest

from apps.payments.models import SimulatedPayment
from tests.support import builders, people

pytestmark = pytest.mark.django_db


def test_a_scanned_parcel_is_refunded_reported_and_confirmed(
    api, send_order, send_rma, optoro, drain
):
    assert send_order(builders.order()).json()["results"][0]["result"] == "created"
    drain()
    assert [s["refunds"] for s in optoro.snapshots] == [[]]

    assert send_rma(builders.rma()).json() == {"message": "Success"}
    send_rma(builders.rma(tracking="PRE_TRANSIT", minute=1))
    drain()
    assert api.get("/api/v1/refunds").json()["results"] == []

    send_rma(builders.rma(tracking="TRANSIT", minute=2))
    drain()
    [refund] = api.get("/api/v1/refunds").json()["results"]
    assert refund["status"] == "paid"
    assert refund["total_refund_amount_cents"] == 52224
    assert refund["shopper_amount_cents"] == 52224
    assert refund["destination"] == "original_payment"
    assert refund["reported_at"] is not None
    assert refund["confirmed_at"] is None
    [reported] = optoro.last()["refunds"]
    assert reported["identifier"] == refund["identifier"]
    assert reported["total_refund_amount_cents"] == 52224
    assert reported["rma_identifier"] == "RMA-1"
    assert [
        (line["order_item_identifier"], line["quantity"]) for line in reported["refund_line_items"]
    ] == [("1", 4)]
    [payment] = SimulatedPayment.objects.all()
    assert (payment.amount_cents, payment.outcome, payment.calls) == (52224, "paid", 1)

    send_rma(builders.rma(tracking="TRANSIT", minute=3, status="REFUNDED"))
    drain()
    [refund] = api.get("/api/v1/refunds").json()["results"]
    assert refund["confirmed_at"] is not None
    assert SimulatedPayment.objects.count() == 1
    rma = api.get("/api/v1/rmas/RMA-1").json()
    assert rma["status"] == "REFUNDED"
    assert [item["refund_status"] for item in rma["items"]] == ["paid"] * 4


def test_the_return_page_shows_what_was_paid_beside_optoros_estimate(
    client, django_user_model, store, send_order, send_rma, optoro, drain
):
    from apps.accounts.models import Role

    person = people.person("ana", Role.AGENT)
    client.force_login(person)
    line = builders.line(quantity=3, tax_amount_cents=100, discount_amount_cents=1)
    send_order(builders.order(lines=[line]))
    send_rma(builders.rma(units=[builders.unit(cents=12900)]))
    drain()
    page = client.get("/returns/RMA-1/").content.decode()
    assert "$129.00" in page
    assert "was paid $128.33" in page

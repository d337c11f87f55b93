"""Limits and rules that stand against a refund: said in words, and nothing is written."""

import pytest

from apps.payments.models import SimulatedPayment
from tests.api.calls import errors, goodwill, line, post_refund, refused, wish, written
from tests.support import builders

pytestmark = pytest.mark.django_db


def test_lines_or_goodwill_and_not_both(bought, api):
    why = ("lines", "lines or goodwill_amount_cents: write one of the two, not both")
    assert refused(post_refund(api, {**wish(), "goodwill_amount_cents": 5})) == why
    assert refused(post_refund(api, {"order_identifier": "ORD-1", "reason": "x"})) == why


def test_no_more_units_than_are_left(bought, api):
    assert post_refund(api, wish(**line(quantity=3))).status_code == 201
    before = written()
    assert refused(post_refund(api, wish(**line(quantity=2)))) == (
        "lines[0]",
        "line 1: 2 unit(s) to refund, but only 1 of 4 shipped are not refunded yet",
    )
    assert written() == before


def test_no_more_than_was_paid(bought, api):
    assert refused(post_refund(api, wish(**line(amount_cents=13057)))) == (
        "lines[0]",
        "line 1: $130.57 for 1 unit(s), but no more than $130.56 was paid for them",
    )
    assert post_refund(api, wish(**line(amount_cents=13056))).status_code == 201


def test_an_item_that_the_order_does_not_have(bought, api):
    lines = [*line()["lines"], {"order_item_identifier": "9", "quantity": 1}]
    assert refused(post_refund(api, wish(lines=lines))) == (
        "lines[1].order_item_identifier",
        "order ORD-1 has no item '9'",
    )


def test_each_item_once(bought, api):
    assert refused(post_refund(api, wish(lines=line()["lines"] * 2))) == (
        "lines",
        "lines: each order item once, with the quantity of all its units",
    )


def test_goodwill_of_an_order_has_one_limit_over_all(bought, api, drain):
    assert refused(post_refund(api, goodwill(5001))) == (
        "goodwill_amount_cents",
        "$50.01 of goodwill, but only $50.00 of the $50.00 allowed for order ORD-1 is left",
    )
    assert post_refund(api, goodwill(4000)).status_code == 201
    drain()
    assert refused(post_refund(api, goodwill(1001))) == (
        "goodwill_amount_cents",
        "$10.01 of goodwill, but only $10.00 of the $50.00 allowed for order ORD-1 is left",
    )
    assert post_refund(api, goodwill(1000)).status_code == 201
    drain()
    assert sum(SimulatedPayment.objects.values_list("amount_cents", flat=True)) == 5000


def test_units_that_are_in_a_return_need_its_name(returned, api):
    assert refused(post_refund(api, wish(**line(quantity=3)))) == (
        "lines[0]",
        "line 1: 3 unit(s) to refund, but only 2 are neither refunded nor on their way back; 2 are "
        "in RMA-1: name that return to refund them",
    )
    assert post_refund(api, wish(**line(quantity=2))).status_code == 201
    assert post_refund(api, wish(**line(quantity=1))).status_code == 422
    of_return = wish(rma_identifier="RMA-1", **line(quantity=2))
    assert post_refund(api, of_return).status_code == 201
    assert refused(post_refund(api, of_return)) == (
        "lines[0]",
        "line 1: 2 unit(s) to refund, but only 0 of RMA RMA-1 are not refunded yet",
    )


def test_a_return_of_another_order_is_refused(returned, send_order, api):
    send_order(builders.order("ORD-2"))
    before = written()
    for body in (
        wish("ORD-2", rma_identifier="RMA-1"),
        goodwill(1, "ORD-2", rma_identifier="RMA-1"),
    ):
        assert errors(post_refund(api, body)) == [
            ("rma_identifier", "invalid", "RMA RMA-1 returns nothing of order ORD-2")
        ]
    assert written() == before
    assert post_refund(api, goodwill(1, rma_identifier="RMA-1")).json()["rma_identifier"] == "RMA-1"


def test_a_gift_never_goes_back_to_the_original_payment(bought, send_rma, api, drain):
    unit = builders.unit()
    gift = {"gift_refund_only": True, "giftee_email": "grace@example.com"}
    send_rma(builders.rma(units=[unit, unit], **gift))
    drain()
    body = wish(rma_identifier="RMA-1")
    assert refused(post_refund(api, {**body, "destination": "original_payment"})) == (
        "destination",
        "destination: the return is a gift, which is never paid back to the original payment",
    )
    for more in ({}, {"recipient_email": "other@example.com"}):
        assert post_refund(api, {**body, **more}).json()["destination"] == "gift_card"
    drain()
    paid = SimulatedPayment.objects.order_by("pk").values_list("destination", "recipient_email")
    assert list(paid) == [("gift_card", "grace@example.com"), ("gift_card", "other@example.com")]


def test_a_recipient_who_would_get_nothing_is_refused(returned, api):
    body = wish(rma_identifier="RMA-1", recipient_email="a@example.com")
    assert errors(post_refund(api, body)) == [
        (
            "recipient_email",
            "invalid",
            "only a gift card has a recipient; write the destination gift_card too",
        )
    ]
    made = post_refund(api, {**body, "destination": "gift_card"})
    assert (made.status_code, made.json()["recipient_email"]) == (201, "a@example.com")


def test_a_gift_card_for_nobody_is_refused(bought, send_rma, api, drain):
    send_rma(builders.rma(units=[builders.unit()], gift_refund_only=True, giftee_email=""))
    drain()
    body = wish(rma_identifier="RMA-1")
    assert refused(post_refund(api, body)) == (
        "recipient_email",
        "recipient_email: nobody is known to send the gift card to; write it",
    )
    assert post_refund(api, {**body, "recipient_email": "a@example.com"}).status_code == 201


def test_a_return_whose_cancellation_is_asked_for_is_refused(returned, api):
    path = "/api/v1/rmas/RMA-1/cancel"
    assert api.post(path, {"reason": "kept"}, content_type="application/json").status_code == 202
    assert refused(post_refund(api, wish(rma_identifier="RMA-1"))) == (
        "rma_identifier",
        "the cancellation of RMA RMA-1 is asked for: withdraw that first",
    )


def test_no_more_than_was_captured(send_order, optoro, api):
    captured = {
        "identifier": "T-1",
        "type": "CAPTURE",
        "status": "SUCCESS",
        "amount_cents": 13000,
        "gateway": "card",
        "created_at": "2026-01-22T11:24:21+00:00",
    }
    send_order(builders.order(transactions=[captured]))
    field, why = refused(post_refund(api, wish()))
    assert (field, why) == (
        "",
        "$130.56 to pay, but only $130.00 of what was captured on order ORD-1 has not gone back "
        "yet",
    )
    answer = post_refund(api, wish(**line(amount_cents=13000)))
    assert answer.status_code == 201
    [transaction] = answer.json()["transactions"]
    assert (transaction["amount_cents"], transaction["tender"]) == (13000, "card")

"""Refunds that machines ask for: made, paid once, by whom they may."""

import pytest
from django.test import Client

from apps.accounts.services import create_api_key
from apps.payments.models import SimulatedPayment
from apps.refunds.models import ApprovalPolicy, Payout, Refund, RefundRequest
from apps.refunds.services import approve_refund
from apps.refunds.types import Approvals
from apps.timeline.models import Event
from tests.api.calls import errors, goodwill, pay_with, post_refund, wish
from tests.support import builders
from tests.support.people import actor

pytestmark = pytest.mark.django_db


def approvals(store, **changes):
    return ApprovalPolicy.objects.create(store=store, **{**vars(Approvals()), **changes})


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_refund_of_units_that_are_in_no_return(bought, api, slash):
    answer = api.post(
        f"/api/v1/refunds{slash}",
        wish(note="Ticket 4711"),
        content_type="application/json",
        headers={"Idempotency-Key": "one"},
    )
    refund = Refund.objects.get()
    payout = Payout.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "identifier": refund.identifier,
        "status": "approved",
        "kind": "goods",
        "order_identifier": "ORD-1",
        "rma_identifier": "",
        "currency": "USD",
        "total_refund_amount_cents": 13056,
        "shopper_amount_cents": 13056,
        "optoro_amount_cents": 0,
        "retained_amount_cents": 0,
        "bonus_credit_amount_cents": 0,
        "destination": "original_payment",
        "paid_order_identifier": "ORD-1",
        "recipient_email": "",
        "lines": [
            {
                "identifier": f"{refund.identifier}_1",
                "order_item_identifier": "1",
                "quantity": 1,
                "amount_cents": 13056,
                "calculation": None,
            }
        ],
        "transactions": [
            {
                "id": str(payout.idempotency_key),
                "amount_cents": 13056,
                "status": "created",
                "tender": "",
                "gateway": "simulated",
                "reference": "",
            }
        ],
        "source": "api",
        "reason": "arrived broken",
        "note": "Ticket 4711",
        "approval_reason": "",
        "created_at": answer.json()["created_at"],
        "payment_due_at": None,
        "paid_at": None,
        "reported_at": None,
        "confirmed_at": None,
    }
    assert answer.json()["created_at"].endswith("Z")
    assert api.get(f"/api/v1/refunds/{refund.identifier}").json() == answer.json()


def test_it_is_paid_exactly_once_however_often_it_is_asked_for(bought, api, drain):
    first = post_refund(api, wish(), "one")
    drain()
    for _ in range(3):
        assert post_refund(api, wish(), "one").content == first.content
        drain()
    [payment] = SimulatedPayment.objects.all()
    assert (payment.amount_cents, payment.calls) == (13056, 1)
    shown = api.get(f"/api/v1/refunds/{first.json()['identifier']}").json()
    assert shown["status"] == "paid"
    [transaction] = shown["transactions"]
    assert (transaction["status"], transaction["reference"]) == ("paid", payment.reference)
    assert (Refund.objects.count(), RefundRequest.objects.count()) == (1, 1)


def test_a_hold_lets_it_be_taken_back_before_it_is_paid(bought, api, drain, store):
    approvals(store, api_hold_minutes=30)
    answer = post_refund(api, wish())
    drain()
    assert answer.json()["status"] == "approved"
    assert answer.json()["payment_due_at"] > answer.json()["created_at"]
    assert SimulatedPayment.objects.count() == 0
    Refund.objects.update(payment_due_at=None)
    approvals(store, api_hold_minutes=0)
    assert post_refund(api, wish()).json()["payment_due_at"] is None
    drain()
    assert SimulatedPayment.objects.count() == 1


def test_a_part_of_what_was_paid_of_two_lines(send_order, optoro, api):
    send_order(builders.order(lines=[builders.line("1"), builders.line("2", quantity=1)]))
    lines = [
        {"order_item_identifier": "2", "quantity": 1, "amount_cents": 100},
        {"order_item_identifier": "1", "quantity": 3},
    ]
    answer = post_refund(api, wish(lines=lines))
    assert answer.status_code == 201
    assert answer.json()["total_refund_amount_cents"] == 100 + 3 * 13056
    made = {line["order_item_identifier"]: line for line in answer.json()["lines"]}
    assert (made["1"]["quantity"], made["1"]["amount_cents"]) == (3, 39168)
    assert (made["2"]["quantity"], made["2"]["amount_cents"]) == (1, 100)


def test_units_of_a_return(returned, api, drain):
    answer = post_refund(api, wish(rma_identifier="RMA-1"))
    assert answer.status_code == 201
    assert answer.json()["rma_identifier"] == "RMA-1"
    assert answer.json()["total_refund_amount_cents"] == 13056
    drain()
    items = api.get("/api/v1/rmas/RMA-1").json()["items"]
    assert sorted(str(item["refund_status"]) for item in items) == ["None", "paid"]


def test_a_gift_card_goes_to_the_customer_or_to_whom_is_named(bought, api, drain):
    to_customer = post_refund(api, wish(destination="gift_card")).json()
    named = wish(destination="gift_card", recipient_email=" grace@example.com ")
    to_named = post_refund(api, named).json()
    assert (to_customer["destination"], to_customer["recipient_email"]) == (
        "gift_card",
        "ada@example.com",
    )
    assert to_named["recipient_email"] == "grace@example.com"
    drain()
    paid = SimulatedPayment.objects.order_by("pk").values_list("destination", "recipient_email")
    assert list(paid) == [("gift_card", "ada@example.com"), ("gift_card", "grace@example.com")]


def test_goodwill_is_of_no_unit(bought, api, drain):
    answer = post_refund(api, goodwill(5000))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["kind"], made["lines"], made["total_refund_amount_cents"]) == (
        "goodwill",
        [],
        5000,
    )
    drain()
    assert SimulatedPayment.objects.get().amount_cents == 5000
    assert len(api.get("/api/v1/refunds?kind=goodwill").json()["results"]) == 1
    assert api.get("/api/v1/refunds?kind=goods").json()["results"] == []


def test_above_the_limit_of_machines_it_waits_for_a_person(bought, api, drain, store):
    approvals(store, api_limit_cents=13055)
    answer = post_refund(api, wish())
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["transactions"]) == ("proposed", [])
    assert made["approval_reason"] == ("$130.56 is above the limit of refunds by API, $130.55")
    drain()
    assert SimulatedPayment.objects.count() == 0
    approvals(store, api_limit_cents=13056)
    assert post_refund(api, wish()).json()["status"] == "approved"
    drain()
    assert SimulatedPayment.objects.count() == 1


def test_the_timeline_names_the_key(bought, api, drain):
    post_refund(api, wish())
    kinds = ["refund.proposed", "refund.approved"]
    events = Event.objects.filter(kind__in=kinds).order_by("pk")
    assert [(e.kind, e.actor_kind, e.actor_name) for e in events] == [
        ("refund.proposed", "api", "oms"),
        ("refund.approved", "api", "oms"),
    ]


def test_an_order_is_found_by_its_secondary_identifier(bought, api):
    answer = post_refund(api, wish("WEB-1"))
    assert (answer.status_code, answer.json()["order_identifier"]) == (201, "ORD-1")


# --- Who ----------------------------------------------------------------------------------------


def test_another_stores_order_and_return_are_not_there(returned, api, other_store):
    assert errors(post_refund(other_store, wish())) == [
        ("order_identifier", "invalid", "there is no order 'ORD-1': send it first")
    ]
    orders = {"orders": [builders.order()]}
    other_store.post("/api/v1/orders", orders, content_type="application/json")
    assert errors(post_refund(other_store, wish(rma_identifier="RMA-1"))) == [
        ("rma_identifier", "invalid", "there is no RMA 'RMA-1'")
    ]
    assert Refund.objects.count() == 0
    assert post_refund(api, wish(rma_identifier="RMA-1")).status_code == 201


def test_the_same_key_in_two_stores_is_two_keys(bought, api, other_store):
    orders = {"orders": [builders.order()]}
    other_store.post("/api/v1/orders", orders, content_type="application/json")
    first = post_refund(api, wish(), "one")
    second = post_refund(other_store, wish(), "one")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["identifier"] != second.json()["identifier"]


@pytest.mark.parametrize(
    ("scope", "posted", "listed"), [("refunds:write", 201, 403), ("read", 403, 200)]
)
def test_reading_and_refunding_need_different_scopes(bought, store, scope, posted, listed):
    key = create_api_key(store=store, name="x", scopes=[scope])
    client = Client(headers={"X-API-Key": key})
    made = post_refund(client, wish())
    assert made.status_code == posted
    assert client.get("/api/v1/refunds").status_code == listed
    if posted == 403:
        assert made.json() == {"message": "This key does not have the scope 'refunds:write'."}
    assert Refund.objects.count() == (posted == 201)


def test_without_a_key_of_the_api_it_is_401(bought):
    assert post_refund(Client(), wish()).status_code == 401
    assert Refund.objects.count() == 0


def test_a_refund_that_waits_is_paid_when_a_person_approves_it(bought, api, drain, store):
    approvals(store, api_limit_cents=0)
    first = post_refund(api, wish(), "one")
    approve_refund(refund=Refund.objects.get(), actor=actor())
    drain()
    assert post_refund(api, wish(), "one").content == first.content
    assert first.json()["status"] == "proposed"
    assert SimulatedPayment.objects.get().amount_cents == 13056


def test_a_refund_whose_gateway_only_takes_note_waits_for_a_word(bought, api, drain):
    pay_with("manual")
    made = post_refund(api, wish()).json()
    drain()
    shown = api.get(f"/api/v1/refunds/{made['identifier']}").json()
    assert shown["status"] == "paying"
    assert [t["status"] for t in shown["transactions"]] == ["pending"]
    assert SimulatedPayment.objects.count() == 0


def test_the_schema_tells_of_it(client):
    schema = client.get("/api/schema/?format=json").json()
    post = schema["paths"]["/api/v1/refunds/"]["post"]
    [header] = [p for p in post["parameters"] if p["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", True)
    assert sorted(post["responses"]) == ["200", "201", "400", "409", "422"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) == 3
    refund = schema["components"]["schemas"]["Refund"]["properties"]
    assert {"kind", "note", "approval_reason", "transactions"} <= set(refund)

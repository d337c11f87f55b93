"""Payments of refunds: shown, filtered, and what the retailer's systems say became of them."""

from datetime import timedelta

import pytest
from django.test import Client

from apps.accounts.services import create_api_key
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Payout, Refund
from apps.timeline.models import Event
from tests.api.calls import errors, goodwill, open_payment, post_refund, tell, wish
from tests.support import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(bought, api, drain):
    """A payment that waits for the word of whoever makes it."""
    return open_payment(api, drain)


@pytest.fixture
def unknown(send_order, optoro, api, drain):
    """A payment whose outcome nobody knows."""
    send_order(builders.order("ORD-9-LOST"))
    made = post_refund(api, goodwill(700, "ORD-9-LOST"))
    drain()
    return made.json()["transactions"][0]["id"]


def status_of(api, payment):
    return api.get(f"/api/v1/transactions/{payment}").json()["status"]


def ids(api, query=""):
    answer = api.get(f"/api/v1/transactions?{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


# --- Shown --------------------------------------------------------------------------------------


def test_a_payment_with_all_its_names(payment, api):
    payout = Payout.objects.get()
    shown = api.get(f"/api/v1/transactions/{payment}").json()
    assert shown == {
        "id": str(payout.idempotency_key),
        "refund_identifier": Refund.objects.get().identifier,
        "order_identifier": "ORD-1",
        "transaction_identifier": "",
        "tender": "",
        "gateway": "manual",
        "status": "pending",
        "amount_cents": 500,
        "currency": "USD",
        "destination": "original_payment",
        "recipient_email": "",
        "reference": "",
        "created_at": shown["created_at"],
        "finished_at": None,
    }
    assert shown["created_at"].endswith("Z")
    assert api.get(f"/api/v1/transactions/{payment}/").json() == shown
    assert api.get("/api/v1/transactions").json()["results"] == [shown]
    assert api.get("/api/v1/transactions/").json()["results"] == [shown]


def test_payments_are_filtered_and_the_newest_comes_first(payment, api, drain):
    made = post_refund(api, wish(destination="gift_card", recipient_email="g@example.com")).json()
    drain()
    [paid] = [row["id"] for row in made["transactions"]]
    assert ids(api) == [paid, payment]
    assert ids(api, "status=pending") == [payment]
    assert ids(api, "status=paid") == [paid]
    assert ids(api, "status=unknown") == []
    assert ids(api, "gateway=manual") == [payment]
    assert ids(api, "gateway=simulated") == [paid]
    assert ids(api, "gateway=manual&status=paid") == []
    assert ids(api, f"refund={made['identifier']}") == [paid]
    assert ids(api, "refund=NONE") == []
    assert api.get("/api/v1/transactions?status=lost").status_code == 400
    shown = api.get(f"/api/v1/transactions/{paid}").json()
    assert (shown["destination"], shown["recipient_email"], shown["tender"]) == (
        "gift_card",
        "g@example.com",
        "gift_card",
    )
    assert shown["reference"] == SimulatedPayment.objects.get().reference
    assert shown["finished_at"] is not None


def test_payments_are_filtered_from_the_start_on_and_up_to_the_end(payment, api):
    at = Payout.objects.get().created_at
    for moment, after, before in (
        (at, [payment], []),
        (at + timedelta(microseconds=1), [], [payment]),
    ):
        for name, found in (("created_after", after), ("created_before", before)):
            answer = api.get("/api/v1/transactions", {name: moment.isoformat()})
            assert [row["id"] for row in answer.json()["results"]] == found
    assert api.get("/api/v1/transactions?created_after=yesterday").status_code == 400


# --- Told ---------------------------------------------------------------------------------------


def test_paid_ends_the_refund_and_is_told_once(payment, api, drain, optoro):
    answer = tell(api, payment, status="paid", reference="BANK-77", note="by bank")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], told["status"], told["reference"]) == (payment, "paid", "BANK-77")
    assert told["finished_at"] is not None
    count = Event.objects.count()
    again = tell(api, payment, status="paid", reference=" BANK-77 ")
    assert (again.status_code, again.json()) == (200, told)
    assert Event.objects.count() == count
    event = Event.objects.get(kind="refund.paid")
    assert (event.actor_kind, event.actor_name) == ("api", "oms")
    assert event.summary == "$5.00 paid to the payment of order ORD-1, reference BANK-77 (by bank)"
    assert Refund.objects.get().status == "paid"
    assert api.get(f"/api/v1/transactions/{payment}").json() == told
    assert SimulatedPayment.objects.count() == 0


def test_declined_ends_the_refund(payment, api):
    answer = tell(api, payment, status="declined", note="account is closed")
    assert (answer.status_code, answer.json()["status"]) == (200, "declined")
    assert tell(api, payment, status="declined").json() == answer.json()
    event = Event.objects.get(kind="refund.declined")
    assert event.summary == "It was not paid: account is closed"
    assert Refund.objects.get().status == "declined"


def test_one_that_is_unknown_can_be_told(unknown, api):
    assert status_of(api, unknown) == "unknown"
    answer = tell(api, unknown, status="paid", reference="R-1")
    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert Refund.objects.get().status == "paid"


def refused(answer):
    assert answer.status_code == 409, answer.content
    assert set(answer.json()) == {"message"}
    return answer.json()["message"]


def test_another_word_than_the_first_is_refused(payment, api):
    tell(api, payment, status="paid", reference="BANK-77")
    why = f"payment {payment}: it is paid already, with reference 'BANK-77'"
    assert refused(tell(api, payment, status="declined")) == why
    assert refused(tell(api, payment, status="paid", reference="BANK-78")) == why
    assert status_of(api, payment) == "paid"


def test_what_was_declined_is_not_paid_afterwards(payment, api):
    tell(api, payment, status="declined")
    assert refused(tell(api, payment, status="paid", reference="B")) == (
        f"payment {payment}: it was declined already: make a new refund"
    )
    assert status_of(api, payment) == "declined"


def test_one_that_is_not_sent_yet_cannot_be_told(bought, api):
    payment = post_refund(api, wish()).json()["transactions"][0]["id"]
    assert refused(tell(api, payment, status="paid", reference="B")) == (
        f"payment {payment}: it has not been sent yet: cancel the refund instead"
    )
    assert status_of(api, payment) == "created"


def test_one_that_is_being_sent_at_this_moment_cannot_be_told(payment, api):
    Payout.objects.update(status="calling")
    assert refused(tell(api, payment, status="paid", reference="B")) == (
        f"payment {payment}: the gateway is being called at this moment: try again in a minute"
    )
    Payout.objects.update(status="pending")
    assert tell(api, payment, status="paid", reference="B").status_code == 200


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, ("status", "missing_field", "is required")),
        (
            {"status": "unknown"},
            ("status", "invalid", "is 'unknown'; must be one of paid, declined"),
        ),
        ({"status": ["paid"]}, ("status", "invalid_type", "must be text, not a list")),
        (
            {"status": "paid"},
            (
                "reference",
                "missing_field",
                "is required with paid: write the one it has where it was paid",
            ),
        ),
        (
            {"status": "paid", "reference": " "},
            (
                "reference",
                "missing_field",
                "is required with paid: write the one it has where it was paid",
            ),
        ),
        (
            {"status": "declined", "reference": "x" * 256},
            ("reference", "invalid", "is 256 characters long; at most 255 fit"),
        ),
        (
            {"status": "declined", "note": "x" * 1001},
            ("note", "invalid", "is 1001 characters long; at most 1000 fit"),
        ),
        (
            {"status": "declined", "amount_cents": 5},
            (
                "amount_cents",
                "unknown_field",
                "is no field of this request; there are: status, reference, note",
            ),
        ),
        (
            {"status": "paid", "reference": "a\0"},
            ("reference", "invalid", "holds a NUL character or half a character pair"),
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(payment, api, said, found):
    assert errors(tell(api, payment, **said)) == [found]
    assert status_of(api, payment) == "pending"
    assert tell(api, payment, status="paid", reference="B").status_code == 200


# --- Who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["00000000-0000-4000-8000-000000000000", "NONE", "1", "%20", "x" * 300]
)
def test_one_that_is_not_there_is_404(payment, api, name):
    for answer in (
        api.get(f"/api/v1/transactions/{name}"),
        tell(api, name, status="paid", reference="B"),
    ):
        assert answer.status_code == 404
        assert answer.json()["message"].startswith("There is no transaction")


def test_another_stores_payments_are_not_there(payment, api, other_store):
    assert ids(api) == [payment]
    assert ids(other_store) == []
    assert other_store.get(f"/api/v1/transactions/{payment}").status_code == 404
    assert tell(other_store, payment, status="paid", reference="B").status_code == 404
    assert status_of(api, payment) == "pending"
    assert tell(api, payment, status="paid", reference="B").status_code == 200


def test_reading_and_telling_need_different_scopes(payment, store):
    def caller(scope):
        key = create_api_key(store=store, name="x", scopes=[scope])
        return Client(headers={"X-API-Key": key})

    path = f"/api/v1/transactions/{payment}"
    reader, teller = caller("read"), caller("transactions:write")
    for address in (path, "/api/v1/transactions"):
        assert reader.get(address).status_code == 200
        assert teller.get(address).status_code == 403
    answer = tell(reader, payment, status="paid", reference="B")
    assert answer.status_code == 403
    assert answer.json() == {"message": "This key does not have the scope 'transactions:write'."}
    assert tell(Client(), payment, status="paid", reference="B").status_code == 401
    assert Refund.objects.get().status == "paying"
    assert tell(teller, payment, status="paid", reference="B").status_code == 200

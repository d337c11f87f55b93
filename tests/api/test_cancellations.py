"""Asking for the cancellation of a return, and taking that back."""

import pytest
from django.test import Client

from apps.accounts.services import create_api_key
from apps.attention.models import Item
from apps.payments.models import SimulatedPayment
from apps.rmas.models import Rma
from apps.timeline.models import Event
from tests.api.calls import errors, post_refund, wish
from tests.support import builders

pytestmark = pytest.mark.django_db

PATH = "/api/v1/rmas/RMA-1/cancel"


def ask(api, body=None, path=PATH):
    body = {"reason": "the shopper keeps it"} if body is None else body
    return api.post(path, body, content_type="application/json")


def withdraw(api, body=None, path=PATH):
    body = {"reason": "sent after all"} if body is None else body
    return api.delete(path, body, content_type="application/json")


def events():
    rows = Event.objects.filter(kind__startswith="rma.cancellation").order_by("pk")
    return list(rows.values_list("kind", "summary", "actor_kind", "actor_name"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_it_is_asked_for_and_a_person_is_told(returned, api, slash):
    before = api.get("/api/v1/rmas/RMA-1").json()
    assert (before["cancellation_requested_at"], before["cancellation_reason"]) == (None, "")
    answer = ask(api, path=PATH + slash)
    assert answer.status_code == 202
    asked_at = answer.json()["cancellation_requested_at"]
    assert asked_at.endswith("Z")
    assert answer.json() == {
        **before,
        "cancellation_requested_at": asked_at,
        "cancellation_reason": "the shopper keeps it",
    }
    assert api.get("/api/v1/rmas/RMA-1").json() == answer.json()
    assert Rma.objects.get().cancellation_requester == "oms"
    [item] = Item.objects.filter(kind="cancellation_waits", resolved_at=None)
    assert item.detail == (
        "oms asked for it: the shopper keeps it. At Optoro the return is still open."
    )
    assert events() == [
        (
            "rma.cancellation_requested",
            "Cancellation asked for: the shopper keeps it",
            "api",
            "oms",
        )
    ]


def test_asked_for_again_the_first_reason_stays(returned, api):
    first = ask(api)
    again = ask(api, {"reason": "another"})
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(events()) == 1


def test_nothing_is_refunded_until_it_is_withdrawn(returned, api, send_rma, drain):
    assert ask(api).status_code == 202
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, tracking="TRANSIT", minute=5))
    drain()
    assert SimulatedPayment.objects.count() == 0
    answer = withdraw(api)
    assert answer.status_code == 200
    assert answer.json()["cancellation_requested_at"] is None
    assert answer.json()["cancellation_reason"] == ""
    assert events()[-1] == (
        "rma.cancellation_withdrawn",
        "Cancellation withdrawn: sent after all",
        "api",
        "oms",
    )
    drain()
    assert SimulatedPayment.objects.get().amount_cents == 26112


def test_a_refund_that_is_not_paid_yet_is_canceled_with_it(returned, api, drain):
    made = post_refund(api, wish(rma_identifier="RMA-1")).json()["identifier"]
    answer = ask(api)
    assert answer.status_code == 202
    assert [r["status"] for r in answer.json()["refunds"]] == ["canceled"]
    [payment] = answer.json()["refunds"][0]["transactions"]
    assert payment["status"] == "canceled"
    drain()
    assert api.get(f"/api/v1/refunds/{made}").json()["status"] == "canceled"
    assert SimulatedPayment.objects.count() == 0


def test_what_was_refunded_cannot_be_canceled(returned, api, drain):
    made = post_refund(api, wish(rma_identifier="RMA-1")).json()["identifier"]
    drain()
    answer = ask(api)
    assert answer.status_code == 409
    assert answer.json() == {
        "message": f"refund {made} of $130.56 for RMA RMA-1 is paid: what was refunded cannot be "
        "canceled"
    }
    assert Rma.objects.get().cancellation_requested_at is None


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("CANCELED", "RMA RMA-1 is canceled already"),
        ("REFUNDED", "Optoro has closed RMA RMA-1 as refunded"),
    ],
)
def test_what_optoro_has_ended_cannot_be_canceled(returned, api, send_rma, drain, status, why):
    send_rma(builders.rma(units=[builders.unit(), builders.unit()], status=status, minute=5))
    drain()
    answer = ask(api)
    assert (answer.status_code, answer.json()) == (409, {"message": why})


def test_without_a_request_there_is_nothing_to_withdraw(returned, api):
    answer = withdraw(api)
    assert answer.status_code == 409
    assert answer.json() == {"message": "no cancellation of RMA RMA-1 is asked for"}


def test_what_optoro_canceled_cannot_be_taken_back(returned, api, send_rma, drain):
    ask(api)
    units = [builders.unit(), builders.unit()]
    send_rma(builders.rma(units=units, status="CANCELED", minute=5))
    drain()
    answer = withdraw(api)
    assert answer.status_code == 409
    assert answer.json() == {"message": "Optoro has canceled RMA RMA-1: that cannot be taken back"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, ("reason", "missing_field", "is required")),
        ({"reason": None}, ("reason", "missing_field", "is required")),
        ({"reason": " "}, ("reason", "missing_field", "must not be empty")),
        ({"reason": ["x"]}, ("reason", "invalid_type", "must be text, not a list")),
        (
            {"reason": "x" * 256},
            ("reason", "invalid", "is 256 characters long; at most 255 fit"),
        ),
        (
            {"reason": "x", "note": "y"},
            ("note", "unknown_field", "is no field of this request; there are: reason"),
        ),
        ("[]", ("", "invalid_type", "must be an object")),
        (
            {"reason": "a\0"},
            ("reason", "invalid", "holds a NUL character or half a character pair"),
        ),
    ],
)
def test_it_needs_a_reason(returned, api, body, found):
    assert errors(ask(api, body)) == [found]
    assert Rma.objects.get().cancellation_requested_at is None
    assert ask(api).status_code == 202
    assert errors(withdraw(api, body)) == [found]
    assert Rma.objects.get().cancellation_requested_at is not None


def test_another_stores_rma_is_not_there(returned, api, other_store):
    for call in (ask, withdraw):
        answer = call(other_store)
        assert (answer.status_code, answer.json()) == (404, {"message": "There is no RMA RMA-1."})
    assert ask(api, path="/api/v1/rmas/NONE/cancel").status_code == 404
    assert ask(api).status_code == 202
    assert withdraw(other_store).status_code == 404
    assert Rma.objects.get().cancellation_requested_at is not None


def test_the_scope_is_rmas_write(returned, store):
    def caller(scope):
        key = create_api_key(store=store, name="x", scopes=[scope])
        return Client(headers={"X-API-Key": key})

    for call in (ask, withdraw):
        answer = call(caller("read"))
        assert answer.status_code == 403
        assert answer.json() == {"message": "This key does not have the scope 'rmas:write'."}
    assert ask(caller("rmas:write")).status_code == 202
    assert withdraw(caller("rmas:write")).status_code == 200
    assert ask(Client()).status_code == 401


def test_the_schema_tells_of_the_reason_of_both(client):
    methods = client.get("/api/schema/?format=json").json()["paths"][
        "/api/v1/rmas/{rma_identifier}/cancel/"
    ]
    assert sorted(methods["post"]["responses"]) == ["202", "404", "409", "422"]
    assert sorted(methods["delete"]["responses"]) == ["200", "404", "409", "422"]
    assert methods["delete"]["requestBody"] == methods["post"]["requestBody"]

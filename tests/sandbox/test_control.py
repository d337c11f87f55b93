"""The sandbox's own endpoints: starting and moving returns, webhooks, faults, state."""

import json

import pytest

from apps.common import http
from apps.sandbox.server import simulated_optoro
from tests.sandbox.helpers import Caller, order, refund, wrapped


@pytest.fixture
def post(caller):
    """Posts to the control API and returns status and parsed body."""

    def call(path, body, **headers):
        answer = caller.client.post(path, json=body, headers=headers)
        return answer.status_code, answer.json()

    caller.send_orders(order())
    return call


def started(post, **changes):
    body = {
        "order_identifier": "ORD1",
        "items": [{"order_line_item_identifier": "1", "quantity": 2}],
        "return_method": "mail-back",
    }
    return post("/control/rmas", body | changes)


def test_a_return_is_started(post, optoro):
    status, body = started(
        post,
        return_method="express-returns",
        gift_refund_only=True,
        giftee_email="a@example.com",
        return_reason="Too Small",
        return_shipping_cost_cents=500,
    )
    assert status == 201
    document = optoro.rma(body["rma_identifier"])
    assert document["return_method"] == "express-returns"
    assert document["giftee_email"] == "a@example.com"
    assert document["return_shipping_cost_cents"] == 500
    assert [unit["return_reason"] for unit in document["items"]] == ["Too Small"] * 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order_identifier": "NONE"}, "not been received"),
        ({"order_identifier": None}, "order_identifier"),
        ({"items": []}, "nothing"),
        ({"items": {}}, "items must be"),
        ({"items": [{"quantity": 1}]}, "order_line_item_identifier"),
        ({"items": [{"order_line_item_identifier": "1", "quantity": True}]}, "whole number"),
        ({"items": [{"order_line_item_identifier": "1", "quantity": 5}]}, "4 left"),
        ({"return_method": "by-pigeon"}, "return_method"),
        ({"return_shipping_cost_cents": "5"}, "return_shipping_cost_cents"),
        ({"return_shipping_cost_cents": True}, "return_shipping_cost_cents"),
        ({"gift_refund_only": True}, "giftee_email"),
    ],
)
def test_a_return_is_refused_with_the_reason(post, changes, why):
    status, body = started(post, **changes)
    assert status == 422
    assert why in body["reason"]


def test_malformed_bodies_are_400(caller):
    for path in ("/control/rmas", "/control/faults", "/control/rmas/x/move"):
        assert caller.client.post(path, content=b"{").status_code == 400
        assert caller.client.post(path, content=b"[]").status_code == 400


def test_moving(post):
    _, body = started(post)
    path = f"/control/rmas/{body['rma_identifier']}/move"
    status, rma = post(path, {"event": "label"})
    assert (status, rma["items"][0]["package_tracking_status"]) == (200, "PRE_TRANSIT")
    _, rma = post(path, {"event": "transit", "units": [1]})
    places = [unit["package_tracking_status"] for unit in rma["items"]]
    assert places == ["PRE_TRANSIT", "TRANSIT"]
    assert post(path, {"event": "transit", "units": [2]})[0] == 422
    assert post(path, {"event": "transit", "units": "0"})[0] == 422
    assert post(path, {"event": "flown"})[0] == 422
    assert post(path, {})[0] == 422
    assert post("/control/rmas/nobody/move", {"event": "label"})[0] == 404
    assert post(path, {"event": "canceled"})[1]["status"] == "CANCELED"
    assert post(path, {"event": "transit"})[0] == 422


def test_any_webhook_can_be_sent(caller, optoro):
    answer = caller.client.post("/control/webhooks", content=b"\x00 not json")
    assert answer.status_code == 202
    (message,) = optoro.pending_webhooks()
    assert message.body == b"\x00 not json"
    assert message.number == answer.json()["number"]


def test_faults_are_changed_while_running(post, optoro):
    status, body = post("/control/faults", {"http429": 0.5})
    assert (status, body["faults"]["http429"]) == (200, 0.5)
    status, body = post("/control/faults", {"http430": 0.5})
    assert (status, "http429" in body["message"]) == (422, True)
    assert optoro.faults.in_force() == {"http429": 0.5}


def test_web_pages_of_others_cannot_pull_the_levers(post):
    status, _ = post("/control/faults", {"http500": 1}, Origin="https://example.com")
    assert status == 403


def test_the_state_tells_everything(post, caller):
    _, body = started(post)
    paid = refund(rma=body["rma_identifier"], quantity=2)
    caller.send_orders(order(updated_at="2023-02-01T00:00:00Z", refunds=[paid]))
    state = caller.client.get("/state").json()
    assert list(state["orders"]) == ["ORD1"]
    assert state["snapshots"] == {"ORD1": 2}
    assert state["rmas"][0]["status"] == "REFUNDED"
    assert state["refunds"] == [paid | {"order_identifier": "ORD1"}]
    assert state["counters"]["webhooks"] == 2
    assert state["tokens"] == {"minted": 1, "refused": 0, "alive": 1}
    assert [one["what"] for one in state["pending"]] == ["created", "refunded"]
    assert state["violations"] == []
    assert state["requests"][-1]["status"] == 202
    assert state == json.loads(json.dumps(state))


def test_secrets_are_not_shown(post, caller):
    text = caller.client.get("/state").text + caller.client.get("/").text
    assert "sandbox-secret" not in text
    assert caller.token not in text


def test_health(caller):
    assert caller.client.get("/healthz").json() == {"status": "ok"}


def test_unknown_controls_are_404(post, caller):
    assert post("/control/nothing", {})[0] == 404
    assert caller.client.get("/control/rmas").status_code == 404
    assert caller.client.delete("/control/rmas").status_code == 404


def test_a_body_of_unknown_length_is_411(caller):
    answer = caller.client.post("/control/webhooks", content=iter([b"a", b"b"]))
    assert answer.status_code == 411


def test_a_connection_serves_several_requests_and_head(caller):
    assert caller.client.head("/healthz").content == b""
    for _ in range(3):
        assert caller.send(wrapped(order())).status_code == 202


def test_a_stopped_sandbox_serves_no_connection_that_was_left_open():
    with simulated_optoro(workers=0) as optoro:
        caller = Caller(optoro)
        assert caller.client.get("/healthz").status_code == 200
    with pytest.raises(http.TransportError):
        caller.client.get("/healthz")

"""Webhooks: who sends them, retries, duplicates, order, and delivery by hand."""

import base64
import contextlib
import json
import socket
import threading
import time

import pytest

from apps.common import http
from apps.sandbox.server import simulated_optoro
from tests.sandbox.helpers import eventually, fake_desk, order, wrapped

QUICK = {"retry_base": 0.01, "retry_cap": 0.05, "seed": 3}


@contextlib.contextmanager
def running(desk, **options):
    with simulated_optoro(desk_url=desk.url, **(QUICK | options)) as optoro:
        yield optoro


def counters(optoro):
    return dict(optoro.books.counters)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_webhook_is_posted_with_the_headers_of_optoro(desk):
    options = {"webhook_username": "me", "webhook_password": "mine", "optiturn_id": "Modrno"}
    with running(desk, **options) as optoro:
        optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
    (got,) = desk.got
    assert got.path == "/optoro/rmas"
    assert json.loads(got.body) == {"a": 1}
    assert got.headers["x-optiturn-id"] == "Modrno"
    assert got.headers["x-optiturn-api-version"] == "3"
    assert got.headers["content-type"] == "application/json"
    basic = base64.b64encode(b"me:mine").decode()
    assert got.headers["authorization"] == f"Basic {basic}"


def test_an_api_key_replaces_basic(desk):
    options = {"webhook_api_key": "k", "webhook_username": "me", "webhook_password": "mine"}
    with running(desk, **options) as optoro:
        optoro.send_webhook(b"not json")
        assert optoro.wait_until_idle(5)
    assert desk.got[0].headers["x-api-key"] == "k"
    assert "authorization" not in desk.got[0].headers
    assert desk.got[0].body == b"not json"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_broken_desk_is_tried_again_until_it_takes_it(desk, status):
    desk.script = [status, status, status]
    with running(desk) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert (message.state, message.attempts) == ("delivered", 4)
        assert counters(optoro)["retries"] == 3
        log = [(attempt.attempt, attempt.status) for attempt in optoro.courier.attempts]
        assert log == [(1, status), (2, status), (3, status), (4, 200)]


def test_a_time_out_is_tried_again(desk):
    desk.hang = 0.4
    with running(desk, webhook_timeout=0.1) as optoro:
        optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert [attempt.status for attempt in optoro.courier.attempts] == [None, 200]
        assert optoro.courier.attempts[0].answer == "no answer in time"


def test_a_desk_that_comes_up_late_gets_everything():
    port = free_port()
    with simulated_optoro(desk_url=f"http://127.0.0.1:{port}", **QUICK) as optoro:
        for n in range(20):
            optoro.send_webhook({"n": n})
        eventually(lambda: optoro.books.counters["retries"] >= 20)
        assert len(optoro.pending_webhooks()) == 20
        with fake_desk(port) as desk:
            assert optoro.wait_until_idle(5)
            assert {json.loads(body)["n"] for body in desk.bodies} == set(range(20))
        assert counters(optoro)["delivered"] == 20


def test_retries_end_after_so_many_seconds(desk):
    desk.on_request = lambda _: 503
    with running(desk, retry_for=0.1) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert message.state == "lost"
        assert message.attempts > 2


def test_pauses_double_up_to_the_cap(desk):
    desk.on_request = lambda _: 503
    pauses = []
    with running(desk, workers=0, retry_base=1.0, retry_cap=4.0) as optoro:
        message = optoro.send_webhook({"a": 1})
        for _ in range(5):
            optoro.deliver(message)
            pauses.append(message.due - time.monotonic())
    for pause, wanted in zip(pauses, (1, 2, 4, 4, 4), strict=True):
        assert 0.75 * wanted <= pause <= 1.2 * wanted


def test_401_is_tried_a_few_times_then_parked(desk):
    desk.on_request = lambda _: 401
    with running(desk) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert (message.state, message.attempts) == ("lost", 4)
        assert [parked.number for parked in optoro.courier.parked] == [message.number]


def test_401_that_mends_itself_is_delivered(desk):
    desk.script = [401, 401]
    with running(desk) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert message.state == "delivered"


@pytest.mark.parametrize("status", [400, 404, 413, 422, 302])
def test_any_other_answer_loses_the_message(desk, status):
    desk.script = [status]
    with running(desk) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
        assert (message.state, message.attempts) == ("lost", 1)
        assert counters(optoro)["lost"] == 1


def test_duplicates_are_sent_twice(desk):
    with running(desk, faults={"duplicates": 1}) as optoro:
        optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5)
    assert desk.bodies == [b'{"a": 1}'] * 2


def test_reorder_holds_a_message_until_a_later_one_has_overtaken(desk):
    with running(desk, faults={"reorder": 1, "hold_seconds": 30}) as optoro:
        optoro.receive_orders(wrapped(order()))
        rma = optoro.start_return("ORD1", {"1": 1})
        optoro.faults.change({"reorder": 0})
        optoro.move(rma, "label")
        assert optoro.wait_until_idle(5)
    stamps = [json.loads(body)["updated_at"] for body in desk.bodies]
    assert stamps == sorted(stamps, reverse=True)
    assert len(stamps) == 2


def test_a_held_message_is_let_go_in_time(desk):
    with running(desk, faults={"reorder": 1, "hold_seconds": 0.1}) as optoro:
        optoro.receive_orders(wrapped(order()))
        optoro.start_return("ORD1", {"1": 1})
        assert not optoro.wait_until_idle(0.02)
        assert optoro.wait_until_idle(5)
    assert len(desk.got) == 1


def test_delay_keeps_messages_waiting(desk):
    with running(desk, faults={"delay": 0.3}) as optoro:
        for n in range(10):
            optoro.send_webhook({"n": n})
        assert optoro.wait_until_idle(5)
    assert [json.loads(body)["n"] for body in desk.bodies] != list(range(10))


def test_messages_travel_in_parallel(desk):
    together = threading.Barrier(3, timeout=3)
    desk.on_request = lambda _: together.wait() and None
    with running(desk, workers=3) as optoro:
        for n in range(3):
            optoro.send_webhook({"n": n})
        assert optoro.wait_until_idle(5)
    assert not together.broken


def test_delivery_by_hand_in_any_order(desk):
    with running(desk, workers=0) as optoro:
        optoro.receive_orders(wrapped(order()))
        rma = optoro.start_return("ORD1", {"1": 1})
        optoro.move(rma, "label")
        optoro.move(rma, "transit")
        messages = optoro.pending_webhooks()
        assert [message.what for message in messages] == ["created", "label", "transit"]
        assert desk.got == []
        for message in reversed(messages):
            assert optoro.deliver(message) == 200
        assert optoro.pending_webhooks() == []
        assert optoro.deliver(messages[0]) == 200
    assert desk.bodies == [message.body for message in (*messages[::-1], messages[0])]


def test_by_hand_a_refused_connection_keeps_the_message():
    with simulated_optoro(desk_url=f"http://127.0.0.1:{free_port()}", workers=0) as optoro:
        message = optoro.send_webhook({"a": 1})
        assert optoro.deliver(message) is None
        assert optoro.pending_webhooks() == [message]
        assert "ConnectError" in message.last_answer


def test_the_log_of_attempts_is_bounded(desk):
    with running(desk) as optoro:
        assert optoro.courier.attempts.maxlen
        assert optoro.courier.parked.maxlen
        assert optoro.books.requests.maxlen


def test_quiet_waits_for_the_desk_to_have_nothing_more_to_say(desk):
    with running(desk) as optoro:
        desk.on_request = lambda _: threading.Timer(
            0.05, optoro.books.log_request, ("POST", "/x", 202)
        ).start()
        optoro.send_webhook({"a": 1})
        assert optoro.wait_until_idle(5, quiet=0.2)
        assert optoro.books.counters["requests"] == 1


def test_stopping_does_not_wait_for_a_desk_that_hangs(desk):
    desk.hang = 3
    optoro_run = running(desk)
    optoro = optoro_run.__enter__()
    optoro.send_webhook({"a": 1})
    eventually(lambda: desk.got)
    stopper = threading.Thread(target=optoro.stop)
    stopper.start()
    stopper.join(timeout=2)
    assert not stopper.is_alive()


def test_the_network_to_the_desk_can_be_replaced():
    paths = []

    def answer(request: http.Request) -> http.Response:
        paths.append(request.url.path)
        return http.Response(200)

    with simulated_optoro(workers=0, desk_transport=http.MockTransport(answer)) as optoro:
        assert optoro.deliver(optoro.send_webhook({"a": 1})) == 200
    assert paths == ["/optoro/rmas"]

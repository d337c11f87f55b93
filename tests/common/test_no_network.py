"""No call to the outside holds a transaction open: whatever library it goes through, whichever
gateway it is for. `tests/conftest.py` has the guard that all tests run under."""

import socket
import threading

import httpx
import pytest
from django.db import connection, transaction

from apps.common.http import MockTransport, OpenTransaction, Response, make_client
from apps.optoro.client import OptoroClient
from apps.outbox.models import Job
from apps.payments.gateways import _GATEWAYS, gateway_named
from apps.payments.models import SimulatedCall, SimulatedPayment
from apps.payments.types import PayoutRequest
from apps.refunds import payouts
from apps.refunds.models import Refund
from tests.conftest import _own_services
from tests.support import builders
from tests.support.wishes import by_api, wish

UNIT = 13056
REQUEST = PayoutRequest(
    key="11111111-2222-3333-4444-555555555555",
    amount_cents=1234,
    currency="USD",
    destination="original_payment",
    recipient_email="",
    order_identifier="ORD-1",
    refund_identifier="RD-1",
    transaction_identifier="pi_123",
    tender="card",
)


@pytest.fixture
def server():
    """Somebody outside: a port of this machine that answers one line of HTTP to everyone, and
    counts them."""
    listening = socket.create_server(("127.0.0.1", 0))
    callers = []

    def answer() -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            with caller:
                callers.append(caller.recv(4096))
                caller.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listening.getsockname(), callers
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(timeout=5)


def by_socket(address):
    with socket.socket() as plain:
        plain.connect(address)
        plain.sendall(b"hello")
        assert plain.recv(100)


def by_connect_ex(address):
    with socket.socket() as plain:
        assert plain.connect_ex(address) == 0
        plain.sendall(b"hello")
        assert plain.recv(100)


def by_create_connection(address):
    with socket.create_connection(address, timeout=5) as plain:
        plain.sendall(b"hello")
        assert plain.recv(100)


def by_make_client(address):
    with make_client(base_url=f"http://{address[0]}:{address[1]}") as client:
        assert client.get("/").status_code == 204


def by_httpx_alone(address):
    assert httpx.get(f"http://{address[0]}:{address[1]}/", trust_env=False).status_code == 204


CALLS = [by_socket, by_connect_ex, by_create_connection, by_make_client, by_httpx_alone]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.django_db(transaction=True)
def test_nothing_is_called_inside_a_transaction(server, call):
    address, callers = server
    call(address)
    assert len(callers) == 1
    with transaction.atomic(), pytest.raises(OpenTransaction, match="inside an open transaction"):
        call(address)
    assert len(callers) == 1
    call(address)
    assert len(callers) == 2


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.django_db
def test_the_transaction_around_a_test_does_not_count(server, call):
    address, callers = server
    call(address)
    with transaction.atomic(), pytest.raises(OpenTransaction):
        call(address)
    assert len(callers) == 1


@pytest.mark.django_db(transaction=True)
def test_the_database_and_redis_may_be_talked_to(settings, tmp_path, server):
    address, callers = server
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as local:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        with transaction.atomic():
            local.connect(str(tmp_path / "s"))
    settings.REDIS_URL = f"redis://{address[0]}:{address[1]}/15"
    _own_services.cache_clear()
    try:
        with transaction.atomic():
            by_socket(address)
    finally:
        _own_services.cache_clear()
    assert len(callers) == 1


# --- Gateways and Optoro --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["refund", "find"])
@pytest.mark.parametrize("name", sorted(_GATEWAYS))
@pytest.mark.django_db(transaction=True)
def test_no_gateway_is_called_inside_a_transaction(store, name, method):
    gateway = gateway_named(name, store_id=store.pk)
    with transaction.atomic(), pytest.raises(OpenTransaction):
        getattr(gateway, method)(REQUEST)
    assert not SimulatedCall.objects.exists()
    getattr(gateway, method)(REQUEST)
    assert SimulatedCall.objects.exists() is (name == "simulated")


@pytest.mark.django_db(transaction=True)
def test_optoro_is_not_called_inside_a_transaction(store):
    from apps.stores.queries import connection_of

    seen = []

    def answer(request):
        seen.append(request.url.path)
        return Response(200, json={"access_token": "t", "expires_in": 90000})

    client = OptoroClient(connection_of(store), transport=MockTransport(answer))
    with transaction.atomic(), pytest.raises(OpenTransaction):
        client.send_order("{}")
    assert seen == []
    client.send_order("{}")
    assert "/returns_portal_orders" in seen


@pytest.mark.django_db(transaction=True)
def test_paying_and_reporting_hold_no_transaction_while_they_call(
    send_order, send_rma, drain, optoro, monkeypatch
):
    """Every call of a gateway, and every request to Optoro, on the way of three refunds: one that
    is paid, one that is declined, one whose gateway does not answer at first."""
    calls = []

    class Watched:
        def __init__(self, inner):
            self.inner, self.is_told, self.account = inner, inner.is_told, inner.account

        def refund(self, request):
            calls.append(("refund", connection.in_atomic_block))
            return self.inner.refund(request)

        def find(self, request):
            calls.append(("find", connection.in_atomic_block))
            return self.inner.find(request)

    def watched(name, *, store_id):
        return Watched(gateway_named(name, store_id=store_id))

    handle = optoro.handle

    def handle_watched(request):
        calls.append((request.url.path, connection.in_atomic_block))
        return handle(request)

    monkeypatch.setattr(payouts, "gateway_named", watched)
    monkeypatch.setattr(
        "apps.optoro.client.make_client",
        lambda **options: make_client(
            **{**options, "transport": MockTransport(handle_watched)},
        ),
    )
    names = ["ORD-1", "ORD-2-DECLINE", "ORD-3-TIMEOUT"]
    send_order(*(builders.order(name) for name in names))
    for name in names:
        send_rma(builders.rma(f"RMA-{name}", [builders.unit(name)], tracking="TRANSIT"))
    drain()
    Job.objects.filter(state="waiting").update(not_before="2026-01-01T00:00:00Z")
    drain()
    statuses = dict(Refund.objects.values_list("order__identifier", "status"))
    assert statuses == dict(zip(names, ["paid", "declined", "paid"], strict=True))
    kinds = {kind for kind, _ in calls}
    assert kinds == {"refund", "find", "/oauth/token", "/returns_portal_orders"}
    assert [kind for kind, is_open in calls if is_open] == []


@pytest.mark.django_db(transaction=True)
def test_making_a_refund_calls_nobody(send_order, drain, optoro, monkeypatch):
    """It only writes down what will be called: nothing goes out before its transaction is over."""
    send_order(builders.order())
    drain()
    asked_before = len(optoro.requests)
    connects = []
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda *given: connects.append(given[1]) or connect(*given)
    )
    made = by_api(wish(("1", 1)))
    assert made.refund.status == "approved"
    assert (connects, len(optoro.requests) - asked_before) == ([], 0)
    assert not SimulatedCall.objects.exists()
    drain()
    assert SimulatedPayment.objects.get().amount_cents == UNIT
    assert len(optoro.requests) > asked_before

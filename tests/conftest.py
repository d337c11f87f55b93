"""What all tests share: a store with credentials, callers, a stand-in for Optoro, and `drain`."""

import base64
import functools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.accounts.models import ApiKey
from apps.accounts.services import create_api_key
from apps.common import http
from apps.stores.models import Store
from apps.stores.queries import default_store
from tests.project import emptying
from tests.support import builders
from tests.support.optoro import AUTH_URL, ORDERS_URL, FakeOptoro

WEBHOOK_USERNAME = "optoro"
WEBHOOK_PASSWORD = "webhook-secret"
WEBHOOK_API_KEY = "webhook-key"
emptying.install()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves tests out that need PostgreSQL where the suite runs on SQLite."""
    from django.conf import settings

    if "sqlite3" not in settings.DATABASES["default"]["ENGINE"]:
        return
    kept = [item for item in items if not item.get_closest_marker("postgresql")]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Removes what SQLite leaves beside a test database that is gone."""
    name = connection.settings_dict.get("TEST", {}).get("NAME")
    if name and connection.vendor == "sqlite":
        for left in Path(name).parent.glob(f"{Path(name).name}*"):
            left.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def environment(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default store as the environment configures it; no broker is asked."""
    settings.DEFAULT_STORE = {
        **settings.DEFAULT_STORE,
        "identifier": "store-one",
        "optoro_auth_url": AUTH_URL,
        "optoro_orders_url": ORDERS_URL,
        "optoro_client_id": "optoro-client",
        "optoro_client_secret": "optoro-secret",
        "webhook_username": WEBHOOK_USERNAME,
        "webhook_password": WEBHOOK_PASSWORD,
        "webhook_api_key": WEBHOOK_API_KEY,
        "payment_gateway": "simulated",
        "refund_trigger": "default",
    }
    settings.OUTBOX_RETRY_BASE_SECONDS = 5.0
    monkeypatch.setattr("apps.common.nudge._send", lambda task: None)


@pytest.fixture(autouse=True)
def no_network_in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects to anything but the database and Redis while a transaction is open, by
    whatever library, fails."""

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(connect)
        def checked(self: socket.socket, address: Any, *arguments: Any) -> Any:
            is_outside = self.family != socket.AF_UNIX and tuple(address[:2]) not in _own_services()
            if is_outside:
                http.refuse_open_transaction(f"a connection to {address[0]}")
            return connect(self, address, *arguments)

        return checked

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))


@functools.cache
def _own_services() -> frozenset[tuple[str, int]]:
    """Address and port of the database and of Redis: what a transaction may talk to."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    named = [(database.get("HOST"), database.get("PORT") or 5432)]
    for address in (settings.REDIS_URL, settings.CELERY_BROKER_URL):
        parts = urlsplit(address)
        named.append((parts.hostname, parts.port or 6379))
    return frozenset(
        (str(found[4][0]), int(port))
        for host, port in named
        if host and not host.startswith("/")
        for found in socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    )


@pytest.fixture
def store(db: None) -> Store:
    """The default store."""
    return default_store()


@pytest.fixture
def optoro(monkeypatch: pytest.MonkeyPatch) -> FakeOptoro:
    """A stand-in for Optoro that the desk's client reaches instead of the network."""
    fake = FakeOptoro()
    make_client = functools.partial(http.make_client, transport=http.MockTransport(fake.handle))

    def without_own_transport(*, transport: Any = None, **options: Any) -> Any:
        return make_client(**options)

    monkeypatch.setattr("apps.optoro.client.make_client", without_own_transport)
    return fake


def basic(username: str = WEBHOOK_USERNAME, password: str = WEBHOOK_PASSWORD) -> str:
    """The value of an HTTP Basic header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def send_rma() -> Callable[..., Any]:
    """Posts an RMA message (or raw bytes) as Optoro does, and returns the answer."""

    def send(message: Any, **headers: str) -> Any:
        content = message if isinstance(message, bytes) else builders.body(message)
        headers = {"Authorization": basic(), **headers}
        return Client().post(
            "/optoro/rmas", content, content_type="application/json", headers=headers
        )

    return send


@pytest.fixture
def api_key(store: Store) -> str:
    """A key with every scope."""
    return create_api_key(
        store=store,
        name="oms",
        scopes=list(ApiKey.SCOPES),
    )


@pytest.fixture
def api(api_key: str) -> Client:
    """A caller of the integrator API."""
    return Client(headers={"Authorization": f"Api-Key {api_key}"})


@pytest.fixture
def send_order(api: Client) -> Callable[..., Any]:
    """Posts orders as the order system does, and returns the answer."""

    def send(*orders: dict[str, Any]) -> Any:
        return api.post("/api/v1/orders", {"orders": list(orders)}, content_type="application/json")

    return send


@pytest.fixture
def drain() -> Callable[[], str]:
    """Works off what is due, through the command that operators use; returns what it prints."""

    def run() -> str:
        from io import StringIO

        out = StringIO()
        call_command("drain", stdout=out)
        return out.getvalue()

    return run


@pytest.fixture
def is_postgresql() -> bool:
    """Whether the suite runs on PostgreSQL."""
    return connection.vendor == "postgresql"

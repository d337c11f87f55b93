"""What all tests share: a store with credentials, callers, a stand-in for Optoro, and `drain`."""

import base64
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.accounts.services import create_api_key
from apps.common import http
from apps.stores.models import Store
from apps.stores.queries import default_store
from tests.support import builders
from tests.support.optoro import AUTH_URL, ORDERS_URL, FakeOptoro

WEBHOOK_USERNAME = "optoro"
WEBHOOK_PASSWORD = "webhook-secret"
WEBHOOK_API_KEY = "webhook-key"


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
        scopes=["orders:write", "catalog:write", "deliveries:replay", "read"],
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

"""A desk and a simulated Optoro that meet over real HTTP only."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.accounts.services import create_api_key
from apps.common import http
from apps.sandbox.server import SimulatedOptoro, simulated_optoro
from apps.stores.queries import default_store
from tests.conftest import WEBHOOK_PASSWORD, WEBHOOK_USERNAME


class Desk:
    """A running desk, seen from outside: its address and a key for its API."""

    def __init__(self, url: str, key: str, drain: Callable[[], str]) -> None:
        self.url = url
        self.key = key
        self.drain = drain
        self._client = http.make_client(base_url=url, headers={"X-API-Key": key})

    def post_order(self, order: dict[str, Any]) -> None:
        """What the order system does."""
        answer = self._client.post("/api/v1/orders", json={"orders": [order]})
        assert answer.status_code == 200, answer.text

    def get(self, path: str) -> Any:
        """What an integrator does."""
        answer = self._client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refunds(self) -> list[dict[str, Any]]:
        """All refunds, oldest first."""
        return list(reversed(self.get("refunds?page_size=200")["results"]))


@pytest.fixture
def desk(transactional_db: None, live_server: Any, drain: Callable[[], str]) -> Desk:
    """A desk that answers on a port of its own."""
    key = create_api_key(store=default_store(), name="flows", scopes=["orders:write", "read"])
    return Desk(live_server.url, key, drain)


@pytest.fixture
def play(desk: Desk, settings: Any) -> Iterator[Callable[..., Any]]:
    """Starts simulated Optoros that the desk talks to; stops them at the end."""
    running: list[Any] = []

    def start(**options: Any) -> SimulatedOptoro:
        context = simulated_optoro(
            desk_url=desk.url,
            client_id="optoro-client",
            client_secret="optoro-secret",
            optiturn_id="store-one",
            webhook_username=WEBHOOK_USERNAME,
            webhook_password=WEBHOOK_PASSWORD,
            retry_base=0.05,
            **options,
        )
        optoro = context.__enter__()
        running.append(context)
        settings.DEFAULT_STORE = {
            **settings.DEFAULT_STORE,
            "optoro_auth_url": optoro.url,
            "optoro_orders_url": optoro.url,
        }
        settings.OUTBOX_RETRY_BASE_SECONDS = 0.05
        return optoro

    yield start
    for context in running:
        context.__exit__(None, None, None)


def until(is_true: Callable[[], bool], *, drain: Callable[[], str], seconds: float = 30) -> None:
    """Works off the queues until something is true."""
    deadline = time.monotonic() + seconds
    while True:
        drain()
        if is_true():
            return
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)

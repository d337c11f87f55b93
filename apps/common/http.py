"""The one module that imports httpx: how Returns Desk calls other systems.

A call to the outside must never run inside a database transaction (it would hold locks while it
waits), so every client made here refuses to send while one is open.
"""

from typing import Any

import httpx
from django.db import connections

Request = httpx.Request
Response = httpx.Response
Client = httpx.Client
Auth = httpx.Auth
MockTransport = httpx.MockTransport
BaseTransport = httpx.BaseTransport
RequestError = httpx.RequestError
TransportError = httpx.TransportError
TimeoutException = httpx.TimeoutException
InvalidURL = httpx.InvalidURL

DEFAULT_TIMEOUT = httpx.Timeout(20.0, connect=5.0)


class OpenTransaction(RuntimeError):
    """A call to the outside was about to happen inside a database transaction."""


def refuse_open_transaction(what: str) -> None:
    """Raises OpenTransaction if any database connection of this thread has one open.

    The transaction that a test case wraps around itself does not count.
    """
    for connection in connections.all(initialized_only=True):
        if any(not getattr(b, "_from_testcase", False) for b in connection.atomic_blocks):
            raise OpenTransaction(f"{what} inside an open transaction; commit first, then call")


def _guard(request: httpx.Request) -> None:
    refuse_open_transaction(f"{request.method} {request.url.host}")


def make_client(
    *,
    base_url: str = "",
    transport: BaseTransport | None = None,
    timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
    **options: Any,
) -> httpx.Client:
    """Returns a client that follows no redirects, reads no proxy settings and guards its calls."""
    return httpx.Client(
        base_url=base_url,
        transport=transport,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        event_hooks={"request": [_guard]},
        **options,
    )

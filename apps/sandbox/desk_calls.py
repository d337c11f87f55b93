"""Asks the desk, and writes each question down with its answer.

Optoro's portal asks while a shopper waits: for variants, and for exchange orders.

Each call is one attempt. The caller repeats the same request where `DeskFailed` says so.
"""

from collections.abc import Callable
from urllib.parse import quote

from apps.common import http
from apps.common.clock import now, wire_time
from apps.sandbox.options import Options
from apps.sandbox.state import Books, JsonObject

VARIANTS_VERSION = "1"
KEPT_TEXT = 2000


class DeskFailed(Exception):
    """The desk did not answer, or with 5xx: the same request may be made again."""


class NotKnownYet(DeskFailed):
    """The desk has not worked off its messages yet, which is no trouble."""


def webhook_client(options: Options, transport: http.BaseTransport | None) -> http.Client:
    """Returns a client that carries the credentials of Optoro towards the desk."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "simulated-optoro",
        "X-Optiturn-Id": options.optiturn_id,
    }
    if options.webhook_api_key:
        headers["X-API-Key"] = options.webhook_api_key
    auth = (options.webhook_username, options.webhook_password)
    return http.make_client(
        base_url=options.desk_url,
        transport=transport,
        timeout=options.webhook_timeout,
        auth=None if options.webhook_api_key or not any(auth) else auth,
        headers=headers,
        # Certificates take a while to load, and plain HTTP has no use for them.
        verify=options.desk_url.startswith("https"),
    )


def ask(
    books: Books, method: str, path: str, version: str, of: str, call: Callable[[], http.Response]
) -> http.Response:
    """Makes one call of the desk and writes it into the books; `of` is what it is about.

    Raises DeskFailed where no answer came, or 5xx.
    """
    entry: JsonObject = {
        "at": wire_time(now()),
        "method": method,
        "path": path,
        "api_version": version,
        "of": of,
        "status": None,
        "answer": "",
    }
    try:
        response = call()
    except http.TransportError as error:
        entry["answer"] = type(error).__name__
        raise DeskFailed(f"{method} {path}: {type(error).__name__}") from error
    else:
        entry |= {"status": response.status_code, "answer": response.text[:KEPT_TEXT]}
        if response.status_code >= 500:
            raise DeskFailed(f"{method} {path}: {response.status_code}")
        return response
    finally:
        with books.lock:
            books.questions.append(entry)
            books.counters["questions"] += 1


class DeskCalls:
    """The questions to the desk, each written into the books with its answer."""

    def __init__(
        self, books: Books, options: Options, transport: http.BaseTransport | None = None
    ) -> None:
        self._books = books
        self._client = webhook_client(options, transport)

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def variants(self, variant_identifier: str, word: str = "variants") -> http.Response:
        """Asks for the variants of a product. Raises DeskFailed."""
        path = f"/optoro/sku/{quote(variant_identifier, safe='')}/{word}"
        return self._ask("GET", path, VARIANTS_VERSION, variant_identifier, None)

    def exchange_order(self, path: str, version: str, of: str, body: bytes) -> http.Response:
        """Posts an exchange order. Raises DeskFailed."""
        return self._ask("POST", path, version, of, body)

    def _ask(
        self, method: str, path: str, version: str, of: str, body: bytes | None
    ) -> http.Response:
        headers = {"X-Optiturn-Api-Version": version}
        return ask(
            self._books,
            method,
            path,
            version,
            of,
            lambda: self._client.request(method, path, content=body, headers=headers),
        )

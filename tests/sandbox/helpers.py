"""What the tests of the sandbox share: sample orders, a caller, and a desk that only listens."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.common import http
from apps.sandbox.server import SimulatedOptoro

ADDRESS = {
    "name": "Ben Wallace",
    "street1": "1001 G St NW",
    "city": "Washington",
    "state": "DC",
    "zip_code": "20001",
    "country_code": "US",
    "phone": "3017607003",
}
ITEM = {
    "identifier": "1",
    "sku": "sku1234",
    "upc": "1234",
    "quantity": 4,
    "quantity_shipped": 4,
    "quantity_canceled": 0,
    "tracking_number": "1Z9999999999999999",
    "shipped_date": "2023-01-23T13:37:19+00:00",
    "product_identifier": "32174",
    "variant_identifier": "96027",
    "title": "Black T-Shirt",
    "tags": [],
    "product_amount_cents": 51200,
    "tax_amount_cents": 1024,
    "discount_amount_cents": 0,
    "unit_price_amount_cents": 12800,
    "weight": 1.12,
}
TRANSACTION = {
    "identifier": "T1",
    "parent_identifier": None,
    "amount_cents": 52224,
    "status": "SUCCESS",
    "type": "SALE",
    "gateway": "simulated",
    "is_online": True,
    "is_test": False,
    "created_at": "2023-01-22T11:24:21Z",
    "updated_at": "2023-01-22T11:24:21.5Z",
    "payment_details": {},
}
DISCOUNT = {
    "identifier": "D1",
    "code": "SPRING",
    "type": "percentage",
    "amount_cents": 0,
    "created_at": "2023-01-22T11:24:21Z",
    "updated_at": "2023-01-22T11:24:21Z",
}


def order(identifier: str = "ORD1", **changes: Any) -> dict[str, Any]:
    """Returns the order of scenario 01, changed as told."""
    document = {
        "identifier": identifier,
        "raw_status": "fulfilled",
        "status": "Shipped",
        "total_amount_cents": 52224,
        "product_amount_cents": 51200,
        "tax_amount_cents": 1024,
        "discount_amount_cents": 0,
        "shipping_amount_cents": 0,
        "shipping_tax_amount_cents": 0,
        "currency": "USD",
        "tags": [],
        "created_at": "2023-01-22T11:24:21+00:00",
        "updated_at": "2023-01-23T13:37:19+00:00",
        "items": [copy.deepcopy(ITEM)],
        "customer": {"identifier": "219299", "email": "BWallace@example.com"},
        "shipping_address": dict(ADDRESS),
        "billing_address": dict(ADDRESS),
        "transactions": [],
        "refunds": [],
        "discounts": [],
    }
    return document | changes


def refund(
    identifier: str = "RET1",
    rma: str | None = None,
    quantity: int = 4,
    total: int | None = None,
    line: str = "1",
    **changes: Any,
) -> dict[str, Any]:
    """Returns a refund of units of one line, 13056 each unless told."""
    document: dict[str, Any] = {
        "identifier": identifier,
        "total_refund_amount_cents": 13056 * quantity if total is None else total,
        "refund_line_items": [
            {
                "identifier": f"{identifier}_1",
                "quantity": quantity,
                "order_item_identifier": line,
            }
        ],
        "created_at": "2023-01-28T19:42:49.23Z",
    }
    if rma is not None:
        document["rma_identifier"] = rma
    return document | changes


def wrapped(*orders: dict[str, Any]) -> dict[str, Any]:
    """Returns the body of `POST /returns_portal_orders`."""
    return {"returns_portal_order": {"orders": list(orders)}}


def changed(document: dict[str, Any], path: str, value: Any = ...) -> dict[str, Any]:
    """Returns a copy in which the field at `path`, such as `items.0.sku`, is set or left out."""
    document = copy.deepcopy(document)
    *way, last = path.split(".")
    place: Any = document
    for step in way:
        place = place[int(step)] if step.isdecimal() else place[step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    return document


class Caller:
    """Calls a sandbox as the desk would, with a token of its own."""

    def __init__(self, optoro: SimulatedOptoro) -> None:
        self.client = http.make_client(base_url=optoro.url, timeout=5, verify=False)
        self.optoro = optoro
        self.token = ""

    def mint(self, **changes: Any) -> http.Response:
        body = {
            "grant_type": "client_credentials",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
        }
        response = self.client.post("/oauth/token", json=body | changes)
        if response.is_success:
            self.token = response.json()["access_token"]
        return response

    def send(self, body: Any, path: str = "/returns_portal_orders", **more: Any) -> http.Response:
        """Posts with a token; `body` may be bytes."""
        if not self.token:
            self.mint()
        headers = {"Authorization": f"bearer {self.token}", "Api-Version": "3"}
        headers |= more.pop("headers", {})
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.request(more.pop("method", "POST"), path, headers=headers, **content)

    def send_orders(self, *orders: dict[str, Any]) -> http.Response:
        return self.send(wrapped(*orders))

    def errors(self, *orders: dict[str, Any]) -> list[tuple[str, str]]:
        """Sends orders that are wrong and returns the field and code of each error."""
        response = self.send_orders(*orders)
        assert response.status_code == 422, response.text
        return [(error["field"], error["code"]) for error in response.json()["errors"]]


@dataclass
class Delivery:
    """A request as the fake desk got it."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    method: str = "POST"
    answer: bytes = b"{}"


@dataclass
class FakeDesk:
    """Answers each request with the next of `script`, then 200; keeps what it got.

    The script is for what is posted. `on_request` may write an answer into the delivery.
    """

    url: str = ""
    script: list[int] = field(default_factory=list)
    hang: float = 0.0
    got: list[Delivery] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    on_request: Callable[[Delivery], int | None] | None = None

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.got]

    def answer(self, delivery: Delivery) -> int:
        with self.lock:
            has_script = self.script and delivery.method == "POST"
            status = self.script.pop(0) if has_script else 200
            hang, self.hang = self.hang, 0.0
        if self.on_request:
            status = self.on_request(delivery) or status
        delivery.status = status
        with self.lock:
            self.got.append(delivery)
        if hang:
            time.sleep(hang)
        return status


def _handler(desk: FakeDesk) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            delivery = Delivery(self.path, headers, body, 0, self.command)
            status = desk.answer(delivery)
            self.send_response(status)
            self.send_header("Content-Length", str(len(delivery.answer)))
            self.end_headers()
            self.wfile.write(delivery.answer)

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def fake_desk(port: int = 0) -> Iterator[FakeDesk]:
    """Runs a desk that takes everything posted to it."""
    desk = FakeDesk()
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(desk))
    server.daemon_threads = True
    server.block_on_close = False
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()


def eventually(condition: Callable[[], Any], timeout: float = 5.0) -> None:
    """Waits until a condition holds; fails if it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.01)

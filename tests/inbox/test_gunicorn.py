"""The webhook behind the real server, over a socket: what arrives is stored whole or not at all."""

import base64
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from tests.support import builders

LIMIT = 300_000
CREDENTIALS = base64.b64encode(b"optoro:webhook-secret").decode()
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("createapikey", "oms")
"""


class Server:
    """A gunicorn with a database of its own, and a broker that refuses every connection."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "desk.sqlite3"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")},
            "DJANGO_SETTINGS_MODULE": "returnsdesk.settings",
            "DEBUG": "1",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
            "OPTORO_WEBHOOK_USERNAME": "optoro",
            "OPTORO_WEBHOOK_PASSWORD": "webhook-secret",
            "MAX_BODY_BYTES": str(LIMIT),
        }
        prepared = subprocess.run(
            [sys.executable, "-c", PREPARE],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert prepared.returncode == 0, prepared.stderr
        self.api_key = prepared.stdout.splitlines()[-1]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "returnsdesk.wsgi", "--threads", "4"),
                *("--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"),
            ],
            cwd=settings.BASE_DIR,
            env=self.environment,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None
            try:
                if b" 200 " in self.exchange(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("gunicorn does not start")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def exchange(self, *parts: bytes, cut_short: bool = False) -> bytes:
        """Sends the parts one by one and returns the answer, or what there is of it."""
        with self.connect() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                    time.sleep(0.001)
                if cut_short:
                    connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has answered without reading on
            return answer_on(connection)

    def stored(self) -> list[tuple[bytes, str]]:
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute("SELECT body, headers FROM inbox_delivery").fetchall()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def answer_on(connection: socket.socket) -> bytes:
    """Reads one answer."""
    answer = b""
    while True:
        head, separator, body = answer.partition(b"\r\n\r\n")
        if separator:
            lengths = [
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            if lengths and len(body) >= lengths[0]:
                return answer
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            return answer
        if not more:
            return answer
        answer += more


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("gunicorn"))
    yield server
    server.stop()


@pytest.fixture
def server(running: Server) -> Server:
    with closing(sqlite3.connect(running.database, timeout=20)) as database:
        database.execute("DELETE FROM inbox_delivery")
        database.commit()
    return running


def head(*headers: str, path: str = "/optoro/rmas", credentials: str = CREDENTIALS) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Basic {credentials}",
        "Content-Type: application/json",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunks(body: bytes, size: int) -> list[bytes]:
    pieces = [body[n : n + size] for n in range(0, len(body), size)]
    return [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(("units", "size"), [(1, 1), (100, 777), (250, 65536), (1, 10**6)])
def test_a_chunked_message_is_stored_whole(server, units, size):
    body = builders.body(builders.rma(units=[builders.unit()] * units))
    assert len(body) < LIMIT
    answer = server.exchange(head(CHUNKED), *chunks(body, size), b"0\r\n\r\n")
    assert b" 200 OK" in answer
    assert answer.endswith(b'{"message": "Success"}')
    [(stored, headers)] = server.stored()
    assert bytes(stored) == body
    assert json.loads(headers) == {"content-type": "application/json"}


def test_an_empty_chunked_message_is_stored_too(server):
    assert b" 200 OK" in server.exchange(head(CHUNKED), b"0\r\n\r\n")
    assert server.stored() == [(b"", '{"content-type": "application/json"}')]


@pytest.mark.parametrize(("size", "status"), [(LIMIT, b" 200 "), (LIMIT + 1, b" 413 ")])
def test_the_limit_holds_for_chunked_messages(server, size, status):
    answer = server.exchange(head(CHUNKED), *chunks(b"x" * size, 50_000), b"0\r\n\r\n")
    assert status in answer
    assert len(server.stored()) == (status == b" 200 ")


@pytest.mark.parametrize(("size", "status"), [(LIMIT, b" 200 "), (LIMIT + 1, b" 413 ")])
def test_the_limit_holds_for_announced_lengths(server, size, status):
    answer = server.exchange(head(f"Content-Length: {size}"), b"x" * size)
    assert status in answer
    assert len(server.stored()) == (status == b" 200 ")


def test_a_message_that_is_announced_too_large_is_refused_before_it_is_sent(server):
    assert b" 413 " in server.exchange(head("Content-Length: 2000000000"), cut_short=True)
    assert server.stored() == []


@pytest.mark.parametrize("kind", ["announced", "chunked", "inside a chunk"])
def test_a_message_that_breaks_off_is_not_stored_and_not_answered_2xx(server, kind):
    body = builders.body(builders.rma())
    whole = server.exchange(head(f"Content-Length: {len(body)}"), body)
    assert b" 200 " in whole
    half = body[: len(body) // 2]
    parts = {
        "announced": [head(f"Content-Length: {len(body)}"), half],
        "chunked": [head(CHUNKED), *chunks(half, 100)],
        "inside a chunk": [head(CHUNKED), b"%x\r\n%s" % (len(body), half)],
    }[kind]
    answer = server.exchange(*parts, cut_short=True)
    assert b" 200 " not in answer
    assert [bytes(stored) for stored, _ in server.stored()] == [body]


def test_one_connection_serves_several_messages(server):
    with server.connect() as connection:
        for number in range(5):
            body = builders.body(builders.rma(f"RMA-{number}"))
            if number % 2:
                connection.sendall(head(f"Content-Length: {len(body)}") + body)
            else:
                connection.sendall(head(CHUNKED) + b"".join(chunks(body, 500)) + b"0\r\n\r\n")
            assert b" 200 OK" in answer_on(connection)
    assert len(server.stored()) == 5


def test_wrong_credentials_get_401_and_store_nothing(server):
    answer = server.exchange(head("Content-Length: 2", credentials="eDp5"), b"{}")
    assert b" 401 " in answer
    assert b"WWW-Authenticate: Basic realm=" in answer
    assert server.stored() == []


def test_a_dead_broker_slows_no_webhook_down(server):
    """The broker's port refuses connections; asking it takes Celery several seconds."""
    slowest = 0.0
    for number in range(10):
        body = b'{"n": %d}' % number
        began = time.monotonic()
        assert b" 200 " in server.exchange(head(f"Content-Length: {len(body)}"), body)
        slowest = max(slowest, time.monotonic() - began)
    assert len(server.stored()) == 10
    assert slowest < 2


def test_a_chunked_order_is_taken_like_any_other(server):
    body = builders.body({"orders": [builders.order()]})
    start = head(CHUNKED, f"X-API-Key: {server.api_key}", path="/api/v1/orders")
    answer = server.exchange(start, *chunks(body, 300), b"0\r\n\r\n")
    assert b" 200 OK" in answer
    assert b'"result":"created"' in answer


def test_a_chunked_order_above_the_limit_gets_413(server):
    start = head(CHUNKED, f"X-API-Key: {server.api_key}", path="/api/v1/orders")
    answer = server.exchange(start, *chunks(b"x" * (LIMIT + 1), 50_000), b"0\r\n\r\n")
    assert b" 413 " in answer
    assert b'"message":"The body is larger than 300000 bytes"' in answer

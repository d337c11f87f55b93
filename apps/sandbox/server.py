"""The HTTP side of the sandbox, and the handle with which tests and the command run it."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from apps.common import http
from apps.common.redaction import hide_secrets
from apps.sandbox import control, endpoints
from apps.sandbox.endpoints import Answer, Request, json_answer
from apps.sandbox.options import Options
from apps.sandbox.simulation import Simulation

IDLE_SECONDS = 120
POLL_SECONDS = 0.02


class _TooLarge(Exception):
    """The body is longer than allowed; it was not read."""


class _NoLength(Exception):
    """The body's length is not told; it was not read."""


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and answers each in one write."""

    protocol_version = "HTTP/1.1"
    server_version = "SimulatedOptoro"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        """Answers a request, of whatever method."""
        simulation = self.server.simulation
        simulation.answering(+1)
        try:
            answer = self._answer(simulation)
            path = urlsplit(self.path).path
            if path not in ("/", "/style.css", "/healthz", "/state"):
                note = hide_secrets(answer.note)
                simulation.books.log_request(self.command, path, answer.status, note)
        finally:
            simulation.answering(-1)
        if answer.hang:
            simulation.stopping.wait(answer.hang)
        self._write(answer)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET  # noqa: N815

    def _answer(self, simulation: Simulation) -> Answer:
        try:
            body = self._read_body(simulation.options.max_body_bytes)
        except _TooLarge:
            self.close_connection = True
            limit = simulation.options.max_body_bytes
            return json_answer(413, {"message": f"the body exceeds {limit} bytes"})
        except _NoLength:
            self.close_connection = True
            return json_answer(411, {"message": "Content-Length is needed"})
        request = Request(
            method="GET" if self.command == "HEAD" else self.command,
            path=urlsplit(self.path).path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        return (
            endpoints.handle(simulation, request)
            or control.handle(simulation, request)
            or json_answer(404, {"message": f"no such address: {request.method} {request.path}"})
        )

    def _read_body(self, limit: int) -> bytes:
        text = self.headers.get("Content-Length")
        if text is None:
            if self.headers.get("Transfer-Encoding"):
                raise _NoLength
            return b""
        if not text.isdecimal():
            raise _NoLength
        if int(text) > limit:
            raise _TooLarge
        return self.rfile.read(int(text))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if self.command != "HEAD":
            # Into the header buffer, so that headers and body leave in one packet.
            self._headers_buffer.extend((b"\r\n", answer.body))  # type: ignore[attr-defined]
            self.flush_headers()
        else:
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Writes nothing: requests are kept in the books and shown on the page."""


class _Server(ThreadingHTTPServer):
    """A thread per connection; connections still open are cut when it closes."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__((simulation.options.host, simulation.options.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remembers the connection, so that it can be cut."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forgets a connection that has ended."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """Ends connections that clients keep open, which would otherwise be served on."""
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that hang up; anything else is reported as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class SimulatedOptoro(Simulation):
    """A running sandbox: everything a Simulation can do, at an address."""

    def __init__(self, options: Options, desk_transport: http.BaseTransport | None = None) -> None:
        super().__init__(options, desk_transport)
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="sandbox", daemon=True
        )
        self._thread.start()
        self.courier.start()

    @property
    def url(self) -> str:
        """Where it listens: the base URL to give the desk for all of Optoro's hosts."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    def state(self) -> dict[str, Any]:
        """Returns what `GET /state` answers."""
        copy: dict[str, Any] = json.loads(json.dumps(control.state(self)))
        return copy

    def stop(self) -> None:
        """Stops at once: no further webhook is delivered, open connections are cut."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        self._thread.join(timeout=2)
        self.courier.stop()
        self.portal.close()


def start(*, desk_transport: http.BaseTransport | None = None, **options: Any) -> SimulatedOptoro:
    """Starts a sandbox in threads of this process; `options` are those of `Options`.

    It takes a free port unless told which. `desk_transport` replaces the network on the way to
    the desk, for tests that want to hand webhooks to an application without a server.
    """
    return SimulatedOptoro(Options(**options), desk_transport)


@contextmanager
def simulated_optoro(
    *, desk_transport: http.BaseTransport | None = None, **options: Any
) -> Iterator[SimulatedOptoro]:
    """Runs a sandbox for the length of a `with` block."""
    optoro = start(desk_transport=desk_transport, **options)
    try:
        yield optoro
    finally:
        optoro.stop()

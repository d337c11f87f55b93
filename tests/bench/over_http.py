"""A few pages once more, over HTTP from a real server: what the test client measures is no less
than what people wait for."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from tests.bench.measuring import Figures, Target, figures_of

_WORKERS = 2
_START_SECONDS = 60.0


def measure_over_http(
    targets: Sequence[Target], cookie: str, port: int, repeats: int
) -> list[Figures]:
    """Starts a server with two workers on `port` and asks it for the targets' addresses, signed in
    by `cookie`; the server is stopped at the end."""
    server = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "returnsdesk.wsgi:application", "--workers",
            str(_WORKERS), "--bind", f"127.0.0.1:{port}", "--log-level", "error",
        ],
        env=os.environ.copy(),
    )  # fmt: skip
    try:
        _wait_for(port)
        return [_measure(target, cookie, port, repeats) for target in targets]
    finally:
        server.terminate()
        server.wait()


def _measure(target: Target, cookie: str, port: int, repeats: int) -> Figures:
    times, sizes, statuses = [], [], set()
    for turn in range(-2 * _WORKERS, repeats):
        url = target.urls[turn % len(target.urls)]
        began = time.perf_counter()
        status, body = _get(port, url, cookie)
        if turn >= 0:
            times.append(time.perf_counter() - began)
        sizes.append(len(body))
        statuses.add(status)
    return figures_of(
        target, times, [0.0], queries=0, bytes=max(sizes), refused=tuple(sorted(statuses - {200}))
    )


def _get(port: int, url: str, cookie: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", url, headers={"Cookie": cookie})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError):
            if _get(port, "/healthz")[0] == 200:
                return
        time.sleep(0.2)
    raise TimeoutError(f"the server does not answer on port {port}: is the port taken?")

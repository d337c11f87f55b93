"""`manage.py sandbox` as a process: it says where it is, needs no database, stops on signals."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.common import http

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment():
    """Without any way to a database."""
    return os.environ | {
        "DEBUG": "1",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:9/nothing",
        "OPTORO_CLIENT_ID": "from-the-environment",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_and_stops(environment, number):
    flags = ["--port", "0", "--fault", "duplicates=0.2", "--play", "--desk-api-key", "k"]
    flags += ["--desk-url", "http://127.0.0.1:9"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        url = first.split()[3]
        client = http.make_client(base_url=url, verify=False)
        assert client.get("/healthz").json() == {"status": "ok"}
        body = {
            "grant_type": "client_credentials",
            "client_id": "from-the-environment",
            "client_secret": "sandbox-secret",
        }
        assert client.post("/oauth/token", json=body).status_code == 200
        assert client.get("/state").json()["faults_in_force"] == {"duplicates": 0.2}
        process.send_signal(number)
        assert process.wait(timeout=3) == 0
        # Not communicate(): it would miss the lines that readline() has read ahead.
        rest = process.stdout.read()
        assert "Fault duplicates=0.2" in rest
        assert "stopped" in rest
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--fault", "doubles=1"], "unknown fault 'doubles'"),
        (["--desk-url", "localhost"], "--desk-url"),
        (["--play", "--desk-api-key", ""], "--desk-api-key"),
        (["--pace", "-1"], "must be 0 or more"),
        (["--port", "x"], "not a number"),
        (["--port", "70000"], "cannot listen"),
    ],
)
def test_wrong_flags(flags, why):
    with pytest.raises(CommandError, match=why):
        call_command("sandbox", *flags)


def test_a_taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="cannot listen"):
            call_command("sandbox", "--port", str(taken.getsockname()[1]))

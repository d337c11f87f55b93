"""The demonstration itself: what it sets up, and that kill -9 loses nothing."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from apps.accounts.models import ApiKey, Membership, Role, User
from apps.accounts.services import find_api_key
from apps.desk.demo import setup
from apps.stores.models import Store
from tests.project.files import ROOT, plain_environment
from tests.project.test_supervisor import until

# --- What it sets up --------------------------------------------------------------------------


def test_the_demo_refuses_to_run_in_production():
    with pytest.raises(CommandError, match="DEBUG=1"):
        call_command("demo")


def test_a_port_that_is_taken_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert setup.free_port("127.0.0.1", port) > port


def test_only_one_demo_runs_in_a_directory(tmp_path):
    with (
        setup.only_one(tmp_path),
        pytest.raises(setup.CannotDemonstrate, match=f"process {os.getpid()}"),
        setup.only_one(tmp_path),
    ):
        pass


def test_credentials_that_are_set_stay_and_others_are_made(monkeypatch):
    monkeypatch.setenv("OPTORO_WEBHOOK_PASSWORD", "chosen")
    monkeypatch.delenv("OPTORO_CLIENT_SECRET", raising=False)
    one, other = (setup.environment("127.0.0.1", 8000, 8900) for _ in range(2))

    assert one["OPTORO_WEBHOOK_PASSWORD"] == "chosen"
    assert one["OPTORO_CLIENT_SECRET"] != other["OPTORO_CLIENT_SECRET"]
    assert one["OPTORO_ORDERS_URL"] == "http://127.0.0.1:8900"


def test_the_file_of_credentials_is_for_its_owner_only(tmp_path):
    setup.write_environment(tmp_path / "env", {"A": "1"})
    setup.write_environment(tmp_path / "env", {"A": "2"})

    assert (tmp_path / "env").read_text() == "A='2'\n"
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_there_is_a_login_for_every_role():
    store = setup.demo_store()
    setup.make_people(store)
    setup.make_people(store)

    assert User.objects.count() == Membership.objects.filter(store=store).count() == len(Role)
    for login in setup.logins():
        user = authenticate(username=login.username, password=login.password)
        assert user is not None
        assert user.memberships.get().get_role_display() == login.role
        assert user.is_superuser == (login.role == Role.ADMINISTRATOR.label)


@pytest.mark.django_db
def test_a_new_key_ends_the_earlier_one():
    store = setup.demo_store()
    first, second = setup.make_key(store), setup.make_key(store)

    assert find_api_key(first) is None
    assert find_api_key(second).store == store
    assert ApiKey.objects.filter(revoked_at__isnull=True).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"identifier": "another"},
        {"identifier": setup.STORE_IDENTIFIER, "optoro_orders_url": "https://optoro.example"},
    ],
)
def test_somebodys_store_is_left_alone(fields):
    Store.objects.create(name="Somebody's", is_default=True, **fields)

    with pytest.raises(setup.CannotDemonstrate):
        setup.demo_store()


@pytest.mark.django_db
def test_a_database_with_people_in_it_is_left_alone():
    User.objects.create(username="ruth")

    with pytest.raises(setup.CannotDemonstrate, match="known passwords"):
        setup.demo_store()


# --- The real thing ---------------------------------------------------------------------------


def two_free_ports():
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


class Demo:
    """`manage.py demo` in a directory of its own, so with data, queue and logs of its own."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "returnsdesk", folder / "returnsdesk")
        shutil.copy(ROOT / "manage.py", folder)
        for name in ("apps", "templates", "static"):
            (folder / name).symlink_to(ROOT / name)
        self.port, optoro_port = two_free_ports()
        self.output = folder / "output"
        options = ["--port", str(self.port), "--optoro-port", str(optoro_port), "--orders", "3"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", *options, "--pace", "0.3"],
                cwd=folder,
                env=plain_environment(DEBUG="1"),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def pid_of(self, name):
        return int((self.folder / "var/demo" / f"{name}.pid").read_text())

    def variable(self, name):
        lines = (self.folder / "var/demo/env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)[name].strip("'")

    def request(self, method, path, body=None, **headers):
        """Returns status and text, or 0 and why there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()

    def is_alive(self):
        return self.request("GET", "/healthz")[0] == 200

    def deliver(self, body):
        name, password = (
            self.variable(f"OPTORO_WEBHOOK_{end}") for end in ("USERNAME", "PASSWORD")
        )
        basic = b64encode(f"{name}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        headers["X-Optiturn-Id"] = self.variable("OPTORO_OPTITURN_ID")
        return self.request("POST", "/optoro/rmas", body, **headers)

    def deliveries(self, state):
        key = self.variable("DESK_API_KEY")
        status, text = self.request(
            "GET", f"/api/v1/deliveries?state={state}", Authorization=f"Api-Key {key}"
        )
        return json.loads(text)["results"] if status == 200 else []

    def processes(self):
        """Returns the commands of the processes that work in the demo's directory."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.folder:
                    found[entry.name] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def kill(self, name):
        """Kills a child and waits until there is another."""
        before = self.pid_of(name)
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pid_of(name) != before, seconds=20)


@pytest.fixture
def demo(tmp_path):
    demo = Demo(tmp_path)
    yield demo
    demo.process.terminate()
    try:
        demo.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        demo.process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_the_demo_survives_kills_and_leaves_nothing_behind(demo):
    def is_running():
        assert demo.process.poll() is None, demo.output.read_text()
        return "Returns Desk is running" in demo.output.read_text()

    until(is_running, seconds=60)
    assert demo.is_alive()
    assert f"http://127.0.0.1:{demo.port}/" in demo.output.read_text()

    # What was answered with 200 is processed, though worker and web are killed right after.
    assert demo.deliver('{"not": "an RMA"}')[0] == 200
    demo.kill("worker")
    demo.kill("web")
    until(demo.is_alive, seconds=20)
    until(lambda: demo.deliveries("quarantined"), seconds=30)
    until(lambda: demo.deliveries("processed"), seconds=30)
    assert "[web] was ended by SIGKILL" in demo.output.read_text()
    assert "[worker] was ended by SIGKILL" in demo.output.read_text()

    assert len(demo.processes()) >= 5
    demo.process.terminate()
    assert demo.process.wait(timeout=20) == 0
    assert demo.processes() == {}

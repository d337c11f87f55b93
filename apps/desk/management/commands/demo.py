"""`manage.py demo`: the desk, its worker and a simulated Optoro, until it is told to stop."""

import http.client
import os
import shutil
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from apps.desk.demo import setup
from apps.desk.demo.supervisor import Supervisor, stop_with_parent

OPTORO_PORT = 8900
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104
LOOK_SECONDS = 0.2
READY_SECONDS = 90.0
DEATHS_BEFORE_GIVING_UP = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    """Starts everything in the foreground; Ctrl-C ends it."""

    help = "Runs a demonstration: the desk, its worker and a simulated Optoro that plays returns."
    requires_migrations_checks = False

    is_stopping = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the flags; none is needed."""
        parser.add_argument("--host", default="127.0.0.1", help="address the desk listens on")
        parser.add_argument("--port", type=int, default=settings.PORT, help="or the next free one")
        parser.add_argument("--optoro-port", type=int, default=OPTORO_PORT, help="likewise")
        parser.add_argument("--orders", type=int, default=0, help="how many to play; 0: no end")
        parser.add_argument("--pace", type=float, default=1.0, help="seconds between two steps")
        parser.add_argument("--seed", type=int, help="makes what is played repeatable")
        parser.add_argument("--fault", action="append", default=[], metavar="NAME=NUMBER")
        parser.add_argument("--reset", action="store_true", help="delete the demo's data and end")

    def handle(self, *args: Any, **given: Any) -> None:
        """Prepares, starts, watches, and stops on SIGINT, SIGTERM or SIGHUP."""
        if not settings.DEBUG:
            raise CommandError("the demo runs with DEBUG=1, on a machine of your own: `make demo`")
        if os.environ.get("MAKELEVEL"):
            stop_with_parent(os.getppid())
        folder = settings.VAR_DIR / "demo"
        try:
            with setup.only_one(folder):
                if given["reset"]:
                    self._reset(folder)
                else:
                    self._run(folder, given)
        except setup.CannotDemonstrate as error:
            raise CommandError(str(error)) from None

    def _reset(self, folder: Path) -> None:
        for path in settings.VAR_DIR.iterdir():
            if path.name.startswith(("desk.sqlite3", "celerybeat-schedule")):
                path.unlink()
        for name in ("celery", "mail"):
            shutil.rmtree(settings.VAR_DIR / name, ignore_errors=True)
        shutil.rmtree(folder)
        self.stdout.write("The demo's data is deleted.")

    def _run(self, folder: Path, given: dict[str, Any]) -> None:
        self._listen_for_signals()
        desk_port = setup.free_port(given["host"], given["port"])
        optoro_port = setup.free_port("127.0.0.1", given["optoro_port"], taken=(desk_port,))
        variables = setup.environment(given["host"], desk_port, optoro_port)
        self._say("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        store = setup.demo_store()
        variables["OPTORO_OPTITURN_ID"] = store.identifier
        variables["DESK_API_KEY"] = setup.make_key(store)
        setup.write_environment(folder / "env", variables)
        self._say("Starting the desk, its worker and the simulated Optoro ...")
        supervisor = Supervisor(
            folder=folder,
            cwd=settings.BASE_DIR,
            env={**os.environ, **variables, "PYTHONUNBUFFERED": "1"},
            say=self._say,
        )
        try:
            supervisor.add("web", _web(given["host"], desk_port))
            supervisor.add("worker", _worker())
            supervisor.add(
                "optoro", _optoro(_address(given["host"], desk_port), optoro_port, given)
            )
            setup.make_people(store)
            connections.close_all()
            optoro, desk = f"http://127.0.0.1:{optoro_port}", _address(given["host"], desk_port)
            self._wait_until_ready(supervisor, [desk, optoro])
            if not self.is_stopping:
                self._greet(folder, desk, optoro)
            while not self.is_stopping:
                supervisor.look()
                time.sleep(LOOK_SECONDS)
        finally:
            supervisor.stop()
            self._say("Stopped. The data stays; `make demo` continues with it.")

    def _listen_for_signals(self) -> None:
        for number in STOP_SIGNALS:
            # Under nohup the terminal may go without the demo going with it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note_stop)

    def _note_stop(self, number: int, frame: Any) -> None:
        self.is_stopping = True

    def _wait_until_ready(self, supervisor: Supervisor, addresses: list[str]) -> None:
        """Returns once all addresses answer; gives up when a child cannot live."""
        waiting_for = list(addresses)
        deadline = time.monotonic() + READY_SECONDS
        while waiting_for and not self.is_stopping:
            supervisor.look()
            for child in supervisor.children:
                if child.quick_deaths >= DEATHS_BEFORE_GIVING_UP:
                    log = supervisor.log_of(child)
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                    raise CommandError(f"{child.name} does not start; its log, {log}:\n{tail}")
            if time.monotonic() > deadline:
                raise CommandError(f"nothing answers at {waiting_for[0]}; see var/demo/*.log")
            if _answers(waiting_for[0]):
                waiting_for.pop(0)
            else:
                time.sleep(LOOK_SECONDS)

    def _greet(self, folder: Path, desk: str, optoro: str) -> None:
        shown = folder.relative_to(settings.BASE_DIR)
        rule = "=" * 78
        people = "\n".join(
            f"    {login.username:<12} {login.password:<16} {login.role}"
            for login in setup.logins()
        )
        self._say(
            f"\n{rule}\n"
            f"  Returns Desk is running:  {desk}/\n\n"
            f"    sign in as   password         role\n{people}\n\n"
            f"  Simulated Optoro:  {optoro}/  (orders and returns arrive by themselves)\n"
            f"  API:               {desk}/api/docs/  (key: DESK_API_KEY in {shown}/env)\n"
            f"  Configuration:     {desk}/admin/  (as admin)\n"
            f"  Logs:              {shown}/*.log\n"
            f"  Own commands:      set -a; . {shown}/env; .venv/bin/python manage.py help\n\n"
            "  Ctrl-C stops everything. `make demo` goes on with the desk's data,\n"
            "  `make demo-reset` starts over.\n"
            f"{rule}\n"
        )

    def _say(self, text: str) -> None:
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except OSError:
            pass  # the terminal is gone; stopping goes on all the same


def _address(host: str, port: int) -> str:
    """Returns where a desk that listens on `host` is found from this machine."""
    return f"http://{'127.0.0.1' if host == EVERY_ADDRESS else host}:{port}"


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _web(host: str, port: int) -> list[str]:
    options = ["--worker-class", "gthread", "--workers", "1", "--threads", "4"]
    options += ["--graceful-timeout", "2", "--no-control-socket", "--bind", f"{host}:{port}"]
    return [sys.executable, "-m", "gunicorn", *options, "returnsdesk.wsgi:application"]


def _worker() -> list[str]:
    options = ["--pool", "solo", "-B", "--without-gossip", "--without-mingle"]
    return [sys.executable, "-m", "celery", "-A", "returnsdesk", "worker", "-l", "INFO", *options]


def _optoro(desk: str, port: int, given: dict[str, Any]) -> list[str]:
    options = ["--port", str(port), "--desk-url", desk, "--play"]
    options += ["--orders", str(given["orders"]), "--pace", str(given["pace"])]
    if given["seed"] is not None:
        options += ["--seed", str(given["seed"])]
    for fault in given["fault"]:
        options += ["--fault", fault]
    return [sys.executable, "manage.py", "sandbox", *options]

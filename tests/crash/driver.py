"""A process of its own in which the real work is done, and dies where it is told to.

It sets Django up once, reads one task per line from its standard input, and does each in a fork:
a fork that dies leaves its database as a power cut would, and nothing in memory outlives it. What
others keep (Optoro, senders, requesters) is kept in files beside the database.
"""

import contextlib
import functools
import gc
import itertools
import json
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

Json = dict[str, Any]
FAILED = 1
# Longer than any lease and any wait before a retry.
STEP = timedelta(hours=2)
RUN = timedelta(days=4)


class Record:
    """A file of one JSON value per line: what somebody outside has seen for certain."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, value: Any) -> None:
        """Writes a value down before anything else happens."""
        with self.path.open("a") as file:
            file.write(json.dumps(value) + "\n")

    def all(self) -> list[Any]:
        """Everything written down so far."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def play(task: Json) -> None:
    """Everybody does what they do, again where they had no answer; then the queues are worked off
    until nothing is left but what is lost for ever."""
    from tests.crash import world

    folder = Path(task["folder"])
    with world.outside(folder):
        with _at(RUN * task["run"]):
            world.act(folder)
        for turn in itertools.count():
            with _at(RUN * task["run"] + STEP * turn):
                world.drain()
            if world.is_at_rest():
                return
            assert turn < 20, "the queues do not come to rest"


def prepare(task: Json) -> None:
    """Makes the tables, and the world before anything is refunded."""
    from django.core.management import call_command

    from tests.crash import world

    call_command("migrate", verbosity=0)
    folder = Path(task["folder"])
    with world.outside(folder):
        world.prepare(folder)


def look(task: Json) -> None:
    """Writes down what is in the books now."""
    from tests.crash import world

    Path(task["folder"], "books.json").write_text(json.dumps(world.books(), default=str))


@contextlib.contextmanager
def _at(ahead: timedelta) -> Iterator[None]:
    import time_machine

    with time_machine.travel(datetime.now(UTC) + ahead):
        yield


def make_database(task: Json) -> None:
    """PostgreSQL only: an empty database, or a copy of another one."""
    _administer(f'create database "{task["name"]}" template "{task["template"]}"')


def drop_database(task: Json) -> None:
    """PostgreSQL only."""
    _administer(f'drop database if exists "{task["name"]}" with (force)')


def _administer(statement: str) -> None:
    from django.db import connection

    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement)


WORK = {f.__name__: f for f in (play, prepare, look, make_database, drop_database)}


def _in_a_fork(task: Json) -> int:
    """Does one task in a fork; returns the code it ended with."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        if "database" in task:
            from django.db import connections

            connections.settings["default"]["NAME"] = task["database"]
        os.environ["FAULT_POINT"] = task.get("fault_point", "")
        WORK[task["work"]](task)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(FAILED)


def _warm_up() -> None:
    """What is imported here need not be in every fork."""
    from django.urls import resolve

    from tests.crash import world  # noqa: F401

    resolve("/optoro/rmas")
    gc.collect()
    gc.disable()
    gc.freeze()


def main() -> None:
    """Does what is asked for, line by line, until there are no more lines."""
    django.setup()
    from django.conf import settings

    import apps.common.nudge

    apps.common.nudge._send = lambda task: None
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # A process that dies does not take the machine with it.
        database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;"
    _warm_up()
    say = functools.partial(print, flush=True)
    say("ready")
    for line in sys.stdin:
        say(_in_a_fork(json.loads(line)))


if __name__ == "__main__":
    main()

"""Databases of their own, and the process that works in them and dies."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings

from apps.common.fault_points import EXIT_CODE
from tests.crash.driver import Record
from tests.support.optoro import AUTH_URL, ORDERS_URL

Json = dict[str, Any]


def _is_sqlite() -> bool:
    return bool(settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"))


class Driver:
    """The process that does tasks in forks, and tells how each of them ended."""

    def __init__(self, folder: Path) -> None:
        self.errors = folder / "stderr.txt"
        environment = {
            **{name: value for name, value in os.environ.items() if name != "FAULT_POINT"},
            "PYTHONPATH": str(settings.BASE_DIR),
            "DJANGO_SETTINGS_MODULE": "returnsdesk.settings",
            "DATABASE_URL": os.environ.get("DATABASE_URL") or f"sqlite:///{folder / 'none'}",
            "REDIS_URL": "",
            "CELERY_BROKER_URL": "memory://",
            "SECRET_KEY": uuid.uuid4().hex * 2,
            "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DEBUG": "0",
            "HTTPS_ONLY": "0",
            "ALLOWED_HOSTS": "testserver",
            "LOG_LEVEL": "ERROR",
            "PAYMENT_GATEWAY": "simulated",
            "REFUND_TRIGGER": "default",
            "OPTORO_OPTITURN_ID": "store-one",
            "OPTORO_AUTH_URL": AUTH_URL,
            "OPTORO_ORDERS_URL": ORDERS_URL,
            "OPTORO_CLIENT_ID": "optoro-client",
            "OPTORO_CLIENT_SECRET": "optoro-secret",
            "OPTORO_WEBHOOK_USERNAME": "optoro",
            "OPTORO_WEBHOOK_PASSWORD": "webhook-secret",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors.open("w"),
            env=environment,
            cwd=settings.BASE_DIR,
            text=True,
        )
        assert self._answer() == "ready", self.errors.read_text()

    def _answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def run(self, work: str, **task: Any) -> int:
        """Does one task; returns the code that its process ended with."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"work": work, **task}) + "\n")
        self.process.stdin.flush()
        return int(self._answer())

    def must(self, work: str, **task: Any) -> None:
        """Does one task that has to end well."""
        assert self.run(work, **task) == 0, self.errors.read_text()[-8000:]

    def stop(self) -> None:
        """Ends it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=30)


@dataclass
class Desk:
    """One desk with a database of its own, which can be killed and started again."""

    driver: Driver
    folder: Path
    database: str
    runs: int = field(default=0)

    def play(self, fault_point: str = "") -> int:
        """Starts it, days after the last time; returns how it ended."""
        self.runs += 1
        task = {"folder": str(self.folder), "database": self.database, "run": self.runs}
        return self.driver.run("play", fault_point=fault_point, **task)

    def dies_at(self, fault_point: str) -> None:
        """Starts it; it has to die there, and not to end before."""
        code = self.play(fault_point)
        assert code == EXIT_CODE, (fault_point, code, self.driver.errors.read_text()[-8000:])

    def finishes(self) -> None:
        """Starts it; it has to come to rest."""
        code = self.play()
        assert code == 0, self.driver.errors.read_text()[-8000:]

    def books(self) -> Json:
        """What its database says, and what is written down outside of it."""
        self.driver.must("look", folder=str(self.folder), database=self.database)
        told = Record(self.folder / "optoro.jsonl").all()
        return {
            **json.loads((self.folder / "books.json").read_text()),
            "snapshots": [seen["snapshot"] for seen in told if "snapshot" in seen],
            "answers": Record(self.folder / "answers.jsonl").all(),
            "answered": Record(self.folder / "answered.jsonl").all(),
        }


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """One process for all crashes: what dies is a fork of it."""
    driver = Driver(tmp_path_factory.mktemp("driver"))
    yield driver
    driver.stop()


@pytest.fixture(scope="session")
def prepared(
    driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database and the files beside it, before anything is refunded: copied for each test."""
    folder = tmp_path_factory.mktemp("prepared")
    name = str(folder / "desk.sqlite3") if _is_sqlite() else f"test_crash_{uuid.uuid4().hex[:12]}"
    if not _is_sqlite():
        driver.must("make_database", name=name, template="template0")
    try:
        driver.must("prepare", folder=str(folder), database=name)
        yield name, folder
    finally:
        if not _is_sqlite():
            driver.must("drop_database", name=name)


@pytest.fixture
def desk(driver: Driver, prepared: tuple[str, Path], tmp_path: Path) -> Iterator[Desk]:
    """A desk where the work is about to begin."""
    template, files = prepared
    folder = tmp_path / "desk"
    shutil.copytree(files, folder)
    if _is_sqlite():
        yield Desk(driver, folder, str(folder / Path(template).name))
        shutil.rmtree(folder)
        return
    name = f"test_crash_{uuid.uuid4().hex[:12]}"
    driver.must("make_database", name=name, template=template)
    try:
        yield Desk(driver, folder, name)
    finally:
        driver.must("drop_database", name=name)

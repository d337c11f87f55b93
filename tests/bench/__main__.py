"""`python -m tests.bench`: what `make bench` runs."""

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.database import RefusedError, Server, without_indexes

if TYPE_CHECKING:
    from django.test import Client

    from apps.stores.models import Store
    from tests.bench.exports import Exported
    from tests.bench.measuring import Figures

DEFAULT_RMAS = 1_000_000
_RESULTS = Path(__file__).resolve().parents[2] / "var" / "bench.json"
_OVER_HTTP = (
    ("home", "home"),
    ("rmas", "plain"),
    ("orders", "plain"),
    ("rma", "page"),
    ("order", "page"),
)


def main() -> int:
    """Returns 0 where everything answers within its limit, 1 where something does not, 2 where
    there is no place for the benchmark's database."""
    given = _arguments()
    try:
        server = Server(os.environ.get("DATABASE_URL", ""))
        filled_with = server.filled_with()
    except RefusedError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        _prepare_environment(server, folder)
        is_new = filled_with != given.rmas
        if is_new:
            server.drop()
            server.create()
        try:
            return _run(given, server, is_new=is_new)
        finally:
            _leave(given, server)


def _leave(given: argparse.Namespace, server: Server) -> None:
    from django.db import connections

    connections.close_all()
    if not given.keep or not server.filled_with():
        server.drop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rmas", type=int, default=DEFAULT_RMAS, help="how many returns")
    parser.add_argument("--keep", action="store_true", help="keep the database for another run")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    parser.add_argument("--repeats", type=int, default=15, help="how often each page is asked for")
    parser.add_argument("--json", type=Path, default=_RESULTS, help="where the figures go")
    parser.add_argument("--port", type=int, default=8580, help="of the server for HTTP; 0: none")
    return parser.parse_args()


def _prepare_environment(server: Server, folder: str) -> None:
    """The desk as in production, on the benchmark's database."""
    os.environ.update(
        DATABASE_URL=server.bench_url,
        DJANGO_SETTINGS_MODULE="tests.bench.settings",
        BENCH_STATIC_ROOT=folder,
        DEBUG="0",
        SECRET_KEY=secrets.token_hex(32),
        FIELD_ENCRYPTION_KEYS="YmVuY2htYXJrLWtleS1iZW5jaG1hcmsta2V5LWJlbmM=",
        HTTPS_ONLY="0",
        ALLOWED_HOSTS="127.0.0.1,testserver",
        LOG_LEVEL="ERROR",
    )


def _run(given: argparse.Namespace, server: Server, *, is_new: bool) -> int:
    import logging

    import django
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.ERROR)
    from apps.stores.models import Store
    from tests.bench.measuring import yardstick_ms

    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    if is_new:
        _fill(given.rmas)
    first = Store.objects.get(identifier="store-one")
    if is_new:
        _check_books(first.pk)
        server.mark(given.rmas)
    _take_in(first)
    yardstick = [yardstick_ms()]
    rows = _measured(given, first)
    yardstick.append(yardstick_ms())
    exported = _exported(given, first)
    yardstick.append(yardstick_ms())
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rmas": given.rmas,
        "postgresql": server.version(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "yardstick_ms": yardstick,
        "figures": [row.as_content() for row in rows],
        "exports": [row.as_content() for row in exported],
    }
    given.json.parent.mkdir(exist_ok=True)
    given.json.write_text(json.dumps(content, indent=1) + "\n")
    slow, wrong = [r for r in rows if r.is_too_slow], [r for r in rows if r.is_wrong]
    print(
        f"\n{len(rows)} measured with {given.rmas:,} returns; {len(slow)} above their limit, "
        f"{len(wrong)} with a wrong answer. Yardstick before, between and after: "
        f"{', '.join(f'{ms:.0f} ms' for ms in yardstick)}. Figures: {given.json}"
    )
    return 1 if slow or wrong else 0


def _fill(count: int) -> None:
    from tests.bench.filling import fill
    from tests.bench.loading import InBackground

    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    with without_indexes():
        fill(count, datetime.now(UTC), tell, InBackground())
        tell("building indexes and checking keys")
    tell("filled")


def _check_books(store_id: int) -> None:
    """The made-up books must be books: the desk's own checks find nothing in them."""
    from apps.reconciliation.integrity import broken_books

    found = broken_books(store_id)
    if found:
        raise SystemExit(f"the books are broken, {len(found)} times: {found[0].explanation}")


def _take_in(store: "Store") -> None:
    from tests.bench.statements import take_in_statement

    taken, seconds = take_in_statement(store)
    if seconds:
        rows = taken.rows_total
        print(f"statement of {rows:,} rows read and compared: {rows / seconds:,.0f} rows/s")


def _measured(given: argparse.Namespace, store: "Store") -> list["Figures"]:
    from tests.bench.measuring import Group, measure, table
    from tests.bench.over_http import measure_over_http
    from tests.bench.targets import api_targets, targets

    clients = _clients(store)
    rows, again = [], []
    for target in chain(targets(clients["agent"], store), api_targets(store)):
        if given.only not in f"{target.group} {target.view}: {target.name}":
            continue
        rows.append(measure(clients[target.role], target, given.repeats))
        print(table(rows[-1:]).splitlines()[1], flush=True)
        if target.group != Group.API and (target.view, target.name) in _OVER_HTTP:
            again.append(target)
    if given.port:
        cookie = f"sessionid={clients['agent'].cookies['sessionid'].value}"
        for row in measure_over_http(again, cookie, given.port, given.repeats):
            print("over HTTP " + table([row]).splitlines()[1], flush=True)
            rows.append(row)
    return rows


def _exported(given: argparse.Namespace, store: "Store") -> list["Exported"]:
    from tests.bench.exports import measure_exports

    if given.only not in "exports":
        return []
    found = []
    for row in measure_exports(store):
        print(row.in_words, flush=True)
        found.append(row)
    return found


def _clients(store: "Store") -> dict[str, "Client"]:
    """A browser for each role, and a machine that calls the API."""
    from django.test import Client

    from apps.accounts.models import User
    from tests.bench.filling import make_key

    clients = {
        "machine": Client(
            headers={"Authorization": f"Api-Key {make_key(store)}"}, raise_request_exception=False
        )
    }
    for role in ("agent", "administrator"):
        clients[role] = Client(raise_request_exception=False)
        clients[role].force_login(User.objects.get(username=role))
    return clients


if __name__ == "__main__":
    sys.exit(main())

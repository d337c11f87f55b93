"""`manage.py sandbox`: runs the simulated Optoro until it is told to stop."""

import os
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from apps.sandbox.faults import KINDS, UnknownFault, parse_flags
from apps.sandbox.options import Options
from apps.sandbox.player import Player
from apps.sandbox.server import SimulatedOptoro
from apps.sandbox.tokens import TOKEN_LIFETIME_SECONDS

# Flag, environment variable, what it falls back to, help.
FROM_ENVIRONMENT = (
    ("client-id", "OPTORO_CLIENT_ID", Options.client_id, "the desk's client id"),
    ("client-secret", "OPTORO_CLIENT_SECRET", Options.client_secret, "and its secret"),
    ("webhook-username", "OPTORO_WEBHOOK_USERNAME", "", "HTTP Basic towards the desk"),
    ("webhook-password", "OPTORO_WEBHOOK_PASSWORD", "", "HTTP Basic towards the desk"),
    ("webhook-api-key", "OPTORO_WEBHOOK_API_KEY", "", "or X-API-Key, which wins"),
    ("optiturn-id", "OPTORO_OPTITURN_ID", Options.optiturn_id, "the tenant's X-Optiturn-Id"),
    ("desk-api-key", "DESK_API_KEY", "", "API key with which the shop posts orders"),
)


def _at_least(low: float, kind: type[int] | type[float]) -> Any:
    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= number < float("inf"):
            raise ArgumentTypeError(f"{text} must be {low:g} or more")
        return number

    return read


class Command(BaseCommand):
    """Starts the sandbox in the foreground. It touches no database."""

    help = "Runs a simulated Optoro, with a page to watch it on."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the flags; credentials fall back to the desk's own environment names."""
        parser.add_argument("--host", default=Options.host, help="address to listen on")
        parser.add_argument("--port", type=_at_least(0, int), default=8900, help="0: a free one")
        parser.add_argument("--desk-url", default=Options.desk_url, help="where the desk is")
        for name, variable, fallback, text in FROM_ENVIRONMENT:
            parser.add_argument(
                f"--{name}",
                default=os.environ.get(variable) or fallback,
                help=f"{text} (environment: {variable})",
            )
        parser.add_argument("--play", action="store_true", help="play orders and returns")
        parser.add_argument(
            "--orders", type=_at_least(0, int), default=40, help="how many to play; 0: no end"
        )
        parser.add_argument(
            "--pace", type=_at_least(0, float), default=2.0, help="seconds between two steps"
        )
        parser.add_argument("--seed", type=int, help="makes a run repeatable")
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="NAME=NUMBER",
            help="; ".join(f"{kind.name}: {kind.text}" for kind in KINDS.values()),
        )
        parser.add_argument(
            "--token-lifetime", type=_at_least(1, float), default=TOKEN_LIFETIME_SECONDS
        )
        parser.add_argument("--retry-base", type=_at_least(0.01, float), default=1.0)
        parser.add_argument("--retry-cap", type=_at_least(0.01, float), default=30.0)

    def handle(self, *args: Any, **given: Any) -> None:
        """Runs until Ctrl-C or SIGTERM."""
        options = _options(given)
        if given["play"] and not given["desk_api_key"]:
            raise CommandError("--play needs --desk-api-key (see `manage.py createapikey`)")
        before = {
            number: signal.signal(number, signal.default_int_handler)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        optoro = player = None
        try:
            optoro = _start(options)
            self._greet(optoro, given)
            if given["play"]:
                player = Player(optoro, given["desk_api_key"], given["pace"], given["orders"])
                player.start()
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
        finally:
            if optoro:
                optoro.stop()
            if player:
                player.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        self.stdout.write("Simulated Optoro stopped.")

    def _greet(self, optoro: SimulatedOptoro, given: dict[str, Any]) -> None:
        self.stdout.write(f"Simulated Optoro at {optoro.url} - open it in a browser to watch.")
        self.stdout.write(f"Give the desk {optoro.url} as OPTORO_AUTH_URL and OPTORO_ORDERS_URL.")
        self.stdout.write(f"Webhooks go to {optoro.options.desk_url}/optoro/rmas.")
        if given["play"]:
            count = given["orders"] or "endless"
            self.stdout.write(f"Playing {count} orders, about {given['pace']:g} s between steps.")
        for name, number in optoro.faults.in_force().items():
            self.stdout.write(f"Fault {name}={number:g}: {KINDS[name].text}")
        self.stdout.flush()


def _options(given: dict[str, Any]) -> Options:
    address = urlsplit(given["desk_url"])
    if address.scheme not in ("http", "https") or not address.netloc:
        raise CommandError(f"--desk-url {given['desk_url']!r}: write http://HOST:PORT")
    try:
        faults = parse_flags(given["fault"])
    except UnknownFault as error:
        raise CommandError(str(error)) from None
    return Options(
        desk_url=given["desk_url"].rstrip("/"),
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        webhook_username=given["webhook_username"],
        webhook_password=given["webhook_password"],
        webhook_api_key=given["webhook_api_key"],
        optiturn_id=given["optiturn_id"],
        host=given["host"],
        port=given["port"],
        seed=given["seed"],
        faults=faults,
        token_lifetime=given["token_lifetime"],
        retry_base=given["retry_base"],
        retry_cap=given["retry_cap"],
    )


def _start(options: Options) -> SimulatedOptoro:
    try:
        return SimulatedOptoro(options)
    except (OSError, OverflowError) as error:
        raise CommandError(f"cannot listen on {options.host}:{options.port}: {error}") from None

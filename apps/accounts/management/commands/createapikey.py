"""`manage.py createapikey NAME [--scope S ...] [--store ID]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import ApiKey
from apps.accounts.services import create_api_key
from apps.stores.models import Store
from apps.stores.queries import default_store


class Command(BaseCommand):
    help = "Creates an API key and prints it once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who will use the key, such as 'oms'")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            dest="scopes",
            metavar="S",
            help=f"one of {', '.join(ApiKey.SCOPES)}; repeat for more (default: all of them)",
        )
        parser.add_argument("--store", help="the store's identifier (default: the default store)")

    def _store(self, identifier: str | None) -> Store:
        if not identifier:
            return default_store()
        store = Store.objects.filter(identifier=identifier).first()
        if store is None:
            raise CommandError(f"--store {identifier}: there is no such store")
        return store

    def handle(self, *args: Any, **options: Any) -> None:
        store = self._store(options["store"])
        try:
            key = create_api_key(
                store=store, name=options["name"], scopes=options["scopes"] or list(ApiKey.SCOPES)
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"Key for store {store.identifier}; it is not shown again:")
        self.stdout.write(key)

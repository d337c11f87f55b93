"""`manage.py export_refunds`: the refund report as a file."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common import money
from apps.common.errors import Refused
from apps.reports.asking import encoded, question_of
from apps.reports.files import FORMATS, Written, write_file
from apps.reports.refund_filters import DATES
from apps.reports.refund_report import REFUNDS
from apps.stores.models import Store
from apps.stores.queries import default_store


class Command(BaseCommand):
    help = "Writes the refund report of a store to a file: a row for each refunded unit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="since", type=_day, required=True, help="first day, as in 2026-01-31"
        )
        parser.add_argument(
            "--to", dest="until", type=_day, required=True, help="last day, included"
        )
        parser.add_argument("--format", choices=FORMATS, required=True)
        parser.add_argument("--output", type=Path, required=True, help="the file to write")
        parser.add_argument(
            "--by",
            choices=[name for name, _ in DATES],
            default=DATES[0][0],
            help="which date the days are about, on the store's clock (default: paid)",
        )
        parser.add_argument("--store", help="the store's identifier; else the default store")
        parser.add_argument(
            "--filters", default="", help="further filters, as in a report's address"
        )
        parser.add_argument(
            "--no-bom", action="store_true", help="CSV without a byte order mark in front"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = [
            ("by", options["by"]),
            ("since", options["since"].isoformat()),
            ("until", options["until"].isoformat()),
        ]
        query = "&".join(part for part in (options["filters"], encoded(days)) if part)
        try:
            question = question_of(REFUNDS, _store(options["store"]), query)
            written = write_file(
                REFUNDS,
                question,
                extension=options["format"],
                path=options["output"],
                has_byte_order_mark=not options["no_bom"],
            )
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except OSError as error:
            raise CommandError(f"--output {options['output']}: {error.strerror}") from error
        self._tell(written, options["output"])

    def _tell(self, written: Written, path: Path) -> None:
        self.stdout.write(f"{path}: {written.rows:,} rows, {written.size:,} bytes")
        for found in written.totals:
            total = money.show(found.sums["refunded_total"], found.currency)
            self.stdout.write(f"{found.currency}: {found.rows:,} rows, {total} refunded")
        self.stdout.write(f"SHA-256 {written.sha256}")


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _store(identifier: str | None) -> Store:
    if identifier is None:
        return default_store()
    found = Store.objects.filter(identifier=identifier).first()
    if found is None:
        raise CommandError(f"--store {identifier}: there is no such store")
    return found

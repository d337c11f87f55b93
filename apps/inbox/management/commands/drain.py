"""`manage.py drain`: works off everything that is due, without a broker."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.inbox.processing import process_due
from apps.outbox.registry import sweep
from apps.outbox.runner import run_due


class Command(BaseCommand):
    help = "Works off what is due in inbox and outbox, in this process, until nothing is due."

    def handle(self, *args: Any, **options: Any) -> None:
        deliveries = jobs = 0
        while True:
            sweep()
            processed, run = process_due(), run_due()
            deliveries += processed
            jobs += run
            if not processed and not run:
                break
        self.stdout.write(f"inbox: {deliveries} processed; outbox: {jobs} jobs run")

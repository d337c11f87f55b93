"""`manage.py drain`: works off everything that is due, without a broker."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.desk.templatetags.desk import plural
from apps.desk.tidying import tidy
from apps.inbox.processing import process_due
from apps.outbox.runner import run_due
from apps.reports.schedule_runs import start_due


class Command(BaseCommand):
    help = (
        "Works off what is due in inbox, outbox and schedules, in this process, until nothing is "
        "due, and "
        "throws away what the screens have kept for long enough."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        deliveries = jobs = thrown_away = 0
        while True:
            start_due()
            processed, run, tidied = process_due(), run_due(), tidy()
            deliveries += processed
            jobs += run
            thrown_away += tidied.count
            if not processed and not run and not tidied.count:
                break
        said = f"inbox: {deliveries} processed; outbox: {jobs} jobs run"
        if thrown_away:
            said += f"; screens: {plural(thrown_away, 'old row')} thrown away"
        self.stdout.write(said)

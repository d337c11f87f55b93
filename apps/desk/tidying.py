"""What the screens keep for a while only: bulk actions that are over, and sessions that have ended,
with the forms that were kept in them.

Nothing of money is here: refunds, their requests with the keys of their forms, payments, timelines
and changes of access stay for ever.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.accounts.sessions import forget_ended
from apps.common import clock
from apps.desk.models import BulkRow, BulkRun

# One round is a short transaction each, however much has gathered.
_MOST_RUNS = 50


@dataclass(frozen=True)
class Tidied:
    """How many rows of each kind one round threw away."""

    runs: int
    sessions: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.runs + self.sessions


def tidy() -> Tidied:
    """Throws away what is older than the settings say, at most so many rows in one round, and says
    how many. A round that finds nothing has nothing left to do."""
    return Tidied(runs=_forget_runs(), sessions=forget_ended())


@transaction.atomic
def _forget_runs() -> int:
    """A run that waits for a person to go on is not over, however old it is."""
    before = clock.now() - timedelta(days=settings.BULK_RUNS_KEPT_DAYS)
    waits = BulkRow.objects.filter(run=OuterRef("pk"), result=BulkRow.Result.WAITING)
    over = BulkRun.objects.filter(~Exists(waits), created_at__lt=before).order_by("pk")
    keys = list(over.values_list("pk", flat=True)[:_MOST_RUNS])
    if keys:
        BulkRow.objects.filter(run__in=keys).delete()
        BulkRun.objects.filter(pk__in=keys).delete()
    return len(keys)

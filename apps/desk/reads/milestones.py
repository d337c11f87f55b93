"""When the units of a return were handed over, in transit and received, as its messages told it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from apps.desk.progress import (
    AFTER_HANDOVER,
    HANDED_OVER,
    IN_TRANSIT,
    ON_THE_WAY,
    RECEIVED,
)
from apps.rmas import rules
from apps.rmas.models import Rma, RmaUnit
from apps.timeline.models import Event

# A return has a handful of messages; what comes after these is not looked for.
MESSAGES_READ = 200

_REACHES = {
    "package_tracking_status": ((HANDED_OVER, AFTER_HANDOVER), (IN_TRANSIT, ON_THE_WAY)),
    "receiving_status": ((RECEIVED, (rules.RECEIVED,)),),
}

Times = dict[str, datetime]


def unit_times(rma: Rma, units: Iterable[RmaUnit]) -> dict[int, Times]:
    """Returns, by unit key, when each step of its way was reached last, by the step's label. What
    the first message told already has no time; one query.

    A unit is found by its line and number, as the timeline names it: where units of two orders
    share these, nobody can tell them apart, and neither has times.
    """
    units = list(units)
    named = Counter(str(unit) for unit in units)
    rows = (
        Event.objects.filter(
            store_id=rma.store_id, rma_identifier=rma.rma_identifier, kind="rma.updated"
        )
        .order_by("recorded_at", "pk")
        .values_list("changes", "occurred_at")
    )
    found: dict[str, Times] = {}
    for changes, occurred_at in rows[:MESSAGES_READ]:
        for change in changes:
            _note(found, change, occurred_at)
    return {unit.pk: found.get(str(unit), {}) if named[str(unit)] == 1 else {} for unit in units}


def _note(found: dict[str, Times], change: dict[str, Any], occurred_at: datetime) -> None:
    name, _, field = str(change.get("field")).removeprefix("unit ").rpartition(" ")
    for label, words in _REACHES.get(field, ()):
        if change.get("after") in words and change.get("before") not in words:
            found.setdefault(name, {})[label] = occurred_at

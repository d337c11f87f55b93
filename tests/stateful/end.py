"""Once nothing goes wrong any more, everything comes to an end, or a person sees it."""

from apps.common import clock
from apps.inbox.models import Delivery
from apps.outbox.models import Job
from apps.reconciliation.rules import MUST_NEVER_BE, DifferenceKind
from apps.reconciliation.services import reconcile
from apps.stores.queries import default_store
from tests.stateful import books
from tests.stateful.checks import Watch
from tests.stateful.desk import Desk

ENDED = ("paid", "declined", "canceled")
# Nothing may be forgotten either.
FORGOTTEN = {DifferenceKind.NO_SNAPSHOT_JOB, DifferenceKind.PAYMENT_STUCK}
_TURNS = 20


def come_to_rest(desk: Desk, watch: Watch) -> None:
    """Works off the queues, with time passing, until nothing happens any more."""
    desk.known.weather.clear()
    idle = 0  # a dead worker's job is put back first, and is due later
    for _ in range(_TURNS):
        desk.shift(30 * 3600)  # longer than any delay and hold
        desk.note_what_is_stopped()
        idle = 0 if desk.process(200) + desk.work(200) else idle + 1
        if idle == 2:
            watch.look(books.read())
            return
    raise AssertionError(f"the queues do not come to rest: {_waiting()}")


def _waiting() -> list[tuple[str, str, str]]:
    rows = Job.objects.exclude(state="done")
    return list(rows.values_list("topic", "label", "error"))


def check(watch: Watch) -> None:
    """Every refund has ended, waits for a person, or is seen by one; the books are whole."""
    assert _waiting() == []
    states = Delivery.objects.filter(topic="rma").values_list("state", flat=True)
    assert set(states) <= {"processed"}
    for pk, row in watch.books.refunds.items():
        if row["source"] == "external" or row["status"] in ENDED:
            continue
        if row["status"] == "proposed":
            assert row["approval_reason"], f"{row} waits, and nobody knows why"
            continue
        assert row["status"] in ("paying", "unknown"), row
        states = {payout["status"] for payout in watch.books.counting_payouts(pk)}
        open_ones = states - {"paid", "declined"}
        assert open_ones, (row, states)
        seen = {"pending": "payment_by_hand", "unknown": "payment_unknown"}
        for status in open_ones:
            assert (seen[status], row["identifier"]) in watch.books.items, (row, status)
    for row in watch.books.refunds.values():
        if row["status"] == "paid" and row["source"] != "external":
            assert row["reported_at"], f"{row} is paid, and Optoro was never told"
    found = reconcile(default_store(), clock.now())
    assert [one for one in found if one.kind in MUST_NEVER_BE | FORGOTTEN] == []

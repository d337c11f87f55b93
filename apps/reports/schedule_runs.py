"""Runs of schedules: started when they are due, their file made as an export, then mailed.

A run is a row, unique for its slot: whoever starts it, it is there once. `reports.schedule` has its
export made, and is queued again in the transaction in which that ends; `reports.mail` sends it.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.accounts.queries import role_of
from apps.accounts.rules import Action, may, roles_that_may
from apps.attention.models import Kind
from apps.attention.services import close_items, open_item
from apps.common import clock
from apps.common.errors import Refused
from apps.outbox import topics
from apps.outbox.services import clear_held, enqueue
from apps.outbox.types import ClaimedJob, Result, done
from apps.reports.asking import question_of
from apps.reports.exports import start_export
from apps.reports.models import Export, Schedule, ScheduleRun
from apps.reports.registry import report_named
from apps.reports.rhythm import Cadence, Rhythm, last_run, next_run
from apps.reports.types import Question, Report
from apps.stores.queries import zone_of

logger = logging.getLogger(__name__)

MOST_FAILURES = 5
_STATE = ScheduleRun.State
UNDER_WAY = (_STATE.WAITING, _STATE.EXPORTING, _STATE.MAILING)


def rhythm_of(schedule: Schedule) -> Rhythm:
    """Returns when a schedule is due, on its store's clock as it is set now."""
    return Rhythm(
        Cadence(schedule.cadence),
        schedule.weekday,
        schedule.day_of_month,
        schedule.hour,
        zone_of(schedule.store),
    )


def start_due() -> int:
    """Starts a run for every schedule that is due, and looks after runs whose export has ended
    without a word; returns how many were started. Of slots that were missed, the last one counts.
    """
    now = clock.now()
    due = Schedule.objects.filter(next_run_at__lte=now).order_by("next_run_at")
    count = 0
    for pk in list(due.values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            count += start_if_due(pk, now)
    _wake_up()
    return count


def start_if_due(schedule_id: int, now: datetime) -> bool:
    """Starts the run of a schedule's last slot, if it has none, and puts the next one down. Call it
    in a transaction. Returns whether it did.

    The slot is worked out anew: a store whose clock was changed meanwhile gets each of its days
    once, neither twice nor not at all.
    """
    rows = Schedule.objects.select_for_update(no_key=True, of=("self",)).select_related("store")
    schedule = rows.filter(pk=schedule_id, is_active=True, next_run_at__lte=now).first()
    if schedule is None:
        return False
    rhythm = rhythm_of(schedule)
    planned_at = last_run(rhythm, now)
    schedule.next_run_at = next_run(rhythm, now)
    schedule.save(update_fields=["next_run_at"])
    done_since = schedule.runs.filter(planned_at__gte=planned_at, asked_by=None)
    if planned_at <= schedule.counts_from or done_since.exists():
        return False
    start_run(schedule, planned_at=planned_at)
    return True


def start_run(
    schedule: Schedule, *, planned_at: datetime, asked_by_id: int | None = None
) -> ScheduleRun:
    """Writes a run down and queues it; call it in a transaction, under the schedule's lock."""
    run, is_new = ScheduleRun.objects.get_or_create(
        schedule=schedule, planned_at=planned_at, defaults={"asked_by_id": asked_by_id}
    )
    if is_new:
        _enqueue(run, topics.RUN_SCHEDULE)
    return run


def queue_run(run: ScheduleRun) -> None:
    """Queues what comes next for a run; call it in the transaction of its change."""
    is_ready = run.state == _STATE.MAILING
    _enqueue(run, topics.MAIL_REPORT if is_ready else topics.RUN_SCHEDULE)


def _enqueue(run: ScheduleRun, topic: str) -> None:
    schedule = run.schedule
    enqueue(store_id=schedule.store_id, topic=topic, key=run.pk, label=schedule.name)


def _wake_up() -> None:
    """Queues runs that wait for an export which has ended: it ended before they were tied to it."""
    ended = ~Q(
        export__state__in=(Export.State.WAITING, Export.State.READING, Export.State.FINISHING)
    )
    rows = ScheduleRun.objects.filter(ended, state=_STATE.EXPORTING).select_related("schedule")
    for run in rows[:500]:
        with transaction.atomic():
            _enqueue(run, topics.RUN_SCHEDULE)


def question_for(schedule: Schedule, planned_at: datetime) -> tuple[Report, Question]:
    """Returns what a schedule asks when it is planned for that moment. Raises Refused where its
    report is not there any more, or its filters cannot be used."""
    report = report_named(schedule.report)
    if report is None:
        raise Refused(
            f"there is no report {schedule.report!r} any more: delete this schedule, and make one "
            "from a report that is there"
        )
    day = planned_at.astimezone(zone_of(schedule.store)).date()
    return report, question_of(report, schedule.store, schedule.query, today=day)


def refuse_to_send(schedule: Schedule) -> None:
    """Raises Refused where a schedule may not send anything (any more): it is sent in the name of
    its author, who must still be allowed to."""
    store, author = schedule.store, schedule.author
    if schedule.removed_at:
        raise Refused("the schedule was deleted")
    if not store.is_active:
        raise Refused(f"the store {store.name} is not active: nothing is sent from it")
    report = report_named(schedule.report)
    needed = [Action.EDIT_SCHEDULES, report.action] if report else [Action.EDIT_SCHEDULES]
    role = role_of(user_id=author.pk, store_id=store.pk) if author.is_active else ""
    for action in needed:
        if not role or not may(role, action):
            raise Refused(
                f"{author.get_username()}, in whose name it is sent, may not do that in this store "
                f"any more: somebody with one of these roles must save the schedule again: "
                f"{roles_that_may(action)}"
            )


def run_schedule(job: ClaimedJob) -> Result:
    """Does one `reports.schedule` job: has the file of a run made, or looks what became of it."""
    run = _run(int(job.key))
    try:
        if run and run.state == _STATE.WAITING:
            _request_export(run)
        elif run and run.state == _STATE.EXPORTING:
            _look_at_export(run)
    except Refused as refusal:
        assert run
        fail_run(run, str(refusal))
    except Exception as error:
        if run and job.failures + 1 >= MOST_FAILURES:
            fail_run(run, f"it failed {MOST_FAILURES} times: {type(error).__name__}")
        raise
    return done()


def _run(pk: int) -> ScheduleRun | None:
    rows = ScheduleRun.objects.select_related("schedule__store", "schedule__author", "export")
    return rows.filter(pk=pk).first()


def _request_export(run: ScheduleRun) -> None:
    schedule = run.schedule
    refuse_to_send(schedule)
    report, question = question_for(schedule, run.planned_at)
    with transaction.atomic():
        export = start_export(
            report=report,
            question=question,
            file_format=schedule.format,
            user_id=schedule.author_id,
        )
        ScheduleRun.objects.filter(pk=run.pk, state=_STATE.WAITING).update(
            state=_STATE.EXPORTING, export=export
        )


def _look_at_export(run: ScheduleRun) -> None:
    export = run.export
    assert export
    if export.is_under_way:
        return
    if export.state != Export.State.DONE:
        raise Refused(_why_without_file(export))
    with transaction.atomic():
        waiting = ScheduleRun.objects.filter(pk=run.pk, state=_STATE.EXPORTING)
        if not waiting.update(state=_STATE.MAILING, rows=export.rows_done):
            return
        if not export.rows_done:
            _open(run, Kind.REPORT_EMPTY, f"{export.name}: nothing fits its filters.")
        _enqueue(run, topics.MAIL_REPORT)


def _why_without_file(export: Export) -> str:
    if export.state == Export.State.CANCELED:
        return "its export was canceled: try the run again"
    why = export.error or "its time is over"
    return f"its export is {export.state}: {why}"


def fail_run(run: ScheduleRun, error: str) -> None:
    """Ends a run that cannot go on, and tells people."""
    with transaction.atomic():
        unsent = ScheduleRun.objects.filter(pk=run.pk, state__in=(*UNDER_WAY, _STATE.FAILED))
        if unsent.update(state=_STATE.FAILED, error=error, finished_at=clock.now()):
            _open(run, Kind.REPORT_FAILED, f"{error[:1].upper()}{error[1:]}.")


def _open(run: ScheduleRun, kind: Kind, why: str) -> None:
    schedule = run.schedule
    if schedule.removed_at:
        return
    zone = zone_of(schedule.store)
    planned = run.planned_at.astimezone(zone)
    open_item(
        store_id=schedule.store_id,
        kind=kind,
        subject=str(schedule.pk),
        detail=f"“{schedule.name}”, planned for {planned:%Y-%m-%d %H:%M} ({zone.key}). {why}",
    )


def end_run(run: ScheduleRun) -> None:
    """Ends a run that was sent to everybody, and closes what was open about its schedule."""
    is_empty = not run.rows
    with transaction.atomic():
        ScheduleRun.objects.filter(pk=run.pk).update(
            state=_STATE.EMPTY if is_empty else _STATE.SENT,
            error="",
            finished_at=clock.now(),
        )
        clear_held(topic=topics.MAIL_REPORT, key=run.pk)
        kinds = [Kind.REPORT_FAILED] if is_empty else [Kind.REPORT_FAILED, Kind.REPORT_EMPTY]
        close_alarms(run.schedule, kinds, "a later run was sent")


def close_alarms(schedule: Schedule, kinds: list[Kind], resolution: str) -> None:
    """Closes what is open about a schedule."""
    for kind in kinds:
        close_items(
            store_id=schedule.store_id,
            kind=kind,
            subject=str(schedule.pk),
            resolution=resolution,
        )

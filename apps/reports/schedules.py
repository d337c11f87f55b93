"""Making, changing, pausing and deleting schedules, and sending one now; each with its trail."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.attention.models import Kind
from apps.common import clock
from apps.common.errors import Refused
from apps.reports.asking import ask
from apps.reports.letters import filters_in_words
from apps.reports.models import Export, Schedule, ScheduleChange, ScheduleRun
from apps.reports.recipients import MOST_RECIPIENTS, outsiders
from apps.reports.registry import report_named
from apps.reports.rhythm import next_run
from apps.reports.rules import PRESET_LABELS
from apps.reports.schedule_runs import (
    close_alarms,
    question_for,
    queue_run,
    refuse_to_send,
    rhythm_of,
    start_if_due,
    start_run,
)
from apps.reports.types import Report
from apps.stores.models import Store

_ALARMS = [Kind.REPORT_FAILED, Kind.REPORT_EMPTY]
_RHYTHM = ("cadence", "weekday", "day_of_month", "hour")


@dataclass(frozen=True)
class ScheduleValues:
    """What a person says of a schedule. `query` names its days from today, `recipients` are
    addresses, the `outside` ones of them allowed on purpose."""

    name: str
    query: str
    format: str
    cadence: str
    weekday: int
    day_of_month: int
    hour: int
    delivery: str
    recipients: tuple[str, ...]
    outside: tuple[str, ...] = ()


def make_schedule(
    *, store: Store, report: Report, values: ScheduleValues, user_id: int
) -> Schedule:
    """Makes a schedule. Raises Refused where its filters or recipients cannot be used."""
    with transaction.atomic():
        schedule = Schedule(
            store=store, report=report.name, author_id=user_id, counts_from=clock.now()
        )
        _fill(schedule, values)
        schedule.next_run_at = next_run(rhythm_of(schedule), clock.now())
        schedule.save()
        _note(schedule, user_id, f"Made: {_in_words(schedule)}")
        return schedule


def change_schedule(*, store_id: int, pk: int, values: ScheduleValues, user_id: int) -> Schedule:
    """Changes a schedule; it is sent in the name of that person from then on. A slot that is due by
    now still counts as it was. Raises Refused as `make_schedule` does, and for a deleted one."""
    with transaction.atomic():
        start_if_due(pk, clock.now())
        schedule = _locked(store_id, pk)
        before = _in_words(schedule)
        rhythm = [getattr(schedule, name) for name in _RHYTHM]
        _fill(schedule, values)
        schedule.author_id = user_id
        if rhythm != [getattr(schedule, name) for name in _RHYTHM]:
            _count_from_now(schedule)
        schedule.save()
        after = _in_words(schedule)
        what = "Saved again, unchanged" if before == after else f"Changed to: {after}"
        _note(schedule, user_id, what)
        return schedule


def _fill(schedule: Schedule, values: ScheduleValues) -> None:
    if not 1 <= len(values.recipients) <= MOST_RECIPIENTS:
        raise Refused(f"{len(values.recipients)} recipients: name 1 to {MOST_RECIPIENTS}")
    for name in ("name", "query", "format", "delivery", *_RHYTHM):
        setattr(schedule, name, getattr(values, name))
    report, question = question_for(schedule, clock.now())
    schedule.query = question.query
    strangers = outsiders(store_id=schedule.store_id, report=report, recipients=values.recipients)
    unasked = [address for address in strangers if address not in values.outside]
    if unasked:
        raise Refused(
            f"{', '.join(unasked)}: nobody of this store who may see the report has that address; "
            "allow it, or leave it out"
        )
    schedule.recipients = list(values.recipients)
    schedule.outside = strangers


def _count_from_now(schedule: Schedule) -> None:
    now = clock.now()
    schedule.counts_from = now
    schedule.next_run_at = next_run(rhythm_of(schedule), now) if schedule.is_active else None


def _in_words(schedule: Schedule) -> str:
    outside = f"; outside the store: {', '.join(schedule.outside)}" if schedule.outside else ""
    return (
        f"“{schedule.name}”, {rhythm_of(schedule).in_words()}, {schedule.get_format_display()}, "
        f"{schedule.get_delivery_display().lower()}, {_filters(schedule)}, "
        f"to {', '.join(schedule.recipients)}{outside}"
    )


def _filters(schedule: Schedule) -> str:
    report = report_named(schedule.report)
    if report is None:
        return f"report {schedule.report}"
    asked = ask(report, schedule.store, schedule.query)
    preset = asked.form.preset
    days = PRESET_LABELS[preset].lower() if preset else "days as named"
    named = [f"{label}: {value}" for label, value in filters_in_words(asked)]
    return ", ".join([f"{report.title} of {days}", *named])


def _note(schedule: Schedule, user_id: int, summary: str) -> None:
    ScheduleChange.objects.create(schedule=schedule, actor_id=user_id, summary=summary)


def _locked(store_id: int, pk: int) -> Schedule:
    rows = Schedule.objects.select_for_update(no_key=True, of=("self",))
    schedule = rows.select_related("store", "author").get(store_id=store_id, pk=pk)
    if schedule.removed_at:
        raise Refused(f"“{schedule.name}” was deleted: make a new one from its report")
    return schedule


def pause_schedule(*, store_id: int, pk: int, user_id: int) -> Schedule:
    """Stops a schedule until it is resumed; slots until then are left out."""
    return _switch(store_id, pk, user_id, is_active=False)


def resume_schedule(*, store_id: int, pk: int, user_id: int) -> Schedule:
    """Lets a schedule go on with its next slot."""
    return _switch(store_id, pk, user_id, is_active=True)


def _switch(store_id: int, pk: int, user_id: int, *, is_active: bool) -> Schedule:
    with transaction.atomic():
        schedule = _locked(store_id, pk)
        if schedule.is_active != is_active:
            schedule.is_active = is_active
            _count_from_now(schedule)
            schedule.save()
            _note(schedule, user_id, "Resumed" if is_active else "Paused")
        return schedule


def remove_schedule(*, store_id: int, pk: int, user_id: int) -> Schedule:
    """Ends a schedule for good; it and its runs stay to be read. What of it is under way is not
    sent any more."""
    with transaction.atomic():
        schedule = _locked(store_id, pk)
        schedule.is_active = False
        schedule.removed_at = clock.now()
        _count_from_now(schedule)
        schedule.save()
        _note(schedule, user_id, "Deleted")
        close_alarms(schedule, _ALARMS, "the schedule was deleted")
        return schedule


def send_now(*, store_id: int, pk: int, user_id: int, newest_run: int) -> ScheduleRun:
    """Starts a run outside of the schedule, as of today. `newest_run` is the newest one (0: none)
    that the person saw: asked twice, it is sent once. Raises Refused where it may not be sent, or
    a newer run is there."""
    with transaction.atomic():
        schedule = _locked(store_id, pk)
        newest = schedule.runs.order_by("-pk").first()
        if (newest.pk if newest else 0) != newest_run:
            raise Refused(f"“{schedule.name}” was sent meanwhile: its newest run is below")
        refuse_to_send(schedule)
        return start_run(schedule, planned_at=clock.now(), asked_by_id=user_id)


def try_again(*, store_id: int, schedule_id: int, pk: int, user_id: int) -> ScheduleRun:
    """Lets a run that failed go on: with its file where that is still there, to whoever has not got
    it; else with a new one of the same days. Raises Refused where it did not fail."""
    with transaction.atomic():
        schedule = _locked(store_id, schedule_id)
        refuse_to_send(schedule)
        run = schedule.runs.select_for_update(no_key=True).get(pk=pk)
        if run.state != ScheduleRun.State.FAILED:
            raise Refused(f"it is {run.get_state_display().lower()}: only what failed can be tried")
        is_ready = run.export_id and run.export and run.export.state == Export.State.DONE
        changes: dict[str, Any] = {"state": ScheduleRun.State.MAILING, "finished_at": None}
        if not is_ready:
            changes.update(state=ScheduleRun.State.WAITING, export=None)
        ScheduleRun.objects.filter(pk=run.pk).update(**changes, error="")
        _note(schedule, user_id, f"Run {run.pk} tried again")
        run.refresh_from_db()
        queue_run(run)
        return run

"""Sending a run by e-mail: one mail to each recipient, written down as soon as it was taken.

A process that dies between the two sends that mail once more when it is started again: a recipient
may get a report twice, never not at all. Both mails have the same Message-ID.
"""

import logging
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.core.mail import get_connection

from apps.common import clock
from apps.common.errors import Refused
from apps.common.redaction import hide_secrets
from apps.outbox.services import extend_lease
from apps.outbox.types import ClaimedJob, Result, done, hold, retry
from apps.reports.letters import Letter, letter_for
from apps.reports.models import ScheduleRun
from apps.reports.recipients import outsiders
from apps.reports.registry import report_named
from apps.reports.schedule_runs import end_run, fail_run, refuse_to_send

logger = logging.getLogger(__name__)

# With the outbox's waits between them, this is about an hour.
MOST_FAILURES = 10
# Answers of a mail server from there on are final.
_FINAL = 500


class _LeaseLost(Exception):
    """Another worker may be at it."""


class _TryLater(Exception):
    """The server does not take a recipient now, and may later."""


def run_mail(job: ClaimedJob) -> Result:
    """Does one `reports.mail` job: sends a run to whoever has not got it. Fails it, and is held,
    after MOST_FAILURES; sent again by hand, it goes on there."""
    rows = ScheduleRun.objects.select_related("schedule__store", "schedule__author", "export")
    run = rows.filter(pk=int(job.key)).first()
    if run is None or not run.export or run.state not in ("mailing", "failed"):
        return done()
    try:
        _mail(run, job)
    except _LeaseLost:
        return done()
    except Refused as refusal:
        fail_run(run, str(refusal))
        return done()
    except Exception as error:
        return _try_later(run, job, error)
    return done()


def _try_later(run: ScheduleRun, job: ClaimedJob, error: Exception) -> Result:
    name = "" if isinstance(error, _TryLater) else f"{type(error).__name__}: "
    text = hide_secrets(f"{name}{error}")[:1000]
    logger.warning("run %s of schedule %s was not mailed: %s", run.pk, run.schedule_id, text)
    if job.failures + 1 < MOST_FAILURES:
        return retry(text)
    fail_run(
        run,
        f"the mail server did not take it in {MOST_FAILURES} tries ({text}): see EMAIL_URL, then "
        "try the run again",
    )
    return hold(text)


def _mail(run: ScheduleRun, job: ClaimedJob) -> None:
    """Raises Refused for what will not change by itself, and whatever the mail server says."""
    schedule = run.schedule
    refuse_to_send(schedule)
    if settings.EMAIL_IS_MISSING:
        raise Refused("there is no mail server: set EMAIL_URL, then try the run again")
    assert run.export
    letter = letter_for(run, run.export)
    run.recipients = _begin(run)
    run.delivery = letter.delivery
    _save(run)
    waits = _send_all(run, letter, job)
    if waits:
        raise _TryLater("; ".join(waits))
    _end(run)


def _begin(run: ScheduleRun) -> list[dict[str, Any]]:
    """Returns everybody who gets it, with what is known of those of an earlier try. Who has left
    the store since the schedule was saved gets nothing."""
    schedule = run.schedule
    report = report_named(schedule.report)
    if report is None:
        raise Refused(f"there is no report {schedule.report!r} any more")
    strangers = outsiders(store_id=schedule.store_id, report=report, recipients=schedule.recipients)
    left = {one for one in strangers if one not in schedule.outside}
    known = {one["address"]: one for one in run.recipients if one.get("sent_at")}
    return [
        known.pop(address, {"address": address, "error": _LEFT if address in left else ""})
        for address in schedule.recipients
    ] + list(known.values())


_LEFT = (
    "not sent: nobody of the store who may see the report has this address any more; save the "
    "schedule again to allow it"
)


def _send_all(run: ScheduleRun, letter: Letter, job: ClaimedJob) -> list[str]:
    """Sends to one after the other; returns whom the server wants tried again, and why."""
    waits = []
    open_ones = [one for one in run.recipients if not one.get("sent_at") and not one["error"]]
    with get_connection() as connection:
        for one in open_ones:
            if not extend_lease(job):
                raise _LeaseLost
            try:
                letter.to(one["address"], connection=connection).send()
            except SMTPRecipientsRefused as refused:
                code, said = _answer(refused, one["address"])
                if code < _FINAL:
                    waits.append(f"{one['address']}: {said}")
                    continue
                one["error"] = f"the mail server refuses it: {said}"
            else:
                one["sent_at"] = clock.now().isoformat()
            _save(run)
    return waits


def _answer(refused: SMTPRecipientsRefused, address: str) -> tuple[int, str]:
    answers = refused.recipients
    code, said = answers.get(address) or next(iter(answers.values()), (_FINAL, b""))
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return code, f"{code} {text}"[:300]


def _save(run: ScheduleRun) -> None:
    ScheduleRun.objects.filter(pk=run.pk).update(
        recipients=run.recipients,
        delivery=run.delivery,
        mailed_at=clock.now() if run.sent_to else None,
    )


def _end(run: ScheduleRun) -> None:
    problems = [f"{one['address']}: {one['error']}" for one in run.recipients if one.get("error")]
    if problems:
        fail_run(
            run,
            f"sent to {len(run.sent_to)} of {len(run.recipients)}; " + "; ".join(problems),
        )
    else:
        end_run(run)

"""Reports by e-mail: each slot once, the right days, the exact mail, and a word where it fails."""

import hashlib
from datetime import timedelta
from email import message_from_bytes
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from apps.accounts.models import Membership, Role, User
from apps.attention.models import Item
from apps.attention.queries import open_items
from apps.common import clock
from apps.outbox import runner
from apps.outbox.models import Job
from apps.reports import exports, mailing, schedule_runs
from apps.reports.models import Export, ScheduleRun
from tests.support import builders
from tests.support.people import person, sign_in
from tests.support.refunds import utc
from tests.support.schedules import FIRST, NOW

pytestmark = pytest.mark.django_db
BACKEND = "tests.reports.test_schedules.Server"


class Server(EmailBackend):
    """A mail server that can be down, refuse an address, or die after it has taken a mail."""

    fails: Exception | None = None
    refuses: dict[str, tuple[int, bytes]] = {}

    def send_messages(self, messages: Any) -> int:
        if Server.fails:
            raise Server.fails
        for message in messages:
            for address in message.recipients():
                if address in Server.refuses:
                    raise SMTPRecipientsRefused({address: Server.refuses[address]})
        return super().send_messages(messages)


@pytest.fixture(autouse=True)
def server(settings: Any) -> type[Server]:
    settings.EMAIL_BACKEND = BACKEND
    settings.DEFAULT_FROM_EMAIL = "Returns Desk <desk@example.com>"
    settings.DESK_URL = "https://desk.example.com"
    Server.fails, Server.refuses = None, {}
    return Server


@pytest.fixture
def january(refunded: Any, at: Any) -> None:
    """Three refunded units, two of them paid in January on the store's clock."""
    units = [builders.unit(cents=13056), builders.unit(cents=10000)]
    refunded(1, units=units, paid=utc(2026, 1, 5, 12))
    refunded(2, paid=utc(2026, 2, 1, 6))


def run() -> ScheduleRun:
    return ScheduleRun.objects.latest("pk")


def alarms(store: Any) -> list[tuple[str, str]]:
    return [(item.kind, item.subject) for item in open_items(store.pk)]


def wait_out(drain: Any, at: Any) -> None:
    """Lets every repetition of a job come, one after the other."""
    for _ in range(mailing.MOST_FAILURES + 3):
        drain()
        at(clock.now() + timedelta(hours=2))


@pytest.mark.usefixtures("january")
def test_the_mail_goes_out_at_its_hour_with_the_file(scheduled: Any, at: Any, drain: Any) -> None:
    schedule = scheduled(recipients="fin@example.com", query="status=paid")
    assert schedule.next_run_at == FIRST
    at(FIRST - timedelta(seconds=1))
    drain()
    assert (mail.outbox, ScheduleRun.objects.count()) == ([], 0)
    at(FIRST)
    drain()
    (sent,) = mail.outbox
    assert sent.subject == "Refunds of the month: Jan 1, 2026 to Jan 31, 2026"
    assert (sent.from_email, sent.to, sent.cc, sent.bcc) == (
        "Returns Desk <desk@example.com>",
        ["fin@example.com"],
        [],
        [],
    )
    export = Export.objects.get()
    assert (export.query, export.rows_done) == (
        "since=2026-01-01&until=2026-01-31&status=paid",
        2,
    )
    (part,) = sent.attachments
    name = "refunds-store-one-2026-01-01-2026-01-31.csv"
    assert (part.get_filename(), part.get_content_type()) == (name, "text/csv")
    on_the_wire = message_from_bytes(sent.message().as_bytes(linesep="\r\n"))
    content = on_the_wire.get_payload()[-1].get_payload(decode=True)
    assert content == b"".join(exports.file_of(export))
    assert hashlib.sha256(content).hexdigest() == export.sha256
    assert sent.body == (
        "Refunds of the month\n"
        "Refunds of Store One\n"
        "\n"
        "Days: Jan 1, 2026 to Jan 31, 2026 (America/New_York)\n"
        "Status: Paid\n"
        "Rows: 2\n"
        "\n"
        "USD, 2 rows\n"
        f"{SUMS}"
        "\n"
        "The file is attached. It is also here, for whoever may sign in:\n"
        f"https://desk.example.com/reports/exports/{export.pk}/\n"
        "\n"
        "File: refunds-store-one-2026-01-01-2026-01-31.csv\n"
        f"Size: {export.size} bytes\n"
        f"SHA-256: {export.sha256}\n"
        "\n"
        "Sent by Returns Desk in the name of fin. To change it or to get no more of these:\n"
        f"https://desk.example.com/reports/schedules/{schedule.pk}/\n"
        "\n"
    )
    ((html, html_type),) = sent.alternatives
    assert html_type == "text/html"
    assert "$230.56" in html
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
    found = run()
    assert (found.state, found.rows, found.planned_at, found.mailed_at, found.sent_to) == (
        "sent",
        2,
        FIRST,
        FIRST,
        ["fin@example.com"],
    )
    schedule.refresh_from_db()
    assert schedule.next_run_at == utc(2026, 3, 3, 13)
    drain()
    assert len(mail.outbox) == 1


SUMS = (
    "  Refunded total: $230.56\n"
    "  To the shopper: $230.56\n"
    "  To Optoro: $0.00\n"
    "  Kept back: $0.00\n"
    "  Refunded tax: $4.52\n"
    "  Quantity: 2\n"
)


@pytest.mark.usefixtures("january")
def test_after_three_weeks_without_the_desk_the_last_slot_is_sent_once(
    scheduled: Any, at: Any, drain: Any
) -> None:
    schedule = scheduled(cadence="weekly", weekday="1", period="last_week")
    at(utc(2026, 2, 26, 12))
    drain()
    drain()
    assert ScheduleRun.objects.get().planned_at == utc(2026, 2, 24, 13)
    assert [m.subject for m in mail.outbox] == [
        "Refunds of the month: Feb 16, 2026 to Feb 22, 2026 (no rows)"
    ]
    schedule.refresh_from_db()
    assert schedule.next_run_at == utc(2026, 3, 3, 13)


def test_the_days_count_from_the_planned_day_not_from_when_it_is_made(
    scheduled: Any, at: Any, drain: Any
) -> None:
    scheduled(day_of_month="28", period="this_month")
    at(utc(2026, 3, 2, 12))
    drain()
    assert Export.objects.get().query == "since=2026-02-01&until=2026-02-28"


def test_a_store_that_changes_its_clock_gets_each_of_its_days_once(
    scheduled: Any, store: Any, at: Any, drain: Any
) -> None:
    scheduled(cadence="weekly", weekday="1")
    store.time_zone = "America/Los_Angeles"
    store.save()
    at(FIRST)
    drain()
    assert ScheduleRun.objects.count() == 0
    at(FIRST + timedelta(hours=3))
    drain()
    assert run().planned_at == FIRST + timedelta(hours=3)
    store.time_zone = "America/New_York"
    store.save()
    at(FIRST + timedelta(days=7, hours=2))
    drain()
    assert [one.planned_at for one in ScheduleRun.objects.order_by("pk")] == [
        FIRST + timedelta(hours=3),
    ]
    at(FIRST + timedelta(days=7, hours=3))
    drain()
    assert run().planned_at == FIRST + timedelta(days=7)
    assert ScheduleRun.objects.count() == 2


def test_an_empty_report_is_sent_says_so_and_raises_an_alarm_that_closes_itself(
    scheduled: Any, store: Any, at: Any, drain: Any, refunded: Any
) -> None:
    schedule = scheduled()
    at(FIRST)
    drain()
    (sent,) = mail.outbox
    assert sent.subject.endswith(" (no rows)")
    assert "No rows fit these filters." in sent.body
    assert (run().state, run().rows) == ("empty", 0)
    assert alarms(store) == [("report_empty", str(schedule.pk))]
    item = Item.objects.get()
    assert item.detail == (
        "“Refunds of the month”, planned for 2026-02-03 08:00 (America/New_York). "
        "refunds-store-one-2026-01-01-2026-01-31.csv: nothing fits its filters."
    )
    at(utc(2026, 2, 10, 12))
    refunded(1, paid=utc(2026, 2, 10, 12))
    at(utc(2026, 3, 3, 13))
    drain()
    assert run().state == "sent"
    assert alarms(store) == []


@pytest.mark.usefixtures("january")
def test_a_mail_server_that_is_down_is_tried_again_then_held_with_an_alarm(
    scheduled: Any, author: Client, store: Any, at: Any, drain: Any, server: Any
) -> None:
    schedule = scheduled()
    server.fails = SMTPServerDisconnected("421 password=hunter22 try later")
    at(FIRST)
    drain()
    job = Job.objects.get(topic="reports.mail")
    assert (job.state, job.failures, run().state, alarms(store)) == ("waiting", 1, "mailing", [])
    wait_out(drain, at)
    job.refresh_from_db()
    assert (job.state, mail.outbox, job.attempts.count()) == ("held", [], mailing.MOST_FAILURES)
    assert run().state == "failed"
    assert "SMTPServerDisconnected: 421 password=[hidden] try later" in run().error
    assert "hunter22" not in run().error + job.error
    assert alarms(store) == [("report_failed", str(schedule.pk))]
    server.fails = None
    again = author.post(f"/reports/schedules/{schedule.pk}/runs/{run().pk}/again/", follow=True)
    assert "Tried again" in again.content.decode()
    drain()
    assert (run().state, run().error, len(mail.outbox), Export.objects.count()) == (
        "sent",
        "",
        1,
        1,
    )
    assert alarms(store) == []
    job.refresh_from_db()
    assert job.state == "done"


@pytest.mark.usefixtures("january")
def test_a_server_that_is_down_for_a_moment_costs_nothing(
    scheduled: Any, store: Any, at: Any, drain: Any, server: Any
) -> None:
    scheduled()
    server.fails = OSError("no route to host")
    at(FIRST)
    drain()
    server.fails = None
    at(FIRST + timedelta(minutes=1))
    drain()
    assert (run().state, len(mail.outbox), alarms(store)) == ("sent", 1, [])


THREE = {
    "recipients": "fin@example.com; gone@example.org, ana@example.net",
    "outside": ["gone@example.org", "ana@example.net"],
}


@pytest.mark.usefixtures("january")
def test_a_refused_recipient_keeps_no_other_from_getting_it(
    scheduled: Any, store: Any, at: Any, drain: Any, server: Any
) -> None:
    schedule = scheduled(**THREE)
    server.refuses = {"gone@example.org": (550, b"5.1.1 no such user")}
    at(FIRST)
    drain()
    assert [m.to for m in mail.outbox] == [["fin@example.com"], ["ana@example.net"]]
    assert (run().state, run().error) == (
        "failed",
        "sent to 2 of 3; gone@example.org: the mail server refuses it: 550 5.1.1 no such user",
    )
    assert alarms(store) == [("report_failed", str(schedule.pk))]
    wait_out(drain, at)
    assert len(mail.outbox) == 2


@pytest.mark.usefixtures("january")
def test_who_is_refused_for_now_gets_it_later_and_the_others_once(
    scheduled: Any, at: Any, drain: Any, server: Any
) -> None:
    scheduled(**THREE)
    server.refuses = {"gone@example.org": (450, b"greylisted")}
    at(FIRST)
    drain()
    assert [m.to[0] for m in mail.outbox] == ["fin@example.com", "ana@example.net"]
    assert run().state == "mailing"
    server.refuses = {}
    at(FIRST + timedelta(minutes=1))
    drain()
    assert [m.to[0] for m in mail.outbox][2:] == ["gone@example.org"]
    assert (run().state, sorted(run().sent_to)) == (
        "sent",
        ["ana@example.net", "fin@example.com", "gone@example.org"],
    )


@pytest.mark.usefixtures("january")
def test_a_worker_that_dies_after_sending_sends_twice_never_not_at_all(
    scheduled: Any, at: Any, drain: Any, monkeypatch: Any
) -> None:
    scheduled()
    at(FIRST)
    real = mailing._save
    saves: list[int] = []

    def dies(run: Any) -> None:
        saves.append(1)
        if len(saves) == 2:
            raise SystemExit
        real(run)

    monkeypatch.setattr(mailing, "_save", dies)
    with pytest.raises(SystemExit):
        drain()
    assert (len(mail.outbox), run().state) == (1, "mailing")
    for minutes in (5, 10):  # until the lease is over, and then the wait
        at(FIRST + timedelta(minutes=minutes))
        drain()
    assert (len(mail.outbox), run().state) == (2, "sent")
    ids = {message.extra_headers["Message-ID"] for message in mail.outbox}
    digest = hashlib.sha256(b"fin@example.com").hexdigest()[:12]
    assert ids == {f"<report-{run().pk}.{digest}@example.com>"}


@pytest.mark.usefixtures("january")
@pytest.mark.parametrize("delivery", ["file", "link"])
def test_a_link_leads_to_the_export_and_a_large_file_goes_as_one(
    scheduled: Any, at: Any, drain: Any, settings: Any, delivery: str
) -> None:
    settings.REPORT_MAIL_MOST_BYTES = 100 if delivery == "file" else 10**6
    scheduled(delivery=delivery)
    at(FIRST)
    drain()
    (sent,) = mail.outbox
    assert sent.attachments == []
    assert f"https://desk.example.com/reports/exports/{Export.objects.get().pk}/" in sent.body
    assert "It is kept until 2026-03-05 13:00 UTC." in sent.body
    assert ("too large for a mail" in sent.body) == (delivery == "file")
    assert run().delivery == "link"


def test_a_canceled_export_fails_the_run_and_trying_again_makes_a_new_one(
    scheduled: Any, author: Client, store: Any, at: Any, drain: Any, monkeypatch: Any
) -> None:
    schedule = scheduled()
    at(FIRST)
    schedule_runs.start_due()
    assert runner.run_next()
    export = Export.objects.get()
    assert exports.cancel_export(store_id=store.pk, pk=export.pk)
    drain()
    assert (run().state, run().error) == (
        "failed",
        "its export was canceled: try the run again",
    )
    assert alarms(store) == [("report_failed", str(schedule.pk))]
    author.post(f"/reports/schedules/{schedule.pk}/runs/{run().pk}/again/")
    drain()
    assert run().state == "empty"
    assert run().export != export
    assert run().export.query == export.query
    assert alarms(store) == [("report_empty", str(schedule.pk))]


def test_an_export_that_fails_fails_the_run(
    scheduled: Any, store: Any, at: Any, drain: Any, monkeypatch: Any
) -> None:
    scheduled()
    at(FIRST)

    def broken(*_: Any) -> Any:
        raise RuntimeError("no")

    monkeypatch.setattr(exports, "_read", broken)
    wait_out(drain, at)
    assert run().error == "its export is failed: it failed 5 times: RuntimeError"
    assert [kind for kind, _ in alarms(store)] == ["report_failed"]


def test_an_export_that_ended_without_a_word_is_found_by_the_sweep(
    scheduled: Any, at: Any, drain: Any, monkeypatch: Any
) -> None:
    scheduled()
    at(FIRST)
    monkeypatch.setattr(exports, "_tell_runs", lambda pk: None)
    schedule_runs.start_due()
    runner.run_due()
    assert (run().state, Export.objects.get().state) == ("exporting", "done")
    drain()
    assert run().state == "empty"


def _loses_role(store: Any) -> None:
    Membership.objects.filter(user__username="fin").update(role=Role.LEAD)


def _leaves(store: Any) -> None:
    Membership.objects.filter(user__username="fin").delete()


def _is_switched_off(store: Any) -> None:
    User.objects.filter(username="fin").update(is_active=False)


def _closes(store: Any) -> None:
    type(store).objects.filter(pk=store.pk).update(is_active=False)


def _upgrade(store: Any) -> None:
    from apps.reports.models import Schedule

    Schedule.objects.update(report="gone")


@pytest.mark.usefixtures("january")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_loses_role, "fin, in whose name it is sent, may not do that in this store any more"),
        (_leaves, "fin, in whose name it is sent, may not do that in this store any more"),
        (_is_switched_off, "fin, in whose name it is sent, may not do that"),
        (_closes, "the store Store One is not active: nothing is sent from it"),
        (_upgrade, "there is no report 'gone' any more"),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_what_may_not_be_sent_any_more_is_not_and_says_why(
    scheduled: Any, store: Any, at: Any, drain: Any, change: Any, why: str, is_late: bool
) -> None:
    schedule = scheduled()
    at(FIRST)
    if is_late:  # between the file and the mail
        schedule_runs.start_due()
        while not Job.objects.filter(topic="reports.mail").exists():
            assert runner.run_next()
    change(store)
    drain()
    assert mail.outbox == []
    if change is _upgrade and is_late:
        # The file is of the report that was there.
        why = "there is no report 'gone' any more"
    assert run().state == "failed"
    assert why in run().error
    assert alarms(store) == [("report_failed", str(schedule.pk))]
    at(utc(2026, 3, 3, 13))
    drain()
    assert mail.outbox == []


@pytest.mark.usefixtures("january")
def test_somebody_else_who_saves_it_takes_it_over(scheduled: Any, at: Any, drain: Any) -> None:
    schedule = scheduled(recipients="boss@example.com", outside=["boss@example.com"])
    _leaves(None)
    boss = person("boss", Role.ADMINISTRATOR)
    browser = Client()
    sign_in(browser, boss)
    at(FIRST)
    drain()
    assert run().state == "failed"
    page = browser.get(f"/reports/schedules/{schedule.pk}/change/")
    assert page.status_code == 200
    from tests.support.schedules import FORM

    values = {**FORM, "recipients": "boss@example.com", "outside": ["boss@example.com"]}
    sign_in(browser, boss)
    assert browser.post(f"/reports/schedules/{schedule.pk}/change/", values).status_code == 302
    browser.post(f"/reports/schedules/{schedule.pk}/runs/{run().pk}/again/")
    drain()
    assert run().state == "sent"
    assert "in the name of boss" in mail.outbox[0].body


@pytest.mark.usefixtures("january")
def test_who_left_the_store_gets_nothing_though_still_named(
    scheduled: Any, at: Any, drain: Any
) -> None:
    User.objects.filter(pk=person("ana", Role.LEAD).pk).update(email="ana@example.com")
    scheduled(recipients="ana@example.com fin@example.com")
    person("ana", Role.AGENT)
    at(FIRST)
    drain()
    assert [m.to for m in mail.outbox] == [["fin@example.com"]]
    assert run().error.startswith("sent to 1 of 2; ana@example.com: not sent: nobody of the store")


@pytest.mark.usefixtures("january")
def test_without_a_mail_server_nothing_is_called_sent(
    scheduled: Any, author: Client, at: Any, drain: Any, settings: Any
) -> None:
    schedule = scheduled()
    settings.EMAIL_IS_MISSING = True
    at(FIRST)
    drain()
    assert mail.outbox == []
    assert (run().state, run().error) == (
        "failed",
        "there is no mail server: set EMAIL_URL, then try the run again",
    )
    page = author.get(f"/reports/schedules/{schedule.pk}/").content.decode()
    assert "No mail can be sent." in page


def test_a_paused_or_deleted_schedule_sends_nothing(
    scheduled: Any, author: Client, at: Any, drain: Any
) -> None:
    paused, removed, going = scheduled(name="A"), scheduled(name="B"), scheduled(name="C")
    author.post(f"/reports/schedules/{paused.pk}/pause/")
    author.post(f"/reports/schedules/{removed.pk}/delete/")
    at(FIRST)
    drain()
    assert [one.schedule for one in ScheduleRun.objects.all()] == [going]
    at(FIRST + timedelta(days=1))
    author.post(f"/reports/schedules/{paused.pk}/resume/")
    drain()
    assert ScheduleRun.objects.count() == 1
    paused.refresh_from_db()
    assert paused.next_run_at == utc(2026, 3, 3, 13)
    author.post(f"/reports/schedules/{removed.pk}/resume/")
    removed.refresh_from_db()
    assert (removed.is_active, removed.next_run_at) == (False, None)


def test_a_deleted_schedule_does_not_send_what_is_under_way(
    scheduled: Any, author: Client, store: Any, at: Any, drain: Any
) -> None:
    schedule = scheduled()
    at(FIRST)
    schedule_runs.start_due()
    author.post(f"/reports/schedules/{schedule.pk}/delete/")
    drain()
    assert (mail.outbox, run().state, run().error) == ([], "failed", "the schedule was deleted")
    assert alarms(store) == []


@pytest.mark.usefixtures("january")
def test_a_slot_that_was_due_when_it_was_changed_still_counts(
    scheduled: Any, author: Client, at: Any, drain: Any
) -> None:
    from tests.support.schedules import FORM

    schedule = scheduled()
    at(FIRST + timedelta(minutes=10))
    values = {**FORM, "day_of_month": "4"}
    author.post(f"/reports/schedules/{schedule.pk}/change/", values)
    drain()
    assert [one.planned_at for one in ScheduleRun.objects.all()] == [FIRST]
    schedule.refresh_from_db()
    assert schedule.next_run_at == utc(2026, 2, 4, 13)


def test_a_name_cannot_add_headers(author: Client, at: Any, drain: Any, scheduled: Any) -> None:
    from apps.reports.models import Schedule

    schedule = scheduled()
    Schedule.objects.filter(pk=schedule.pk).update(name="Refunds\r\nBcc: evil@example.com")
    at(FIRST)
    drain()
    (sent,) = mail.outbox
    assert sent.subject.startswith("Refunds Bcc: evil@example.com: Jan 1")
    assert sent.recipients() == ["fin@example.com"]
    assert "\nBcc:" not in sent.message().as_string().split("\n\n")[0]


def test_the_clock_of_these_tests_is_a_monday() -> None:
    assert NOW.weekday() == 0

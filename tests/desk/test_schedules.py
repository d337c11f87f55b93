"""The screens of schedules: made from a report, looked at, changed, paused, sent now."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Membership, Role, User
from apps.attention.models import Item
from apps.reports.models import Schedule, ScheduleChange, ScheduleRun
from apps.stores.models import Store
from tests.support.people import person, sign_in
from tests.support.refunds import utc
from tests.support.schedules import FIRST, FORM, NOW

pytestmark = pytest.mark.django_db
NEW = "/reports/refunds/schedule/"


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def url(schedule: Schedule, more: str = "") -> str:
    return f"/reports/schedules/{schedule.pk}/{more}"


def test_a_report_is_scheduled_with_its_filters(author: Client) -> None:
    page = author.get("/reports/refunds/?period=last_week&currency=usd")
    link = re.search(r'href="(/reports/refunds/schedule/[^"]*)"', page.content.decode())
    assert link
    form = author.get(unescape(link[1]))
    text = form.content.decode()
    assert '<input type="hidden" name="query" value="period=last_week&amp;currency=usd"' in text
    assert '<option value="weekly" selected>Weekly</option>' in text
    assert '<option value="last_week" selected>Last week</option>' in text
    assert "fin@example.com</textarea>" in text
    values = {**FORM, "query": "currency=usd&period=last_week", "period": "last_month"}
    answer = author.post(NEW, values, follow=True)
    made = Schedule.objects.get()
    assert (made.query, made.next_run_at, made.author.username, made.outside) == (
        "period=last_month&currency=usd",
        FIRST,
        "fin",
        [],
    )
    shown = text_of(answer)
    assert "Saved: Refunds of the month." in shown
    assert "On day 3 of every month at 08:00 America/New_York" in shown
    assert "Currency usd" in shown
    listed = text_of(author.get("/reports/schedules/"))
    assert "Refunds of the month Refunds Last month, CSV On day 3 of every month" in listed
    assert "not sent yet 1 recipient" in listed


def test_the_filters_of_a_schedule_are_changed_on_its_form(scheduled: Any, author: Client) -> None:
    schedule = scheduled(query="period=last_month&currency=usd")
    form = author.get(url(schedule, "change/")).content.decode()
    assert re.search(r'<input type="text" name="filter-currency" value="usd"', form)
    assert "1 filter of Refunds" in form
    # Fields of the report called like the schedule's own stay apart from them.
    assert 'name="filter-status"' in form
    assert 'name="filter-since"' not in form
    changed = {
        **FORM,
        "query": schedule.query,
        "filters": "1",
        "filter-currency": "eur",
        "filter-status": "paid",
        "filter-brand": " ",
        "filter-since": "2026-01-01",
        "filter-unknown": "x",
    }
    assert author.post(url(schedule, "change/"), changed).status_code == 302
    schedule.refresh_from_db()
    assert schedule.query == "period=last_month&status=paid&currency=eur"
    text = text_of(author.get(url(schedule)))
    assert "Refunds of last month, Status: Paid, Currency: eur" in text
    assert ScheduleChange.objects.latest("pk").actor.username == "fin"
    none = {**FORM, "query": schedule.query, "filters": "1", "filter-currency": ""}
    assert author.post(url(schedule, "change/"), none).status_code == 302
    schedule.refresh_from_db()
    assert schedule.query == "period=last_month"


def test_a_filter_that_cannot_be_used_is_mended_where_it_stands(
    scheduled: Any, author: Client
) -> None:
    schedule = scheduled()
    wrong = {**FORM, "filters": "1", "filter-amount_from": "5", "filter-currency": "usd"}
    answer = author.post(url(schedule, "change/"), wrong)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "A filter cannot be used: its error stands beside it." in page
    assert "<details open>" in page
    assert "Choose which amount it is." in page
    assert re.search(r'<input type="text" name="filter-currency" value="usd"', page)
    schedule.refresh_from_db()
    assert schedule.query == "period=last_month"
    # What was kept and can no longer be used is shown, and can be mended.
    Schedule.objects.update(query="period=last_month&status=gone")
    page = author.get(url(schedule, "change/")).content.decode()
    assert "<details open>" in page
    mended = {**FORM, "query": "period=last_month&status=gone", "filters": "1"}
    assert author.post(url(schedule, "change/"), mended).status_code == 302


def test_days_that_are_named_give_way_to_a_period(author: Client) -> None:
    query = "since=2026-01-01&until=2026-01-31"
    assert "Last month" in text_of(author.get(f"{NEW}?{query}"))
    author.post(NEW, {**FORM, "query": query})
    assert Schedule.objects.get().query == "period=last_month"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "Write a name"),
        ({"name": "Refunds\nBcc: evil@example.com"}, "The name holds a line break"),
        ({"recipients": ""}, "Name at least one address."),
        ({"recipients": ",;"}, "Name at least one e-mail address."),
        ({"recipients": "fin@example.com, nobody"}, "'nobody' is no e-mail address"),
        ({"recipients": "a@example.com\nBcc:b@example.com"}, "'Bcc:b@example.com' is no e-mail"),
        ({"recipients": " ".join(f"a{n}@example.com" for n in range(21))}, "21 addresses"),
        ({"day_of_month": "32"}, "32 is not one of the available choices"),
        ({"cadence": "daily"}, "daily is not one of the available choices"),
        ({"query": "amount_from=5"}, "A filter cannot be used: its error stands beside it."),
    ],
)
def test_what_cannot_be_used_is_named_and_not_saved(
    author: Client, changes: dict[str, str], said: str
) -> None:
    answer = author.post(NEW, {**FORM, **changes})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert Schedule.objects.count() == 0
    assert author.post(NEW, FORM).status_code == 302


def test_addresses_outside_are_named_and_allowed_one_by_one(author: Client, store: Store) -> None:
    """An agent works here, and may not see reports."""
    User.objects.filter(pk=person("ana", Role.AGENT).pk).update(email="ana@example.com")
    User.objects.filter(pk=person("lea", Role.LEAD).pk).update(email="Lea@Example.com")
    asked = {**FORM, "recipients": "lea@example.com, ana@example.com, tax@firm.example"}
    answer = author.post(NEW, {**asked, "outside": "tax@firm.example"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Outside of Store One." in text_of(answer)
    assert re.findall(r'name="outside" value="([^"]*)"( checked)?', text) == [
        ("ana@example.com", ""),
        ("tax@firm.example", " checked"),
    ]
    assert Schedule.objects.count() == 0
    allowed = {**asked, "outside": ["ana@example.com", "tax@firm.example"]}
    assert author.post(NEW, allowed).status_code == 302
    made = Schedule.objects.get()
    assert made.outside == ["ana@example.com", "tax@firm.example"]
    assert ScheduleChange.objects.get().summary == (
        "Made: “Refunds of the month”, on day 3 of every month at 08:00, CSV, the file itself, "
        "Refunds of last month, to lea@example.com, ana@example.com, tax@firm.example; "
        "outside the store: ana@example.com, tax@firm.example"
    )
    assert "2 outside" in text_of(author.get("/reports/schedules/"))
    # An address that is put in later is not allowed with the others.
    more = {**allowed, "recipients": f"{allowed['recipients']} new@firm.example"}
    again = author.post(url(made, "change/"), more)
    assert again.status_code == 422
    assert '<input type="checkbox" id="outside-3" name="outside" value="new@firm.example">' in (
        again.content.decode()
    )


def test_addresses_outside_need_a_fresh_proof_and_others_do_not(author: Client) -> None:
    stale = Client()
    sign_in(stale, User.objects.get(username="fin"), seconds_ago=3600)
    values = {**FORM, "recipients": "tax@firm.example", "outside": "tax@firm.example"}
    answer = stale.post(NEW, values)
    assert answer.status_code == 403
    assert "Confirm that it is you" in text_of(answer)
    assert Schedule.objects.count() == 0
    assert stale.post(NEW, FORM).status_code == 302
    assert author.post(NEW, values).status_code == 302


def test_a_change_says_what_it_was_changed_to_and_by_whom(scheduled: Any, author: Client) -> None:
    schedule = scheduled()
    form = author.get(url(schedule, "change/")).content.decode()
    assert '<option value="3" selected>3</option>' in form
    assert "fin@example.com</textarea>" in form
    changed = {**FORM, "cadence": "weekly", "weekday": "4", "hour": "17", "delivery": "link"}
    assert author.post(url(schedule, "change/"), changed).status_code == 302
    schedule.refresh_from_db()
    assert schedule.next_run_at == utc(2026, 2, 6, 22)
    text = text_of(author.get(url(schedule)))
    assert "Changed to: “Refunds of the month”, every Friday at 17:00, CSV, a link to it" in text
    author.post(url(schedule, "change/"), changed)
    assert "Saved again, unchanged" in text_of(author.get(url(schedule)))


def test_send_now_sends_once_however_often_it_is_pressed(
    scheduled: Any, author: Client, at: Any, drain: Any
) -> None:
    schedule = scheduled()
    page = author.get(url(schedule)).content.decode()
    assert '<input type="hidden" name="newest_run" value="0">' in page
    first = author.post(url(schedule, "send/"), {"newest_run": "0"}, follow=True)
    assert "Being sent" in text_of(first)
    assert 'id="live" hx-get=' in first.content.decode()
    second = author.post(url(schedule, "send/"), {"newest_run": "0"}, follow=True)
    assert "was sent meanwhile" in text_of(second)
    drain()
    run = ScheduleRun.objects.get()
    assert (run.state, run.asked_by and run.asked_by.username, len(mail.outbox)) == (
        "empty",
        "fin",
        1,
    )
    shown = author.get(url(schedule))
    assert "asked for by fin" in text_of(shown)
    assert f'href="/reports/exports/{run.export_id}/"' in shown.content.decode()
    at(NOW + timedelta(minutes=1))
    author.post(url(schedule, "send/"), {"newest_run": str(run.pk)})
    assert ScheduleRun.objects.count() == 2
    schedule.refresh_from_db()
    assert schedule.next_run_at == FIRST


def test_send_now_leaves_the_slot_that_is_due_alone(
    scheduled: Any, author: Client, at: Any, drain: Any
) -> None:
    schedule = scheduled()
    at(utc(2026, 2, 3, 13, 5))
    author.post(url(schedule, "send/"), {"newest_run": "0"})
    drain()
    assert sorted(one.planned_at for one in ScheduleRun.objects.all()) == [
        FIRST,
        utc(2026, 2, 3, 13, 5),
    ]


def test_a_failed_run_stands_on_the_page_and_among_what_needs_attention(
    scheduled: Any, author: Client, at: Any, drain: Any
) -> None:
    schedule = scheduled()
    Membership.objects.filter(user__username="fin").update(role=Role.LEAD)
    at(FIRST)
    drain()
    page = author.get(url(schedule))
    assert "The newest run failed." in text_of(page)
    assert "Try again" not in text_of(page)
    who = "those that failed needs one of these roles: Finance, Administrator."
    assert f"Scheduling reports and working on {who}" in text_of(page)
    item = Item.objects.get()
    about = author.get(f"/attention/{item.pk}/")
    assert f'href="/reports/schedules/{schedule.pk}/"' in about.content.decode()
    assert "A scheduled report was not sent" in text_of(about)
    assert "somebody with one of these roles must save the schedule again" in text_of(about)
    assert f'href="/reports/schedules/{schedule.pk}/"' in (
        author.get("/attention/").content.decode()
    )


def test_a_deleted_schedule_leaves_the_list_and_keeps_its_page(
    scheduled: Any, author: Client
) -> None:
    schedule = scheduled()
    assert "What was sent stays in its log." in text_of(author.get(url(schedule, "delete/")))
    author.post(url(schedule, "delete/"))
    assert "Nothing is sent by itself yet." in text_of(author.get("/reports/schedules/"))
    page = text_of(author.get(url(schedule)))
    assert "Deleted" in page
    assert "Send now" not in page
    for verb in ("send/", "pause/", "resume/"):
        answer = author.post(url(schedule, verb), {"newest_run": "0"}, follow=True)
        assert "was deleted: make a new one from its report" in text_of(answer)
    assert "It cannot be changed" in text_of(author.get(url(schedule, "change/"), follow=True))
    assert ScheduleRun.objects.count() == 0


def test_a_report_that_is_gone_is_said_to_be_gone(scheduled: Any, author: Client) -> None:
    schedule = scheduled()
    Schedule.objects.update(report="gone")
    assert "gone not there any more" in text_of(author.get(url(schedule)))
    assert "gone" in text_of(author.get("/reports/schedules/"))
    assert "its report is not there any more" in text_of(
        author.get(url(schedule, "change/"), follow=True)
    )


def test_more_rows_cost_no_more_queries(scheduled: Any, author: Client, drain: Any) -> None:
    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert author.get(address).status_code == 200
        return len(found)

    def send(schedule: Schedule) -> None:
        newest = schedule.runs.order_by("-pk").first()
        author.post(url(schedule, "send/"), {"newest_run": newest.pk if newest else 0})
        drain()

    first = scheduled()
    send(first)
    one_listed, one_run = count("/reports/schedules/"), count(url(first))
    for _ in range(2):
        send(scheduled(recipients="fin@example.com lea@example.com", outside=["lea@example.com"]))
    assert count("/reports/schedules/") == one_listed
    for n, run in enumerate(ScheduleRun.objects.all()):
        planned_at = FIRST + timedelta(days=n)
        ScheduleRun.objects.filter(pk=run.pk).update(schedule=first, planned_at=planned_at)
    assert first.runs.count() == 3
    assert count(url(first)) == one_run


def test_what_is_not_there_is_not_found(author: Client, scheduled: Any) -> None:
    scheduled()
    for address in ("/reports/schedules/999/", "/reports/gone/schedule/", f"{'9' * 30}/"):
        assert author.get(address).status_code == 404
    assert author.post("/reports/schedules/1/runs/999/again/").status_code == 404

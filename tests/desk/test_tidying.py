"""What the screens keep for a while only is thrown away, a bounded piece at a time; no money is."""

import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import sessions
from apps.accounts.models import AccessChange, Role, User
from apps.common import clock
from apps.desk import tidying
from apps.desk.models import BulkRow, BulkRun
from apps.desk.tasks import tidy as tidy_task
from apps.refunds.models import Payout, Refund, RefundRequest
from apps.stores.models import Store
from apps.timeline.models import Event
from tests.desk.test_lists import fill, three  # noqa: F401
from tests.support.people import person, sign_in

pytestmark = pytest.mark.django_db
MONEY = (Refund, Payout, RefundRequest, Event, AccessChange)


@pytest.fixture
def lea(store: Store) -> User:
    """Somebody with a password."""
    user = person("lea", Role.LEAD)
    user.set_password("correct horse battery")
    user.save()
    return user


def run_of(store: Store, user: User, *results: str, days: float) -> BulkRun:
    """An action on as many rows as it has results, `days` ago."""
    run = BulkRun.objects.create(
        token=uuid.uuid4(), store=store, person=user, list_name="refunds", action="cancel"
    )
    BulkRun.objects.filter(pk=run.pk).update(created_at=clock.now() - timedelta(days=days))
    for position, result in enumerate(results):
        BulkRow.objects.create(
            run=run, position=position, subject=position, label="x", url="/", result=result
        )
    return run


def test_runs_that_are_over_go_after_their_time(store: Store, lea: User, settings: Any) -> None:
    old = run_of(store, lea, "done", "refused", "failed", days=91)
    waits = run_of(store, lea, "done", "waiting", days=400)
    recent = run_of(store, lea, "done", days=89)
    assert tidying.tidy() == tidying.Tidied(runs=1, sessions=0)
    assert set(BulkRun.objects.values_list("pk", flat=True)) == {waits.pk, recent.pk}
    assert not BulkRow.objects.filter(run_id=old.pk).exists()
    settings.BULK_RUNS_KEPT_DAYS = 88
    assert tidying.tidy().runs == 1
    assert BulkRun.objects.get() == waits
    waits.rows.update(result="done")
    assert tidying.tidy().runs == 1
    assert tidying.tidy().count == 0


def test_what_was_done_stays_with_its_money(three: Store, lead: Client) -> None:  # noqa: F811
    keys = list(Refund.objects.values_list("pk", flat=True))
    sent = {"action": "approve", "row": keys, "confirmed": "yes", "token": str(uuid.uuid4())}
    outcome = lead.post("/lists/refunds/bulk/", sent)["Location"]
    assert lead.get(outcome).status_code == 200
    BulkRun.objects.update(created_at=clock.now() - timedelta(days=91))
    before = [list(model.objects.order_by("pk").values()) for model in MONEY]
    assert before[0]
    assert before[1]
    assert tidying.tidy().runs == 1
    assert [list(model.objects.order_by("pk").values()) for model in MONEY] == before
    assert lead.get(outcome).status_code == 404


def test_one_round_is_bounded(store: Store, lea: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_MOST_RUNS", 2)
    monkeypatch.setattr(sessions, "_MOST_ENDED", 2)
    for _ in range(3):
        run_of(store, lea, "done", days=100)
        sign_in(Client(), lea)
    Session.objects.update(expire_date=clock.now() - timedelta(minutes=1))
    UserSession.objects.all().delete()
    with CaptureQueriesContext(
        connection,
    ) as first:
        assert tidying.tidy() == tidying.Tidied(runs=2, sessions=2)
    assert len(first) < 20
    assert tidying.tidy() == tidying.Tidied(runs=1, sessions=1)
    assert tidying.tidy().count == 0


def test_a_draft_goes_with_the_session_of_the_stranger(
    store: Store, lea: User, settings: Any
) -> None:
    browser = Client()
    said = {"username": "lea", "password": "correct horse battery"}
    browser.post("/login/", said)
    browser.get("/orders/")
    Session.objects.all().delete()
    browser.post("/returns/RMA-1/cancel/", {"reason": "they called"})
    kept = Session.objects.get()
    assert kept.get_decoded()["draft"]["fields"] == [["reason", "they called"]]
    left = kept.expire_date - clock.now()
    assert timedelta(hours=71) < left <= timedelta(hours=72)
    tidying.tidy()
    assert Session.objects.get() == kept
    Session.objects.update(expire_date=clock.now() - timedelta(seconds=1))
    assert tidying.tidy().sessions >= 1
    assert not Session.objects.exists()


def test_a_session_does_not_end_with_its_draft_once_somebody_signed_in(
    store: Store, lea: User, settings: Any
) -> None:
    browser = Client()
    said = {"username": "lea", "password": "correct horse battery", "next": "/resume/"}
    browser.post("/login/", said)
    browser.get("/orders/")
    Session.objects.all().delete()
    browser.post("/returns/RMA-1/cancel/", {"reason": "they called"})
    assert browser.post("/login/", said)["Location"] == "/resume/"
    assert "they called" in browser.get("/resume/").content.decode()
    assert Session.objects.get().expire_date - clock.now() > timedelta(days=13)
    settings.DRAFTS_KEPT_HOURS = 0
    assert browser.get("/resume/")["Location"] == "/"
    assert "draft" not in browser.session


def test_the_list_of_sessions_forgets_those_that_ended(store: Store, lea: User) -> None:
    browser, gone = Client(), Client()
    for window in (browser, gone):
        window.post("/login/", {"username": "lea", "password": "correct horse battery"})
    Session.objects.filter(session_key=gone.session.session_key).delete()
    assert UserSession.objects.count() == 2
    assert tidying.tidy().sessions == 0
    UserSession.objects.update(last_seen_at=clock.now() - timedelta(hours=2))
    assert tidying.tidy().sessions == 1
    assert UserSession.objects.get().session_key == browser.session.session_key
    assert browser.get("/account/").status_code == 200


def test_drain_and_the_schedule_tidy(store: Store, lea: User, settings: Any) -> None:
    assert settings.CELERY_BEAT_SCHEDULE["tidy"] == {"task": "desk.tidy", "schedule": 600.0}
    assert tidy_task.name == "desk.tidy"
    run_of(store, lea, "done", days=91)
    assert tidy_task() == 1
    run_of(store, lea, "done", days=91)
    said = io.StringIO()
    call_command("drain", stdout=said)
    assert said.getvalue() == (
        "inbox: 0 processed; outbox: 0 jobs run; screens: 1 old row thrown away\n"
    )
    said = io.StringIO()
    call_command("drain", stdout=said)
    assert said.getvalue() == "inbox: 0 processed; outbox: 0 jobs run\n"

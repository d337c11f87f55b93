"""Nudges: the broker may be down, slow or gone; no request fails or waits for it."""

import threading
import time
from typing import Any

import pytest
from django.db import transaction

from apps.common import nudge
from apps.inbox.models import Delivery
from tests.support import builders

_hand_over_for_real = nudge._send


class Broker:
    """Stands in for Celery's application."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: Exception | None = None
        self.asked = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def send_task(self, name: str, **options: Any) -> None:
        assert options == {"retry": False}
        self.asked.set()
        assert self.may_go_on.wait(30)
        if self.error:
            raise self.error
        self.sent.append(name)


@pytest.fixture
def broker(monkeypatch):
    broker = Broker()
    monkeypatch.setattr(nudge, "current_app", broker)
    monkeypatch.setattr(nudge, "_sender", nudge._Sender())
    monkeypatch.setattr(nudge, "_send", _hand_over_for_real)
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "")
    yield broker
    broker.may_go_on.set()


def eventually(is_so):
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.django_db(transaction=True)
def test_a_stored_message_nudges_a_worker(broker, send_rma):
    assert send_rma(builders.rma()).status_code == 200
    eventually(lambda: broker.sent == ["inbox.process_due"])


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_does_not_answer_holds_no_request_up(broker, send_rma):
    broker.may_go_on.clear()
    for number in range(3):
        assert send_rma(builders.rma(f"RMA-{number}")).status_code == 200
    assert broker.asked.wait(10)
    assert broker.sent == []  # it was asked, it hangs, and three requests are through
    assert Delivery.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_fails_fails_no_request_and_is_left_alone_for_a_while(
    broker, send_rma, monkeypatch, caplog
):
    broker.error = ConnectionError("redis://:s3cret@redis refused")
    assert send_rma(builders.rma("RMA-1")).status_code == 200
    eventually(lambda: nudge._sender._quiet_until > time.monotonic())
    broker.error = None
    assert send_rma(builders.rma("RMA-2")).status_code == 200
    time.sleep(0.05)
    assert broker.sent == []
    assert "waits for its sweep" in caplog.text

    nudge._sender._quiet_until = 0.0  # the quiet time is over
    assert send_rma(builders.rma("RMA-3")).status_code == 200
    eventually(lambda: broker.sent == ["inbox.process_due"])


def test_nudges_that_wait_together_are_one(broker):
    broker.may_go_on.clear()
    nudge._sender.hand_over("first")
    assert broker.asked.wait(10)
    for _ in range(100):
        nudge._sender.hand_over("a")
        nudge._sender.hand_over("b")
    broker.may_go_on.set()
    eventually(lambda: len(broker.sent) == 3)
    time.sleep(0.02)
    assert sorted(broker.sent) == ["a", "b", "first"]


@pytest.mark.django_db(transaction=True)
def test_work_that_is_rolled_back_nudges_nobody(broker):
    with transaction.atomic():
        nudge.nudge_after_commit("rolled.back")
        transaction.set_rollback(True)
    with transaction.atomic():
        nudge.nudge_after_commit("committed")
        assert not broker.asked.is_set()
    eventually(lambda: broker.sent == ["committed"])


def test_a_sender_whose_thread_is_gone_starts_another(broker):
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    nudge._sender._thread = dead  # what a fork leaves behind
    nudge._sender.hand_over("after.fork")
    eventually(lambda: broker.sent == ["after.fork"])

"""Several workers at one inbox, on PostgreSQL: each delivery is in one pair of hands at a time."""

import threading
import time
from collections import Counter

import pytest

from apps.inbox import processing
from apps.inbox.handlers import HANDLERS
from apps.inbox.models import Delivery
from tests.support import builders
from tests.support.threads import in_parallel

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def at_work(monkeypatch):
    """Notes who is in work, and fails where two are at the same delivery."""
    lock, running, done, clashes = threading.Lock(), Counter(), Counter(), []
    handle, identify = HANDLERS["rma"]

    def noting(delivery, content):
        with lock:
            running[delivery.pk] += 1
            if running[delivery.pk] > 1:
                clashes.append(delivery.pk)
        time.sleep(0.02)
        try:
            return handle(delivery, content)
        finally:
            with lock:
                running[delivery.pk] -= 1
                done[delivery.pk] += 1

    monkeypatch.setitem(HANDLERS, "rma", (noting, identify))
    return done, clashes


def test_eight_workers_and_one_delivery(at_work, send_rma):
    done, clashes = at_work
    send_rma(builders.rma())
    worked = in_parallel(8, lambda _: processing.process_next())
    assert sorted(worked) == [False] * 7 + [True]
    assert clashes == []
    assert list(done.values()) == [1]
    assert Delivery.objects.get().attempts == 1


def test_eight_workers_and_forty_deliveries(at_work, send_rma):
    done, clashes = at_work
    for number in range(40):
        send_rma(builders.rma(f"RMA-{number}"))

    def work(_):
        idle = count = 0
        while idle < 3:
            if processing.process_next():
                count, idle = count + 1, 0
            else:
                idle += 1
        return count

    assert sum(in_parallel(8, work)) == 40
    assert clashes == []
    assert set(done.values()) == {1}
    assert Delivery.objects.filter(state="processed", attempts=1).count() == 40


def test_the_same_body_from_many_callers_at_once_is_one_delivery(send_rma):
    message = builders.rma()
    answers = in_parallel(16, lambda _: send_rma(message).status_code)
    assert answers == [200] * 16
    assert Delivery.objects.get().copies == 16

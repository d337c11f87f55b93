"""Several workers at one outbox, on PostgreSQL."""

import threading
import time
from collections import Counter

import pytest
from django.db import connections, transaction

from apps.outbox import runner, services
from apps.outbox.models import Job
from apps.outbox.types import done, retry
from apps.stores.models import Store
from tests.outbox.conftest import TOPIC
from tests.support.threads import in_parallel

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


class Aside:
    """Work in a thread with a connection of its own."""

    def __init__(self, work):
        self.result = None
        self.thread = threading.Thread(target=self._run, args=(work,))
        self.thread.start()

    def _run(self, work):
        try:
            self.result = work()
        finally:
            connections.close_all()

    def is_blocked(self):
        self.thread.join(0.3)
        return self.thread.is_alive()

    def finish(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.result


def test_a_job_is_claimed_once(handler, enqueue):
    for key in range(30):
        enqueue(key)

    def claim_all(_):
        claimed = []
        while (job := services.claim_next()) is not None:
            claimed.append(job.key)
        return claimed

    claims = [key for keys in in_parallel(8, claim_all) for key in keys]
    assert sorted(Counter(claims).values()) == [1] * 30
    assert Job.objects.filter(state="in_flight").count() == 30


def test_one_key_is_never_in_two_pairs_of_hands(handler, enqueue):
    lock, flying, clashes = threading.Lock(), Counter(), []

    def work(job):
        with lock:
            flying[job.key] += 1
            if flying[job.key] > 1:
                clashes.append(job.key)
        time.sleep(0.01)
        enqueue_some()
        with lock:
            flying[job.key] -= 1
        return done()

    left = [40]

    def enqueue_some():
        with lock:
            left[0] -= 1
            if left[0] < 0:
                return
        enqueue(left[0] % 3)

    handler.end = work
    for key in range(3):
        enqueue(key)

    def run(_):
        idle = 0
        while idle < 5:
            if runner.run_next():
                idle = 0
            else:
                idle += 1
                time.sleep(0.01)

    in_parallel(6, run)
    assert clashes == []
    assert not Job.objects.exclude(state="done").exists()
    assert len(handler.jobs) >= 3


def test_a_cause_that_is_not_committed_yet_keeps_the_waiting_job_from_being_claimed(
    handler, enqueue, store
):
    """The job would run without seeing the cause, and the cause would have no job."""
    enqueue()
    with transaction.atomic():
        services.enqueue(store_id=store.pk, topic=TOPIC, key=1)
        worker = Aside(services.claim_next)
        assert worker.is_blocked()
    assert worker.finish() is not None


def test_a_cause_meets_a_job_that_is_being_claimed(handler, enqueue, store):
    """It waits for the claim's commit and then makes a job of its own."""
    enqueue()
    with transaction.atomic():
        assert services.claim_next() is not None
        cause = Aside(enqueue)
        assert cause.is_blocked()
    cause.finish()
    assert sorted(Job.objects.values_list("state", flat=True)) == ["in_flight", "waiting"]


def test_a_cause_whose_twins_job_is_claimed_before_it_commits_gets_a_job_of_its_own(
    handler, enqueue, store, monkeypatch
):
    """Two causes at once: one's row is refused as the second; until it looks at the other's,
    that one has been claimed."""
    real, here, looks = services._bring_forward, threading.current_thread(), []

    def interleaved(waiting, due_at):
        if threading.current_thread() is not here:
            return real(waiting, due_at)
        looks.append(None)
        if len(looks) == 2:
            assert Aside(services.claim_next).finish() is not None  # ... and a worker has it
        found = real(waiting, due_at)
        if len(looks) == 1:
            Aside(enqueue).finish()  # the twin commits its job ...
        return found

    monkeypatch.setattr(services, "_bring_forward", interleaved)
    with transaction.atomic():
        services.enqueue(store_id=store.pk, topic=TOPIC, key=1)
    assert len(looks) == 2
    assert sorted(Job.objects.values_list("state", flat=True)) == ["in_flight", "waiting"]


def test_a_job_that_fails_while_a_newer_cause_commits_is_taken_over_by_it(handler, enqueue, store):
    enqueue()
    claimed = services.claim_next()
    with transaction.atomic():
        services.enqueue(store_id=store.pk, topic=TOPIC, key=1)
        worker = Aside(lambda: services.finish(claimed=claimed, result=retry("busy")))
        assert worker.is_blocked()
    worker.finish()
    older, newer = Job.objects.order_by("pk")
    assert (older.state, older.attempts.get().outcome) == ("done", "retry")
    assert (newer.state, newer.failures, newer.error) == ("waiting", 1, "busy")


def test_many_causes_at_once_are_one_job(handler, enqueue):
    in_parallel(12, lambda _: enqueue())
    assert Job.objects.get().state == "waiting"
    assert runner.run_due() == 1


def test_no_cause_is_lost_between_enqueuing_and_claiming(handler, enqueue, store):
    """Each cause changes something in the transaction that enqueues, and each run notes what it
    sees. Whatever the timing, the last run has seen the change."""
    seen = []

    def look(job):
        seen.append(Store.objects.get(pk=store.pk).charges_return_shipping)
        return done()

    handler.end = look
    for round_number in range(15):
        Store.objects.filter(pk=store.pk).update(charges_return_shipping=False)
        enqueue()

        def step(number, pause=0.001 * (round_number % 4)):
            if number == 0:
                with transaction.atomic():
                    Store.objects.filter(pk=store.pk).update(charges_return_shipping=True)
                    services.enqueue(store_id=store.pk, topic=TOPIC, key=1)
                    time.sleep(pause)
            else:
                runner.run_next()

        in_parallel(4, step)
        runner.run_due()
        assert seen[-1] is True, f"round {round_number}"


def test_two_sweeps_at_once_free_an_expired_lease_once(handler, enqueue):
    enqueue()
    services.claim_next()
    Job.objects.update(lease_until="2026-01-01T00:00:00Z")
    assert sorted(in_parallel(4, lambda _: services.release_expired_leases())) == [0, 0, 0, 1]
    assert Job.objects.get().failures == 1

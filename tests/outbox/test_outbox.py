"""The outbox: coalescing, order, retries, leases, holds."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.common.http import OpenTransaction, refuse_open_transaction
from apps.outbox import queries, runner, services
from apps.outbox.models import Attempt, Job
from apps.outbox.rules import LEASE_SECONDS, retry_delay
from apps.outbox.types import done, hold, retry
from tests.outbox.conftest import START, TOPIC

pytestmark = pytest.mark.django_db


def states(**chosen):
    return list(Job.objects.filter(**chosen).order_by("pk").values_list("state", flat=True))


# --- Enqueuing and coalescing ------------------------------------------------------------------


def test_a_job_is_done_once(handler, enqueue, store):
    enqueue(7, label="ORD-7")
    assert runner.run_due() == 1
    assert runner.run_due() == 0
    [job] = handler.jobs
    assert (job.topic, job.key, job.store_id, job.failures) == (TOPIC, "7", store.pk, 0)
    row = Job.objects.get()
    assert (row.state, row.label, row.error) == ("done", "ORD-7", "")
    assert row.finished_at is not None
    attempt = row.attempts.get()
    assert (attempt.number, attempt.outcome) == (1, "done")


def test_causes_that_wait_together_are_one_job(handler, enqueue):
    for _ in range(3):
        enqueue(1)
    enqueue(2)
    assert states() == ["waiting", "waiting"]
    assert runner.run_due() == 2
    assert handler.keys == ["1", "2"]


def test_a_cause_after_the_work_is_another_job(handler, enqueue):
    enqueue()
    runner.run_due()
    enqueue()
    assert runner.run_due() == 1
    assert states() == ["done", "done"]


def test_a_cause_while_the_job_is_in_flight_runs_again_afterwards_and_not_beside_it(
    handler, enqueue
):
    def busy(job):
        if len(handler.jobs) == 1:
            enqueue()
            enqueue()
            assert states() == ["in_flight", "waiting"]
            assert runner.run_next() is False  # nothing may overtake the one in flight
        return done()

    handler.end = busy
    enqueue()
    assert runner.run_due() == 2
    assert handler.keys == ["1", "1"]
    assert states() == ["done", "done"]


def test_many_keys_in_flight_do_not_hide_a_job_that_is_free(handler, enqueue):
    for key in range(30):
        enqueue(key)
        assert services.claim_next() is not None
        enqueue(key)
    enqueue("free")
    assert runner.run_due() == 1
    assert handler.keys == ["free"]


def test_the_database_itself_refuses_a_second_of_either(store):
    def make(state):
        return Job.objects.create(store=store, topic=TOPIC, key="1", state=state, not_before=START)

    for state in ("waiting", "in_flight"):
        make(state)
        with pytest.raises(IntegrityError), transaction.atomic():
            make(state)
    for state in ("done", "held"):
        make(state)
        make(state)
    assert Job.objects.count() == 6


def test_a_cause_that_is_rolled_back_leaves_no_job(handler, store):
    with transaction.atomic():
        services.enqueue(store_id=store.pk, topic=TOPIC, key=1)
        transaction.set_rollback(True)
    assert Job.objects.count() == 0


def test_jobs_are_done_in_the_order_they_are_due(handler, enqueue, frozen):
    enqueue("late", not_before=START + timedelta(seconds=2))
    enqueue("early", not_before=START + timedelta(seconds=1))
    enqueue("now")
    frozen.shift(5)
    runner.run_due()
    assert handler.keys == ["now", "early", "late"]


def test_a_job_for_later_is_not_done_before_and_an_earlier_cause_brings_it_forward(
    handler, enqueue, frozen
):
    enqueue(1, not_before=START + timedelta(hours=1))
    enqueue(2, not_before=START + timedelta(hours=1))
    frozen.shift(3599.999)
    assert runner.run_due() == 0
    enqueue(2)
    assert runner.run_due() == 1
    assert handler.keys == ["2"]
    frozen.shift(0.001)
    assert runner.run_due() == 1


def test_a_later_cause_does_not_put_a_job_off(handler, enqueue, frozen):
    enqueue()
    enqueue(not_before=START + timedelta(hours=1))
    assert runner.run_due() == 1


# --- Retries -----------------------------------------------------------------------------------


def waited(frozen):
    return (Job.objects.get(state="waiting").not_before - START).total_seconds()


def test_a_failed_job_is_not_picked_up_before_its_time(handler, enqueue, frozen):
    handler.end = lambda job: retry("busy", status_code=503, response_body="later")
    enqueue()
    assert runner.run_due() == 1
    job = Job.objects.get()
    assert (job.state, job.failures, job.error) == ("waiting", 1, "busy")
    assert 2.5 <= waited(frozen) <= 7.5
    attempt = job.attempts.get()
    assert (attempt.outcome, attempt.status_code, attempt.response_body) == ("retry", 503, "later")

    handler.end = lambda job: done()
    frozen.move_to(job.not_before - timedelta(milliseconds=1))
    assert runner.run_due() == 0
    assert len(handler.jobs) == 1
    frozen.move_to(job.not_before)
    assert runner.run_due() == 1
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    assert handler.jobs[1].failures == 1
    assert [a.outcome for a in job.attempts.all()] == ["retry", "done"]


def test_the_waits_grow_from_failure_to_failure(handler, enqueue, frozen):
    handler.end = lambda job: retry("busy")
    enqueue()
    for failures in range(1, 15):
        assert runner.run_due() == 1
        job = Job.objects.get()
        assert job.failures == failures
        attempt = job.attempts.get(number=failures)
        wait = (job.not_before - attempt.finished_at).total_seconds()
        plain = min(3600, 5 * 2 ** (failures - 1))
        assert 0.5 * plain <= wait <= 1.5 * plain
        frozen.move_to(job.not_before)


@given(st.integers(-5, 10_000), st.floats(0.001, 3600))
def test_the_delay_is_within_its_bounds(failures, base):
    plain = min(3600.0, base * 2.0 ** (min(max(failures, 1), 31) - 1))
    assert 0.5 * plain <= retry_delay(failures, base) <= 1.5 * plain


def test_jobs_that_failed_together_do_not_come_back_together():
    delays = {retry_delay(3, 5.0) for _ in range(50)}
    assert len(delays) > 40
    assert max(delays) - min(delays) > 5


def test_a_new_cause_does_not_undo_the_backoff(handler, enqueue, frozen):
    handler.end = lambda job: retry("busy")
    enqueue()
    runner.run_due()
    before = Job.objects.get()
    enqueue()
    after = Job.objects.get()
    assert (after.not_before, after.failures) == (before.not_before, 1)
    assert runner.run_due() == 0


def test_a_cause_that_came_while_it_failed_waits_as_long_and_counts_the_failures(
    handler, enqueue, frozen
):
    def fails(job):
        enqueue(label="newer")
        return retry("busy")

    handler.end = fails
    enqueue(label="older")
    assert runner.run_due() == 1
    older, newer = Job.objects.order_by("pk")
    assert (older.state, newer.state) == ("done", "waiting")
    assert (newer.failures, newer.error) == (1, "busy")
    assert newer.not_before >= START + timedelta(seconds=2.5)
    assert runner.run_due() == 0


def test_success_starts_the_count_anew(handler, enqueue, frozen):
    handler.end = lambda job: retry("busy") if len(handler.jobs) < 3 else done()
    enqueue()
    for _ in range(3):
        runner.run_due()
        frozen.shift(100)
    enqueue()
    assert Job.objects.get(state="waiting").failures == 0


# --- Handlers that raise -----------------------------------------------------------------------


def test_a_handler_that_raises_keeps_its_traceback_and_is_tried_again(handler, enqueue, frozen):
    def crash(job):
        raise RuntimeError("Authorization: Bearer s3cr3t-token \x00 \ud800")

    handler.end = crash
    enqueue()
    assert runner.run_due() == 1
    job = Job.objects.get()
    assert (job.state, job.failures) == ("waiting", 1)
    assert "Traceback (most recent call last)" in job.error
    assert "in crash" in job.error
    assert "RuntimeError: Authorization: Bearer [hidden] \\x00 \\ud800" in job.error
    assert job.attempts.get().error == job.error
    handler.end = lambda job: done()
    frozen.shift(10)
    assert runner.run_due() == 1
    assert states() == ["done"]


def test_a_failing_job_does_not_block_the_others(handler, enqueue, frozen):
    def one_fails(job):
        if job.key == "bad":
            raise RuntimeError
        return done()

    handler.end = one_fails
    for key in ("a", "bad", "b"):
        enqueue(key)
    assert runner.run_due() == 3
    assert [Job.objects.get(key=key).state for key in ("a", "bad", "b")] == [
        "done",
        "waiting",
        "done",
    ]


def test_a_topic_that_nobody_does_waits_and_says_so(store, enqueue, handler):
    with transaction.atomic():
        services.enqueue(store_id=store.pk, topic="test.unknown", key=1)
    enqueue()
    assert runner.run_due() == 2
    job = Job.objects.get(topic="test.unknown")
    assert job.state == "waiting"
    assert "no handler is registered for topic 'test.unknown'" in job.error
    assert handler.keys == ["1"]


@pytest.mark.django_db(transaction=True)
def test_jobs_are_not_run_inside_a_transaction(handler, enqueue):
    handler.end = lambda job: done() if refuse_open_transaction("x") is None else hold("open")
    enqueue()
    runner.run_due()
    assert states() == ["done"]
    enqueue(2)
    with transaction.atomic():
        runner.run_next()
    assert OpenTransaction.__name__ in Job.objects.get(key="2").error
    assert handler.keys == ["1"]


# --- Leases ------------------------------------------------------------------------------------


def test_a_job_whose_worker_fell_silent_is_done_again_after_its_lease(handler, enqueue, frozen):
    enqueue()
    assert services.claim_next() is not None  # and the worker dies
    assert runner.run_due() == 0
    frozen.shift(120)
    assert runner.run_due() == 0
    assert states() == ["in_flight"]
    frozen.shift(0.001)
    assert runner.run_due() == 0  # freed, and it waits like after any failure
    job = Job.objects.get()
    assert (job.state, job.failures) == ("waiting", 1)
    assert "fell silent" in job.error
    frozen.move_to(job.not_before)
    assert runner.run_due() == 1
    assert [a.outcome for a in Attempt.objects.all()] == ["lease_expired", "done"]


def test_a_silent_worker_does_not_hold_up_newer_causes_for_ever(handler, enqueue, frozen):
    enqueue()
    services.claim_next()
    enqueue()
    assert runner.run_due() == 0
    frozen.shift(121)
    assert services.release_expired_leases() == 1
    assert states() == ["done", "waiting"]
    frozen.shift(10)
    assert runner.run_due() == 1


def test_a_long_handler_holds_its_job_anew(handler, enqueue, frozen):
    told = []

    def works_long(job):
        for _ in range(5):
            frozen.shift(LEASE_SECONDS - 1)
            told.append(services.extend_lease(job))
            told.append(services.release_expired_leases())
        return done()

    handler.end = works_long
    enqueue()
    assert runner.run_due() == 1
    assert told == [True, 0] * 5
    assert states() == ["done"]
    assert [attempt.outcome for attempt in Attempt.objects.all()] == ["done"]


def test_a_lease_that_has_run_out_is_not_extended(handler, enqueue, frozen):
    enqueue()
    slow = services.claim_next()
    frozen.shift(LEASE_SECONDS + 1)
    assert services.release_expired_leases() == 1
    assert services.extend_lease(slow) is False
    assert states() == ["waiting"]
    frozen.shift(3600)
    other = services.claim_next()
    assert services.extend_lease(slow) is False
    assert services.extend_lease(other) is True


def test_a_worker_that_lost_its_lease_does_not_overwrite_the_new_runs_result(
    handler, enqueue, frozen
):
    enqueue()
    slow = services.claim_next()
    frozen.shift(121)
    services.release_expired_leases()
    frozen.shift(10)
    assert runner.run_due() == 1
    before = Job.objects.values().get()
    assert before["state"] == "done"
    for late in (retry("too late"), hold("too late"), done()):
        services.finish(claimed=slow, result=late)
        assert Job.objects.values().get() == before


def test_a_worker_that_lost_its_lease_does_not_touch_the_run_in_flight(handler, enqueue, frozen):
    enqueue()
    slow = services.claim_next()
    frozen.shift(121)
    services.release_expired_leases()
    frozen.shift(10)
    fresh = services.claim_next()
    services.finish(claimed=slow, result=done())
    assert states() == ["in_flight"]
    services.finish(claimed=fresh, result=retry("busy"))
    assert states() == ["waiting"]


def test_a_job_that_was_put_back_meanwhile_is_not_claimed_before_its_time(
    handler, enqueue, frozen, monkeypatch
):
    """Two workers saw it due; one has tried it already when the other gets to it."""
    handler.end = lambda job: retry("busy")
    enqueue()
    seen = Job.objects.get().pk
    runner.run_due()
    assert services._claim(seen) is None
    assert states() == ["waiting"]
    frozen.shift(10)
    assert services._claim(seen) is not None


# --- Held jobs ---------------------------------------------------------------------------------


@pytest.fixture
def held(handler, enqueue, frozen):
    handler.end = lambda job: hold(
        "Optoro answered 422", status_code=422, details=[{"field": "sku", "code": "invalid"}]
    )
    enqueue()
    runner.run_due()
    handler.end = lambda job: done()
    return Job.objects.get()


def test_a_held_job_stays_held_and_says_why(held, handler, frozen):
    assert (held.state, held.error) == ("held", "Optoro answered 422")
    assert held.error_details == [{"field": "sku", "code": "invalid"}]
    assert held.attempts.get().outcome == "held"
    frozen.shift(10**6)
    assert runner.run_due() == 0


def test_a_new_cause_runs_although_one_is_held(held, handler, enqueue):
    enqueue()
    assert runner.run_due() == 1
    assert states() == ["held", "done"]


def test_resending_runs_it_at_once_and_ends_the_held_one(held, handler):
    services.resend(job=held)
    assert states() == ["done", "waiting"]
    assert runner.run_due() == 1
    assert states() == ["done", "done"]


def test_resending_does_not_wait_for_the_backoff(handler, enqueue, frozen):
    handler.end = lambda job: retry("busy")
    enqueue()
    runner.run_due()
    assert runner.run_due() == 0
    services.resend(job=Job.objects.get())
    assert Job.objects.get().failures == 0
    assert runner.run_due() == 1


def test_resending_twice_is_one_job(held, handler):
    services.resend(job=held)
    services.resend(job=held)
    assert runner.run_due() == 1


def test_resending_what_is_in_flight_runs_it_again_afterwards(handler, enqueue):
    def person_clicks(job):
        if len(handler.jobs) == 1:
            services.resend(job=Job.objects.get())
        return done()

    handler.end = person_clicks
    enqueue()
    assert runner.run_due() == 2


def test_held_jobs_of_a_subject_that_has_worked_are_ended(held, handler, enqueue, store):
    handler.end = lambda job: hold("no")
    enqueue(2)
    runner.run_due()
    services.clear_held(topic=TOPIC, key=1)
    assert [Job.objects.get(key=key).state for key in ("1", "2")] == ["done", "held"]


# --- Looking -----------------------------------------------------------------------------------


def test_the_age_of_the_oldest_due_job_and_what_needs_a_look(handler, enqueue, frozen, store):
    assert queries.oldest_due_at() is None
    enqueue("later", not_before=START + timedelta(hours=1))
    assert queries.oldest_due_at() is None
    enqueue("now")
    frozen.shift(30)
    assert queries.oldest_due_at() == START
    handler.end = lambda job: retry("busy")
    runner.run_due()
    assert [job.key for job in queries.held_or_failing(store.pk)] == ["now"]
    assert list(queries.held_or_failing(store.pk + 1)) == []
    assert [job.key for job in queries.jobs_of(store.pk)] == ["now", "later"]


def test_evidence_is_kept_without_secrets(handler, enqueue):
    handler.end = lambda job: done(
        request_body='{"order": 1}', response_body='{"access_token": "s3cr3t"}\x00', status_code=202
    )
    enqueue()
    assert runner.run_due() == 1
    attempt = Attempt.objects.get()
    assert attempt.request_body == '{"order": 1}'
    assert attempt.response_body == '{"access_token": "[hidden]"}\\x00'
    assert attempt.status_code == 202

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import transaction

from apps.outbox import registry, services
from apps.outbox.types import ClaimedJob, Result, done

TOPIC = "test.topic"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Handler:
    """Does the jobs of the tests: notes each, and ends as it is told."""

    def __init__(self) -> None:
        self.jobs: list[ClaimedJob] = []
        self.end: Callable[[ClaimedJob], Result] = lambda job: done()

    def __call__(self, job: ClaimedJob) -> Result:
        self.jobs.append(job)
        return self.end(job)

    @property
    def keys(self) -> list[str]:
        return [job.key for job in self.jobs]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Handler:
    handler = Handler()
    monkeypatch.setitem(registry._handlers, TOPIC, handler)
    return handler


@pytest.fixture
def frozen() -> Any:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def enqueue(store: Any) -> Callable[..., None]:
    """Enqueues a job in a transaction of its own, as callers do."""

    def put(key: object = 1, **options: Any) -> None:
        with transaction.atomic():
            services.enqueue(store_id=store.pk, topic=TOPIC, key=key, **options)

    return put

"""What a handler of jobs gets and gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.outbox.models import Outcome


@dataclass
class ClaimedJob:
    """A job that this worker holds until `lease_until` (UTC), which `services.extend_lease` moves
    on."""

    job_id: int
    attempt_id: int
    store_id: int
    topic: str
    key: str
    failures: int
    lease_until: datetime


@dataclass(frozen=True)
class Result:
    """How an attempt ended. Make one with `done`, `retry` or `hold`."""

    outcome: Outcome
    error: str = ""
    details: list[dict[str, Any]] = field(default_factory=list)
    status_code: int | None = None
    request_body: str = ""
    response_body: str = ""


def done(**evidence: Any) -> Result:
    """The work is finished."""
    return Result(Outcome.DONE, **evidence)


def retry(error: str, **evidence: Any) -> Result:
    """It did not work this time; try again later, waiting longer each time."""
    return Result(Outcome.RETRY, error=error, **evidence)


def hold(error: str, **evidence: Any) -> Result:
    """It cannot work unless something changes; a person must look."""
    return Result(Outcome.HELD, error=error, **evidence)


Handler = Callable[[ClaimedJob], Result]

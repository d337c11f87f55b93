"""Whatever happens, in whatever order: drawn sequences of messages, requests, decisions, payments
and deaths, watched after every step.

`STATEFUL_EXAMPLES=2000 make test ARGS=tests/stateful` draws as many examples, from the seed
`STATEFUL_SEED` on; `STATEFUL_STEPS` is how long each of them is. What fails is shown as it was
drawn, with its seed; `STATEFUL_SHRINK=1` makes it as short as can be, which takes minutes.
"""

import logging
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

import apps.publisher.services  # noqa: F401 - its fault points are to be found
from apps.accounts.models import Role
from tests.stateful import weather
from tests.stateful.machine import NAMES, Outsiders, Returns
from tests.support.people import person

pytestmark = pytest.mark.django_db

# Hypothesis would rather vary what it drew before, and few examples must be as different as can be:
# each has a seed of its own. The first of two is always the simplest one there is.
EXAMPLE = settings(
    max_examples=2,
    stateful_step_count=int(os.environ.get("STATEFUL_STEPS", "30")),
    database=None,
    deadline=None,
    phases=[Phase.generate] + [Phase.shrink] * bool(os.environ.get("STATEFUL_SHRINK")),
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
ROLES = dict(zip(NAMES, (Role.AGENT, Role.AGENT, Role.LEAD, Role.ADMINISTRATOR), strict=True))
MANY = 30
# Without these the test would say nothing.
MUST_BE_SEEN = {
    "api refund made",
    "approved by a person",
    "cancellation asked for",
    "canceled by a person",
    "desk refund made",
    "died",
    "excluded",
    "flagged",
    "gateway ok",
    "key repeated",
    "key reused",
    "own approval refused",
    "optoro ok",
    "request refused",
}


def _seeds() -> range:
    first = int(os.environ.get("STATEFUL_SEED", "0"))
    return range(first, first + int(os.environ.get("STATEFUL_EXAMPLES", MANY)))


def test_money_stays_whole_whatever_happens(
    send_order: Any, send_rma: Any, optoro: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    weather.set_up(monkeypatch)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    outsiders = Outsiders()
    outsiders.send_order, outsiders.send_rma, outsiders.optoro = send_order, send_rma, optoro
    outsiders.people = {name: (person(name, role).pk, role) for name, role in ROLES.items()}
    outsiders.seen = Counter()
    monkeypatch.setattr(Returns, "outsiders", outsiders, raising=False)
    for number in _seeds():
        try:
            run_state_machine_as_test(seed(number)(Returns), settings=EXAMPLE)
        except BaseException:
            print(f"found with seed {number}, after {sorted(outsiders.seen.items())}")
            raise
    print(sorted(outsiders.seen.items()))
    if len(_seeds()) >= MANY:
        assert set(outsiders.seen) >= MUST_BE_SEEN, sorted(outsiders.seen.items())

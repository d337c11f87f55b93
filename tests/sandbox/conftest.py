"""Fixtures: a sandbox that delivers by hand, and one whose courier works against a fake desk."""

from collections.abc import Iterator

import pytest

from apps.sandbox.server import SimulatedOptoro, simulated_optoro
from tests.sandbox.helpers import Caller, FakeDesk, fake_desk


@pytest.fixture
def optoro() -> Iterator[SimulatedOptoro]:
    with simulated_optoro(desk_url="http://127.0.0.1:9", workers=0, seed=1) as running:
        yield running


@pytest.fixture
def caller(optoro: SimulatedOptoro) -> Caller:
    return Caller(optoro)


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    with fake_desk() as running:
        yield running

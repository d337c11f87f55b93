"""Schedules to send: made through the desk's own form, and a clock to wait on."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from apps.accounts.models import Role, User
from apps.reports.models import Schedule
from tests.support.people import person, sign_in
from tests.support.refunds import utc

# A Monday; the store's clock is New York's, five hours behind.
NOW = utc(2026, 2, 2, 15)
FORM = {
    "query": "",
    "name": "Refunds of the month",
    "period": "last_month",
    "format": "csv",
    "cadence": "monthly",
    "weekday": "0",
    "day_of_month": "3",
    "hour": "8",
    "delivery": "file",
    "recipients": "fin@example.com",
}
# Its first slot: February 3, 08:00 in New York.
FIRST = utc(2026, 2, 3, 13)


@pytest.fixture
def at(store: Any) -> Iterator[Callable[[datetime], None]]:
    """Sets the clock; it begins at NOW, in a store in New York."""
    store.time_zone = "America/New_York"
    store.save()
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel.move_to


@pytest.fixture
def author(at: Any) -> Client:
    """A browser of somebody in finance, who has an address."""
    user = person("fin", Role.FINANCE)
    User.objects.filter(pk=user.pk).update(email="fin@example.com")
    browser = Client()
    sign_in(browser, user)
    return browser


@pytest.fixture
def scheduled(author: Client) -> Callable[..., Schedule]:
    """Makes a schedule through the form; what differs from FORM is named."""

    def make(**changes: Any) -> Schedule:
        answer = author.post("/reports/refunds/schedule/", {**FORM, **changes})
        assert answer.status_code == 302, answer.content.decode()
        return Schedule.objects.latest("pk")

    return make

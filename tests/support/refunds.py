"""Refunds to report on: decided by the desk, then put on the days that a test is about."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person, sign_in


@pytest.fixture
def refunded(optoro: Any, send_order: Any, send_rma: Any, drain: Any) -> Callable[..., Refund]:
    """Takes an order and its return in, has its units refunded, and returns the refund; `paid`
    and others are moments that the refund is dated to afterwards."""

    def make(
        number: int = 1, *, units: Any = None, order: Any = None, rma: Any = None, **dates: Any
    ) -> Refund:
        name = f"ORD-{number}"
        send_order(builders.order(identifier=name, **(order or {})))
        units = units or [builders.unit(name, cents=13056)]
        send_rma(builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT", **(rma or {})))
        drain()
        refund = Refund.objects.get(rma_identifier=f"RMA-{number}")
        fields = {"paid": "paid_at", "decided": "created_at", "reported": "reported_at"}
        changes = {fields.get(key, f"{key}_at"): moment for key, moment in dates.items()}
        Refund.objects.filter(pk=refund.pk).update(**changes)
        refund.refresh_from_db()
        return refund

    return make


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.fixture
def finance(store: Store) -> Client:
    """A browser of somebody in finance."""
    browser = Client()
    sign_in(browser, person("fin", Role.FINANCE))
    return browser

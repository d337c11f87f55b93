"""A running desk, a Chromium in front of it, and people of every role who sit there.

The browser runs for all tests of this folder that one process has, and ends with the last of them:
while it runs, Django would take the thread for one of asyncio's and refuse it the database.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from apps.accounts.models import Role
from apps.common import clock
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.browser.windows import CHROMIUM, PROGRAMS, Windows, launch
from tests.desk.conftest import PARCEL, admin, person, world  # noqa: F401 - fixtures
from tests.support import builders
from tests.support.optoro import FakeOptoro
from tests.support.wishes import transaction


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need a browser, and a database that other threads see."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine."""
    if not CHROMIUM:
        pytest.skip(f"there is no Chromium on this machine: none of {', '.join(PROGRAMS)}")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def windows(chromium: Browser, transactional_db: None, live_server: Any) -> Iterator[Windows]:
    """Windows at the running desk; in the end nothing may have gone wrong in any of them."""
    opened = Windows(chromium, live_server.url)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def sit(
    windows: Windows,
    store: Store,
    person: Callable[..., Client],  # noqa: F811
) -> Callable[..., Page]:
    """Opens a window where a person of a role is signed in."""
    clients: dict[Role, Client] = {}

    def open_as(role: Role = Role.AGENT, **options: Any) -> Page:
        if role not in clients:
            clients[role] = person((store, role), name=role.value, password=f"{role}-password")
        return windows.open(clients[role], **options)

    return open_as


@pytest.fixture
def parcel(
    store: Store,
    optoro: FakeOptoro,
    send_order: Callable[..., Any],
    send_rma: Callable[..., Any],
    drain: Callable[[], str],
) -> Callable[..., None]:
    """Tells of a parcel on its way back: ORD-n of four shirts at $130.56, paid by card, all four in
    RMA-n. The store refunds on receipt."""
    store.refund_trigger = "receipt"
    store.time_zone = "America/New_York"
    store.save()

    def tell(number: int = 1, *, is_known: bool = False, **changes: Any) -> None:
        name = f"ORD-{number}"
        if not is_known:
            paid = transaction(f"CARD-{number}", 52224, gateway="credit_card", type="SALE")
            assert send_order(builders.order(name, transactions=[paid])).status_code == 200
        box = {"tracking_number": f"{PARCEL[:-1]}{number}", "package_tracking_status": "TRANSIT"}
        unit = {**box, **changes.pop("unit", {})}
        units = [builders.unit(name, **unit) for _ in range(4)]
        assert send_rma(builders.rma(f"RMA-{number}", units, **changes)).status_code == 200
        drain()

    return tell


@pytest.fixture
def hold_ends(drain: Callable[[], str]) -> Callable[[], None]:
    """Ten minutes later: what was held is due, and worked off."""

    def end() -> None:
        Refund.objects.filter(status="approved").update(payment_due_at=clock.now())
        Job.objects.filter(state="waiting").update(not_before=clock.now())
        drain()

    return end


def booked() -> list[tuple[str, int, str]]:
    """The gateway's book: order, cents and outcome of every payment it ever saw, oldest first."""
    rows = SimulatedPayment.objects.order_by("pk")
    return [(row.order_identifier, row.amount_cents, row.outcome) for row in rows]

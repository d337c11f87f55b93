"""Pages of one thing cost the same number of queries with one row under it and with three; those
that are counted beside other tests of theirs stand there."""

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.attention.models import Item
from apps.common import clock
from apps.inbox.models import Delivery
from apps.outbox.models import Attempt
from apps.refunds.models import Refund
from apps.rmas.models import RmaUnit
from apps.stores.models import Store
from tests.desk.conftest import deliver, open_payout, take, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


@pytest.fixture
def approving(store: Store, optoro: FakeOptoro) -> Store:
    """The store, where every refund waits for a person."""
    store.refund_trigger = "manual"
    store.save()
    return store


def refund_of(store: Store, number: int) -> Refund:
    """A refund of that many lines, which waits for approval."""
    order = f"ORD-{number}"
    take(store, identifier=order, lines=[builders.line(str(n + 1)) for n in range(number)])
    units = [builders.unit(order, str(n + 1)) for n in range(number)]
    deliver(store, builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT"))
    work_off()
    return Refund.objects.get(rma_identifier=f"RMA-{number}")


def unit_of(refund: Refund) -> RmaUnit:
    return RmaUnit.objects.filter(rma=refund.rma).earliest("pk")


def raw_message(refund: Refund) -> str:
    return f"/raw/delivery/{Delivery.objects.get(subject=refund.rma_identifier).pk}/"


def raw_attempt(refund: Refund) -> str:
    sent = Attempt.objects.filter(job__key=str(refund.order_id), job__topic="order.snapshot")
    return f"/raw/attempt/{sent.latest('pk').pk}/"


PAGES: dict[str, tuple[int, Callable[[Refund], str]]] = {
    "refund": (15, lambda r: f"/refunds/{r.identifier}/"),
    "approve": (13, lambda r: f"/refunds/{r.identifier}/approve/"),
    "cancel": (6, lambda r: f"/refunds/{r.identifier}/cancel/"),
    "payout": (7, lambda r: f"/refunds/{r.identifier}/payments/{open_payout(r).pk}/"),
    "exclude": (11, lambda r: f"/returns/{r.rma_identifier}/units/{unit_of(r).pk}/exclude/"),
    "raw message": (5, raw_message),
    "raw attempt": (5, raw_attempt),
    "policy-edit": (6, lambda r: "/policies/brand/change/"),
    "keys": (4, lambda r: "/keys/"),
}


def queries_of(browser: Client, url: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("page", list(PAGES))
def test_more_rows_cost_no_more_queries(page: str, approving: Store, lead: Client) -> None:
    expected, url_of = PAGES[page]
    one, three = refund_of(approving, 1), refund_of(approving, 3)
    assert (one.lines.count(), three.lines.count()) == (1, 3)
    found = [queries_of(lead, url_of(refund)) for refund in (one, three)]
    assert found == [expected, expected]


def test_more_mentions_cost_no_more_queries(
    approving: Store, lead: Client, person: Callable[..., Client]
) -> None:
    bo = person((approving, Role.AGENT), name="bo")
    refund_of(approving, 1)
    found = []
    for number in (1, 2):
        for n in range(number):
            lead.post("/orders/ORD-1/case/note/", {"text": f"@bo look {number}.{n}"})
        found.append(queries_of(bo, "/mentions/"))
    assert bo.get("/mentions/").content.count(b"<li data-row>") == 3
    assert found == [5, 5]


def test_more_closed_items_cost_no_more_queries(approving: Store, lead: Client) -> None:
    found = []
    for numbers in ((1,), (2, 3)):
        for n in numbers:
            deliver(approving, f"not json {n}".encode())
        work_off()
        Item.objects.update(resolved_at=clock.now())
        found.append(queries_of(lead, "/attention/?state=closed"))
    assert Item.objects.count() == 3
    assert found == [8, 8]

"""The receipt that a shopper can be given: what was refunded and how, nothing internal."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.common import clock
from apps.outbox.models import Job
from apps.payments.models import SimulatedPayment
from apps.refunds.models import Refund
from apps.stores.models import Store
from tests.desk.conftest import deliver, take, work_off
from tests.desk.test_making import NEW, make, payments, typed
from tests.support import builders
from tests.support.optoro import FakeOptoro

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


def url_of(refund: Refund) -> str:
    return f"/refunds/{refund.identifier}/receipt/"


def pay() -> None:
    Refund.objects.update(payment_due_at=clock.now())
    Job.objects.update(not_before=clock.now())
    work_off()


def test_a_receipt_tells_what_was_paid_back_and_nothing_internal(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    order = take(store, identifier="ORD-1", transactions=payments())
    make(lead, typed(order, "1", note="she shouted", reason="Angry caller"))
    refund = Refund.objects.get()
    early = text_of(lead.get(url_of(refund)))
    assert "No receipt. The refund is approved: there is a receipt once it is paid." in early
    assert "$130.56" not in early
    pay()
    page = text_of(lead.get(url_of(refund)))
    gift, card = SimulatedPayment.objects.order_by("-amount_cents")
    assert "Order ORD-1 For Ada Example" in page
    assert f"Refund {refund.identifier} Paid" in page
    assert "Black T-Shirt 1 $2.56 $130.56 Paid to you $130.56" in page
    assert f"$100.00 back to your gift card reference {gift.reference}" in page
    assert f"$30.56 back to your credit card reference {card.reference}" in page
    for secret in ("she shouted", "Angry caller", "ana"):
        assert not re.search(rf"\b{secret}\b", page), secret
    detail = lead.get(f"/refunds/{refund.identifier}/").content.decode()
    assert f'href="{url_of(refund)}"' in detail


def test_a_receipt_of_a_return_shows_its_tax(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit()], tracking="TRANSIT"))
    pay()
    page = text_of(lead.get(url_of(Refund.objects.get())))
    assert "Return RMA-1" in page
    assert re.search(r"Black T-Shirt 1 \$\d+\.\d\d \$130\.56", page)
    assert (
        "Tax is the sales tax in what was refunded, in the proportion in which it was paid." in page
    )


@pytest.mark.parametrize(("count", "queries"), [(1, 8), (3, 8)])
def test_more_lines_cost_no_more_queries(
    count: int, queries: int, store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    lines = [builders.line(str(n + 1)) for n in range(count)]
    order = take(store, identifier="ORD-1", lines=lines)
    values = {f"quantity_{line.pk}": "1" for line in order.lines.all()}
    make(lead, {**values, "destination": "original_payment", "reason": "Never arrived"}, NEW)
    pay()
    with CaptureQueriesContext(connection) as found:
        assert "Paid to you" in text_of(lead.get(url_of(Refund.objects.get())))
    assert len(found) == queries

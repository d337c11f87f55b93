"""The orders of the simulated shop go through the desk and are accepted by the simulated Optoro."""

import random

import pytest

from apps.outbox.models import Job
from apps.sandbox.shop import Shop
from tests.flows.conftest import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_order_of_the_shop_reaches_optoro_as_it_is_sent(desk, play):
    optoro = play()
    shop = Shop(random.Random(11))
    made = [shop.new_order() for _ in range(40)]
    for order in made:
        for snapshot in order.snapshots:
            desk.post_order(snapshot)
    until(lambda: not Job.objects.filter(state="waiting").exists(), drain=desk.drain)
    assert [job.error for job in Job.objects.filter(state="held")] == []
    assert optoro.books.violations == []
    published = set(optoro.books.orders)
    shipped = {
        order.final["identifier"]
        for order in made
        if order.final["status"] == "Canceled"
        or any(item["quantity_shipped"] for item in order.final["items"])
    }
    assert published == shipped
    assert len(published) > 30

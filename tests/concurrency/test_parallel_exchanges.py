"""On PostgreSQL, with real threads and real commits: one exchange order, one answer."""

import pytest

from apps.attention.models import Item
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.inbox.models import Delivery
from apps.timeline.models import Event
from tests.support import builders
from tests.support.exchange_requests import post, request, variant
from tests.support.threads import in_parallel

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(store, send_order):
    send_order(builders.order(secondary_identifier="WEB-1"))
    variant(store)
    return store


def assert_one_is_placed(answers) -> None:
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert len({answer.content for answer in answers}) == 1
    assert (ExchangeOrder.objects.count(), ExchangeLine.objects.count()) == (1, 1)
    assert answers[0].content.decode() == ExchangeOrder.objects.get().answer_body
    assert Event.objects.filter(kind="exchange.placed").count() == 1


def test_32_identical_requests_at_once_place_one_order(shop):
    answers = in_parallel(32, lambda number: post(request()))
    assert_one_is_placed(answers)
    delivery = Delivery.objects.get()
    assert (delivery.copies, delivery.state) == (32, "processed")
    assert not Item.objects.exists()


def test_32_requests_of_two_kinds_at_once_place_one_order_and_ask_one_person(shop):
    bodies = [request(), request("WEB-1", note="the other one")]
    answers = in_parallel(32, lambda number: post(bodies[number % 2]))
    assert_one_is_placed(answers)
    assert Item.objects.get().kind == "exchange_collision"
    assert Event.objects.filter(kind="exchange.collision").count() == 1
    assert ExchangeCollision.objects.get().copies == 16
    assert sorted(Delivery.objects.values_list("copies", "state")) == [(16, "processed")] * 2


def test_requests_and_snapshots_of_the_order_at_once_do_not_lock_each_other_out(
    shop, send_order, send_rma, drain
):
    send_rma(builders.rma())
    drain()

    def play(number: int):
        if number % 2:
            return post(request())
        return send_order(builders.order(updated_at=f"2026-02-01T00:00:{number:02d}Z"))

    answers = in_parallel(24, play)
    assert [answer.status_code for answer in answers] == [200] * 24
    assert_one_is_placed(answers[1::2])


def test_orders_whose_exchange_orders_would_bear_one_name(store, send_order):
    variant(store)
    names = ["O" * 253 + letter + "1" for letter in "ABCDEFGH"]
    send_order(*(builders.order(name) for name in names))
    answers = in_parallel(8, lambda number: post(request(names[number])))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["order_identifier"] for answer in answers}) == 8

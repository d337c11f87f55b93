"""On PostgreSQL, with real threads and real commits: one exchange order, one answer."""

import pytest

from apps.attention.models import Item
from apps.exchanges import services
from apps.exchanges.lineage import paying_orders
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.refunds.models import Refund
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


def test_a_name_that_an_order_takes_in_another_transaction_meanwhile_is_not_given(
    shop, send_order, monkeypatch
):
    make = services._exchange_order

    def made_slowly(*args):
        in_parallel(1, lambda number: send_order(builders.order("ORD-1-X")))
        return make(*args)

    monkeypatch.setattr(services, "_exchange_order", made_slowly)
    assert post(request()).json()["order_identifier"] == "ORD-1-X2"
    stranger = Order.objects.get(identifier="ORD-1-X")
    assert paying_orders([stranger])[stranger.pk] == stranger


def test_outside_refunds_of_exchange_orders_and_returns_at_once_do_not_lock_each_other_out(
    shop, send_order, send_rma, drain, optoro
):
    """Snapshots lock the exchange order, evaluations and payments both orders: and yet each of
    them comes to its end."""
    post(request())
    send_order(builders.order("ORD-1-X"))
    send_rma(builders.rma(units=[builders.unit("ORD-1-X")], tracking="TRANSIT"))

    def play(number: int):
        if number % 2:
            drain()
            return None
        refund = {
            "identifier": f"OUT-{number}",
            "total_refund_amount_cents": 100,
            "refund_line_items": [],
            "created_at": "2026-01-25T10:00:00Z",
        }
        changes = {"refunds": [refund], "updated_at": f"2026-02-01T00:00:{number:02d}Z"}
        return send_order(builders.order("ORD-1-X", **changes)).status_code

    codes = in_parallel(16, play)
    assert codes[::2] == [200] * 8
    drain()
    assert not Job.objects.exclude(error="").exists()
    assert set(Refund.objects.values_list("paid_order__identifier", flat=True)) == {"ORD-1"}


@pytest.mark.parametrize("attempt", range(5))
def test_two_orders_that_take_the_name_at_once_are_both_known_to_have_it(
    attempt, shop, send_order, store
):
    """Whose it is nobody knows then. The later one must not see only itself."""
    post(request())

    def take(number: int):
        name = f"OMS-{number}"
        return send_order(builders.order(name, secondary_identifier="ORD-1-X")).status_code

    assert in_parallel(2, take) == [200, 200]
    assert ExchangeOrder.objects.get().own_order_status == ""
    assert send_order(builders.order("OMS-0", updated_at="2026-02-01T00:00:00Z")).status_code == 200
    assert ExchangeOrder.objects.get().own_order_status == "Shipped"

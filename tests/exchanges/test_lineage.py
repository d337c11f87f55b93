"""Which mirrored order an exchange order is, and whose payment its goods are paid back from."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps as registry

from apps.exchanges.lineage import descended_from, paying_orders
from apps.exchanges.models import ExchangeOrder
from apps.exchanges.own_status import keep_own_status
from apps.exchanges.queries import (
    exchange_orders_of_order,
    in_status,
    own_order_of,
    with_wrong_status,
)
from apps.exchanges.rules import status_of
from apps.orders.models import Order
from apps.payments.models import SimulatedPayment
from tests.support import builders
from tests.support.exchange_requests import post, request, variant

pytestmark = pytest.mark.django_db

NEWER = "2026-02-01T00:00:00Z"
STATUSES = ("placed", "shipped", "canceled")


@pytest.fixture
def placed(shop):
    """The exchange order ORD-1-X of ORD-1."""
    assert post(request()).json()["order_identifier"] == "ORD-1-X"
    return ExchangeOrder.objects.get()


def own_order(placed):
    """What is said of an exchange order's own order. What is kept with it, what the filters find
    and what the reconciler works out must agree with that."""
    own = own_order_of(placed)
    rows = ExchangeOrder.objects.filter(pk=placed.pk)
    kept = rows.get().own_order_status
    assert kept == (own.status if own else "")
    assert [name for name in STATUSES if in_status(rows, name).exists()] == [status_of(kept)]
    assert not with_wrong_status(rows).exists()
    return str(own) if own else None


def own_order_though_changed_by_hand(placed):
    """The same, after an order's row was changed without a message."""
    for order in Order.objects.all():
        keep_own_status(order, former_secondary_identifier="")
    return own_order(placed)


def payer(identifier):
    order = Order.objects.get(identifier=identifier)
    return str(paying_orders([order])[order.pk])


def descendants(identifier):
    return [str(order) for order in descended_from(Order.objects.get(identifier=identifier))]


def test_it_is_the_order_of_its_identifier(placed, send_order):
    assert (own_order(placed), descendants("ORD-1")) == (None, [])
    send_order(builders.order("ORD-1-X"))
    assert own_order(placed) == "ORD-1-X"
    assert (payer("ORD-1-X"), payer("ORD-1")) == ("ORD-1", "ORD-1")
    assert (descendants("ORD-1"), descendants("ORD-1-X")) == (["ORD-1-X"], [])


def test_it_is_the_order_that_alone_has_it_as_its_secondary_identifier(placed, send_order):
    send_order(builders.order("OMS-77", secondary_identifier="ORD-1-X", status="Canceled"))
    assert own_order(placed) == "OMS-77"
    assert (payer("OMS-77"), descendants("ORD-1")) == ("ORD-1", ["OMS-77"])
    own = Order.objects.get(identifier="OMS-77")
    assert list(exchange_orders_of_order(own)) == [placed]


def test_a_secondary_identifier_that_two_orders_have_is_neither_of_them(placed, send_order):
    send_order(*(builders.order(name, secondary_identifier="ORD-1-X") for name in ("A", "B")))
    assert own_order(placed) is None
    assert (payer("A"), payer("B"), descendants("ORD-1")) == ("A", "B", [])
    assert not exchange_orders_of_order(Order.objects.get(identifier="A")).exists()


def test_the_identifier_comes_before_a_secondary_one(placed, send_order):
    send_order(builders.order("A", secondary_identifier="ORD-1-X"), builders.order("ORD-1-X"))
    assert own_order(placed) == "ORD-1-X"
    assert (payer("A"), payer("ORD-1-X")) == ("A", "ORD-1")


@pytest.mark.parametrize("name", ["ORD-1-X", "OMS-77"])
def test_its_status_follows_its_order(name, placed, send_order):
    def say(status, updated_at):
        send_order(
            builders.order(
                name, secondary_identifier="ORD-1-X", status=status, updated_at=updated_at
            )
        )
        assert own_order(placed) == name
        return ExchangeOrder.objects.get().own_order_status

    assert say("Created", "2026-02-01T00:00:00Z") == "Created"
    assert say("Shipped", "2026-02-03T00:00:00Z") == "Shipped"
    assert say("Created", "2026-02-02T00:00:00Z") == "Shipped"  # older, and late
    assert say("Canceled", "2026-02-04T00:00:00Z") == "Canceled"
    assert say("Created", "2026-02-05T00:00:00Z") == "Created"


def test_a_secondary_identifier_that_goes_and_comes_back(placed, send_order):
    """Each message changes what another order is to the exchange order."""
    day = (f"2026-02-{n:02}T00:00:00Z" for n in range(1, 29))

    def call(identifier, secondary, status):
        send_order(
            builders.order(
                identifier, secondary_identifier=secondary, status=status, updated_at=next(day)
            )
        )
        return own_order(placed), ExchangeOrder.objects.get().own_order_status

    assert call("A", "ORD-1-X", "Shipped") == ("A", "Shipped")
    assert call("B", "ORD-1-X", "Canceled") == (None, "")  # whose it is nobody knows
    assert call("B", "OTHER", "Canceled") == ("A", "Shipped")
    assert call("A", "", "Shipped") == (None, "")
    assert call("B", "ORD-1-X", "Canceled") == ("B", "Canceled")


def test_what_was_placed_before_statuses_were_kept_gets_its_own(send_order, store):
    """One carried under its name, one under another, one under two, one not sent."""
    variant(store)
    send_order(*(builders.order(f"ORD-{number}") for number in (1, 2, 3, 4)))
    for number in (1, 2, 3, 4):
        post(request(f"ORD-{number}"))
    send_order(
        builders.order("ORD-1-X", status="Canceled"),
        builders.order("OMS-2", secondary_identifier="ORD-2-X"),
        builders.order("OMS-3", secondary_identifier="ORD-3-X"),
        builders.order("OMS-4", secondary_identifier="ORD-3-X"),
    )
    ExchangeOrder.objects.update(own_order_status="nonsense")
    migration = "apps.exchanges.migrations.0005_known_own_order_status"
    importlib.import_module(migration).keep_what_is_known(registry, None)
    kept = ExchangeOrder.objects.order_by("pk").values_list("own_order_status", flat=True)
    assert list(kept) == ["Canceled", "Shipped", "", ""]


@pytest.mark.parametrize("by", ["identifier", "secondary_identifier"])
def test_an_order_that_was_there_before_is_another_one(by, placed, send_order):
    changes = (
        {"identifier": "ORD-1-X"} if by == "identifier" else {"secondary_identifier": "ORD-1-X"}
    )
    name = changes.get("identifier", "OMS-77")
    send_order(builders.order(**{"identifier": name, **changes}))
    assert own_order(placed) == name
    Order.objects.filter(identifier=name).update(
        first_seen_at=placed.placed_at - timedelta(milliseconds=1)
    )
    assert own_order_though_changed_by_hand(placed) is None
    assert (payer(name), descendants("ORD-1")) == (name, [])
    Order.objects.filter(identifier=name).update(first_seen_at=placed.placed_at)
    assert (own_order_though_changed_by_hand(placed), payer(name)) == (name, "ORD-1")


def test_an_older_order_that_takes_the_name_later_is_another_one(shop, send_order):
    send_order(builders.order("ORD-8"))
    post(request())
    send_order(builders.order("ORD-8", secondary_identifier="ORD-1-X", updated_at=NEWER))
    assert own_order(ExchangeOrder.objects.get()) is None
    assert payer("ORD-8") == "ORD-8"


def test_a_line_of_exchanges_is_followed_through_orders_with_identifiers_of_their_own(
    placed, send_order
):
    send_order(builders.order("OMS-77", secondary_identifier="ORD-1-X"))
    assert post(request("ORD-1-X")).json()["order_identifier"] == "OMS-77-X"
    send_order(builders.order("OMS-78", secondary_identifier="OMS-77-X"))
    assert payer("OMS-78") == "ORD-1"
    assert descendants("ORD-1") == ["OMS-77", "OMS-78"]
    assert descendants("OMS-77") == ["OMS-78"]


def test_another_stores_order_of_that_name_is_another_one(placed, send_order):
    from apps.stores.models import Store

    other = Store.objects.create(identifier="store-two", name="Two")
    send_order(builders.order("ORD-1-X"))
    Order.objects.filter(identifier="ORD-1-X").update(store=other)
    ExchangeOrder.objects.update(own_order_status="")
    assert own_order(placed) is None
    assert (payer("ORD-1-X"), descendants("ORD-1")) == ("ORD-1-X", [])


@pytest.mark.usefixtures("optoro")
def test_goods_of_an_exchange_order_with_an_identifier_of_its_own_are_paid_from_the_first(
    placed, send_order, send_rma, drain
):
    send_order(builders.order("OMS-77", secondary_identifier="ORD-1-X"))
    send_rma(builders.rma(units=[builders.unit("ORD-1-X")], tracking="TRANSIT"))
    drain()
    payments = SimulatedPayment.objects.values_list("order_identifier", "amount_cents")
    assert list(payments) == [("ORD-1", 13056)]


@pytest.mark.usefixtures("optoro")
def test_a_name_that_is_an_orders_secondary_identifier_is_not_given(
    shop, send_order, send_rma, drain
):
    send_order(builders.order("ORD-8", secondary_identifier="ORD-1-X"))
    assert post(request()).json()["order_identifier"] == "ORD-1-X2"
    send_rma(builders.rma(units=[builders.unit("ORD-1-X2")], tracking="TRANSIT"))
    drain()
    assert not SimulatedPayment.objects.exists()  # its own order has not come
    send_order(builders.order("ORD-1-X2"))
    drain()
    payments = SimulatedPayment.objects.values_list("order_identifier", "amount_cents")
    assert list(payments) == [("ORD-1", 13056)]


def test_a_name_that_an_order_takes_while_it_is_being_placed_is_not_given(
    shop, send_order, monkeypatch
):
    """The order comes in when the exchange order is about to be saved."""
    from apps.exchanges import services

    make = services._exchange_order

    def made_slowly(*args):
        if not Order.objects.filter(identifier="ORD-1-X").exists():
            send_order(builders.order("ORD-1-X"))
        return make(*args)

    monkeypatch.setattr(services, "_exchange_order", made_slowly)
    assert post(request()).json()["order_identifier"] == "ORD-1-X2"
    placed = ExchangeOrder.objects.get()
    assert (own_order_of(placed), payer("ORD-1-X")) == (None, "ORD-1-X")

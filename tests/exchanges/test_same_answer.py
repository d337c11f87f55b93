"""Only one exchange order per original order, and the same answer for ever (contract §7)."""

import json

import pytest

from apps.attention.models import Item
from apps.catalog.models import Variant
from apps.exchanges.models import ExchangeCollision, ExchangeLine, ExchangeOrder
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.outbox.models import Job
from apps.timeline.models import Event
from tests.support import builders
from tests.support.exchange_requests import item, post, request, variant

pytestmark = pytest.mark.django_db


def everything() -> tuple:
    """What a request must not change a second time."""
    return (
        list(ExchangeOrder.objects.values()),
        list(ExchangeLine.objects.values()),
        list(Event.objects.values_list("pk", flat=True)),
        list(Item.objects.values()),
        list(Job.objects.values_list("pk", "state")),
    )


def test_the_same_request_again_gets_the_same_bytes_and_changes_nothing(shop):
    first = post(request())
    before = everything()
    for _ in range(3):
        again = post(request())
        assert (again.status_code, again.content) == (200, first.content)
    assert everything() == before
    delivery = Delivery.objects.get()
    assert (delivery.copies, delivery.state) == (4, "processed")
    # It could have changed something: another order's request does.
    assert ExchangeOrder.objects.count() == 1


def test_the_same_request_in_other_words_is_the_same_request(shop):
    first = post(request())
    before = everything()
    turned = dict(reversed(request().items()))
    turned["customer"]["identifier"] = 219299
    turned["original_order_id"] = "WEB-1"
    turned["original_secondary_order_id"] = None
    for name in ("shipping_address", "billing_address"):
        turned[name]["zip"] = turned[name].pop("postal_code")
        turned[name]["state"] = turned[name].pop("province")
    body = json.dumps(turned, indent=3).encode()
    assert post(body).content == first.content
    assert everything() == before
    assert ExchangeCollision.objects.count() == 0
    assert Delivery.objects.filter(state="processed").count() == 2


def test_prices_and_stock_that_change_do_not_change_the_answer(shop, send_order):
    first = post(request())
    before = everything()
    Variant.objects.update(unit_price_amount_cents=99, quantity_in_stock=0)
    shop.exchange_shipping_amount_cents = 700
    shop.exchange_tax_service = "gone"
    shop.save()
    assert post(request()).content == first.content
    Variant.objects.all().delete()
    assert post(request()).content == first.content
    assert everything() == before


def test_an_original_order_that_is_canceled_later_does_not_change_the_answer(shop, send_order):
    first = post(request())
    send_order(builders.order(status="Canceled", updated_at="2026-03-01T00:00:00Z"))
    assert Order.objects.get(identifier="ORD-1").status == "Canceled"
    assert post(request()).content == first.content


def test_a_name_that_means_another_order_later_keeps_its_answer(shop, send_order):
    first = post(request("WEB-1"))
    send_order(builders.order("ORD-2", secondary_identifier="WEB-1"))
    assert post(request("WEB-1")).content == first.content
    send_order(builders.order("WEB-1"))
    assert post(request("WEB-1")).content == first.content
    assert ExchangeOrder.objects.count() == 1
    # A different request by that name is for the order that bears it now.
    other = post(request("WEB-1", note="new"))
    assert other.json()["order_identifier"] == "WEB-1-X"


def test_a_different_request_gets_the_first_answer_and_a_person_is_asked(shop):
    first = post(request())
    second = request(note="other", items=[item(quantity=2)])
    second["shipping_address"]["city"] = "Boston"
    again = post(second)
    assert (again.status_code, again.content) == (200, first.content)
    placed = ExchangeOrder.objects.get()
    assert (placed.total_amount_cents, placed.lines.get().quantity) == (52224, 4)
    collision = placed.collisions.get()
    assert collision.request == second
    assert collision.differences == [
        {"field": "items[0].product_amount_cents", "first": 51200, "second": 25600},
        {"field": "items[0].quantity", "first": 4, "second": 2},
        {"field": "note", "first": "order note", "second": "other"},
        {"field": "shipping_address.city", "first": "Springfield", "second": "Boston"},
    ]
    shown = Item.objects.get(kind="exchange_collision")
    message = Delivery.objects.get(pk=collision.delivery_id)
    assert (shown.subject, shown.order_identifier) == ("ORD-1", "ORD-1")
    assert shown.detail == (
        f"ORD-1-X was answered again; this request was not placed (message {message.pk}). "
        "It differs in item 1 product amount: first $512.00, now $256.00; "
        "item 1 quantity: first 4, now 2; "
        'note: first "order note", now "other"; '
        'shipping address city: first "Springfield", now "Boston".'
    )
    assert message.state == "processed"
    event = Event.objects.get(kind="exchange.collision")
    assert (event.order_identifier, event.message_id) == ("ORD-1", message.pk)
    assert {"field": "note", "before": "order note", "after": "other"} in event.changes


def test_the_same_collision_again_is_counted_and_asks_nobody_again(shop, lead_dismisses):
    post(request())
    for _ in range(2):
        post(request(note="other"))
    collision = ExchangeCollision.objects.get()
    assert collision.copies == 2
    lead_dismisses()
    post(request(note="other"))
    assert Item.objects.filter(resolved_at=None).count() == 0
    post(request(note="third"))
    assert Item.objects.get(resolved_at=None).kind == "exchange_collision"
    assert ExchangeCollision.objects.count() == 2
    assert Event.objects.filter(kind="exchange.collision").count() == 2


@pytest.fixture
def lead_dismisses(django_user_model):
    from apps.attention.services import dismiss_item

    def dismiss() -> None:
        user = django_user_model.objects.create_user("lead")
        for found in Item.objects.filter(resolved_at=None):
            assert dismiss_item(item=found, user_id=user.pk, note="asked the shopper")

    return dismiss


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"is_gift": True}, "is_gift"),
        ({"rma_identifier": "RMA-2"}, "rma_identifier"),
        ({"payment": {"transaction_id": "t"}}, "transaction_id"),
        ({"original_secondary_order_id": "WEB-1"}, "original_secondary_order_id"),
        ({"currency": "EUR"}, "currency"),
        ({"gift_wrap": {"paper": "red"}}, "gift_wrap"),
        ({"items": [item(), item("sku-2")]}, "items[1]"),
        (
            {
                "items": [
                    item(
                        return_items=[
                            {"original_sku": "s", "original_item_identifier": "1", "quantity": 2}
                        ]
                    )
                ]
            },
            "items[0].return_items[0]",
        ),
        ({"items": [item(engraving="Ada")]}, "items[0].engraving"),
        ({"items": [item(title="Other")]}, "items[0].title"),
    ],
)
def test_whatever_differs_is_named(shop, change, field):
    first = post(request())
    assert post(request(**change)).content == first.content
    [difference] = ExchangeCollision.objects.get().differences
    assert difference["field"] == field


def test_two_orders_have_two_exchange_orders(shop, send_order):
    send_order(builders.order("ORD-2"))
    post(request())
    assert post(request("ORD-2")).json()["order_identifier"] == "ORD-2-X"
    assert ExchangeOrder.objects.count() == 2
    assert not Item.objects.filter(kind="exchange_collision").exists()


def test_a_request_refused_before_is_placed_when_its_order_is_known(store, send_order):
    variant(store)
    assert post(request("LATE")).status_code == 422
    send_order(builders.order("LATE"))
    assert post(request("LATE")).json()["order_identifier"] == "LATE-X"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error, delivery.copies) == ("processed", "", 2)
    assert delivery.processed_at is not None

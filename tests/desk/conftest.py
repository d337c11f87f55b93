"""A store with something of everything, people of every role, and a store next door."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Membership, Role, User
from apps.attention.models import Item
from apps.common.http import Response
from apps.inbox.models import Delivery
from apps.inbox.processing import process_due
from apps.inbox.services import store_delivery, take_order
from apps.optoro import order_message
from apps.orders.models import Order, OrderMessage
from apps.outbox.models import Attempt, Job
from apps.outbox.runner import run_due
from apps.refunds.models import Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.support import builders
from tests.support.optoro import AUTH_URL, ORDERS_URL, FakeOptoro

PARCEL = "92023909899840543401202533"


def work_off() -> None:
    """Does what is due in inbox and outbox, until nothing is."""
    while process_due() + run_due():
        pass


def take(store: Store, **order: Any) -> Order:
    """Takes in an order as the order system sends it."""
    content = builders.order(**order)
    result = take_order(store=store, wire=order_message.parse(content))
    return Order.objects.get(pk=result.order_id)


def deliver(store: Store, message: Any) -> Delivery:
    """Stores a message (or raw bytes) as the webhook does."""
    return store_delivery(
        store=store,
        topic="rma",
        body=message if isinstance(message, bytes) else builders.body(message),
        headers={"Content-Type": "application/json", "X-Optiturn-Api-Version": "5"},
        remote_address="203.0.113.9",
    )


@dataclass
class World:
    """What there is to look at in the store."""

    store: Store
    order: Order
    rma: Rma
    refund: Refund
    delivery: Delivery
    job: Job
    item: Item
    attempt: Attempt
    order_message: OrderMessage


@pytest.fixture
def world(store: Store, optoro: FakeOptoro) -> World:
    """ORD-1 with one shipped line of four, RMA-1 returning two units, their refund waiting for
    approval, one message in quarantine, one snapshot that Optoro refuses."""
    store.refund_trigger = "manual"
    store.time_zone = "America/New_York"
    store.save()
    order = take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit(), builders.unit()], tracking="TRANSIT"))
    quarantined = deliver(store, b'{"rma_identifier": "RMA-BAD", "status": ')
    work_off()
    optoro.answer = lambda content: Response(
        422, json={"message": "no", "errors": [{"field": "items[0].sku", "code": "missing_field"}]}
    )
    take(store, identifier="ORD-HELD")
    work_off()
    held = Job.objects.get(state="held")
    return World(
        store=store,
        order=order,
        rma=Rma.objects.get(rma_identifier="RMA-1"),
        refund=Refund.objects.get(),
        delivery=Delivery.objects.get(pk=quarantined.pk),
        job=held,
        item=Item.objects.get(kind="message_quarantined"),
        attempt=held.attempts.get(),
        order_message=OrderMessage.objects.get(order=order),
    )


@pytest.fixture
def other_store(db: None) -> Store:
    """The store next door."""
    return Store.objects.create(
        identifier="store-two",
        name="Store Next Door",
        time_zone="UTC",
        optoro_auth_url=AUTH_URL,
        optoro_orders_url=ORDERS_URL,
        optoro_client_id="optoro-client",
        optoro_client_secret="optoro-secret",
    )


@pytest.fixture
def person() -> Callable[..., Client]:
    """Makes a person with memberships and returns a browser where they are signed in."""

    def make(*memberships: tuple[Store, Role], name: str = "ana", **fields: Any) -> Client:
        user = User.objects.create_user(name, **fields)
        for store, role in memberships:
            Membership.objects.create(user=user, store=store, role=role)
        browser = Client()
        browser.force_login(user)
        return browser

    return make


@pytest.fixture
def lead(store: Store, person: Callable[..., Client]) -> Client:
    """A lead of the store: may do everything there is to do on the desk."""
    return person((store, Role.LEAD))

"""A store with something of everything, people of every role, and a store next door."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Membership, Role, User
from apps.attention.models import Item
from apps.catalog.imports import start_import
from apps.catalog.missed import count_missed
from apps.catalog.models import Product, Variant, VariantImport
from apps.catalog.services import replace_variants
from apps.catalog.types import Attribute, VariantData
from apps.common.http import Response
from apps.exchanges.models import ExchangeOrder
from apps.inbox.exchanges import Received, take_exchange_order
from apps.inbox.models import Delivery
from apps.inbox.processing import process_due
from apps.inbox.services import store_delivery, take_order
from apps.optoro import order_message
from apps.orders.models import Order, OrderMessage
from apps.outbox.models import Attempt, Job
from apps.outbox.runner import run_due
from apps.refunds.models import Payout, Refund
from apps.rmas.models import Rma
from apps.stores.models import Store
from tests.support import builders
from tests.support.exchange_requests import item, request
from tests.support.optoro import AUTH_URL, ORDERS_URL, FakeOptoro
from tests.support.people import sign_in
from tests.support.refunds import finance, refunded
from tests.support.schedules import at, author, scheduled

__all__ = ["at", "author", "finance", "refunded", "scheduled"]

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


def exchange(
    store: Store, original: str = "ORD-1", items: Any = None, **changes: Any
) -> ExchangeOrder:
    """Places an exchange order as Optoro does."""
    message = request(original, items, **changes)
    take_exchange_order(Received(store, builders.body(message), {}, "203.0.113.9"))
    return ExchangeOrder.objects.get(store=store, original_order__identifier=original)


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
    variant_import: VariantImport
    exchange: ExchangeOrder


def open_payout(refund: Refund, status: str = "unknown", gateway: str = "simulated") -> Payout:
    """Gives a refund a payment whose outcome is open, as after a time-out (or, with `pending` and
    `manual`, one that a person has to make); once."""
    payout, _ = Payout.objects.get_or_create(
        refund=refund,
        defaults={
            "store_id": refund.store_id,
            "gateway": gateway,
            "amount_cents": refund.shopper_amount_cents,
            "currency": refund.currency,
            "status": status,
            "error": "no answer",
        },
    )
    Refund.objects.filter(pk=refund.pk).update(
        status="unknown" if status == "unknown" else "paying"
    )
    return payout


def fill_catalog(store: Store, identifier: str = "PRODUCT-1", count: int = 2) -> Product:
    """Puts a product into the catalog whose last variant is out of stock."""
    variants = [
        VariantData(
            sku=f"{identifier}-{n}",
            title="Black T-Shirt",
            attributes=(Attribute("Size", f"S{n}"), Attribute("Fit", "Slim")),
            unit_price_amount_cents=12800 + n,
            quantity_in_stock=count - 1 - n,
        )
        for n in range(count)
    ]
    replace_variants(
        store_id=store.pk,
        variant_identifier=identifier,
        variants=variants,
        source=Variant.Source.API,
    )
    return Product.objects.get(store=store, variant_identifier=identifier)


def upload_variants(store: Store, name: str = "IMPORT-1.csv") -> VariantImport:
    """Uploads a file of three rows, one of them wrong."""
    user, _ = User.objects.get_or_create(username="uploader")
    rows = "P-1,SKU-1,Tee,12.80,5\nP-1,SKU-2,Tee,12.80,-5\nP-2,SKU-3,Tee,12.80,5\n"
    head = "variant_identifier,sku,title,unit_price,quantity_in_stock\n"
    return start_import(
        store_id=store.pk, user_id=user.pk, name=name, content=(head + rows).encode()
    )


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
    fill_catalog(store)
    count_missed(store_id=store.pk, variant_identifier="MISSED-1")
    variant_import = upload_variants(store)
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
        variant_import=variant_import,
        exchange=exchange(store, "ORD-HELD", [item("PRODUCT-1-0", quantity=1)], rma_identifier=""),
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
        sign_in(browser, user)
        return browser

    return make


@pytest.fixture
def lead(store: Store, person: Callable[..., Client]) -> Client:
    """A lead of the store: may do everything on the desk but change who decides on how much."""
    return person((store, Role.LEAD))


@pytest.fixture
def admin(store: Store, person: Callable[..., Client]) -> Client:
    """An administrator of the store."""
    return person((store, Role.ADMINISTRATOR), name="admin")

"""Refunds to report on: decided by the desk, then put on the days that a test is about."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.orders.models import Order
from apps.refunds.models import Refund, RefundItem
from apps.stores.models import Store
from tests.support import builders
from tests.support.people import person, sign_in


@pytest.fixture
def refunded(optoro: Any, send_order: Any, send_rma: Any, drain: Any) -> Callable[..., Refund]:
    """Takes an order and its return in, has its units refunded, and returns the refund; `paid`
    and others are moments that the refund is dated to afterwards."""

    def make(
        number: int = 1, *, units: Any = None, order: Any = None, rma: Any = None, **dates: Any
    ) -> Refund:
        name = f"ORD-{number}"
        send_order(builders.order(identifier=name, **(order or {})))
        units = units or [builders.unit(name, cents=13056)]
        send_rma(builders.rma(f"RMA-{number}", units=units, tracking="TRANSIT", **(rma or {})))
        drain()
        refund = Refund.objects.get(rma_identifier=f"RMA-{number}")
        fields = {"paid": "paid_at", "decided": "created_at", "reported": "reported_at"}
        changes = {fields.get(key, f"{key}_at"): moment for key, moment in dates.items()}
        Refund.objects.filter(pk=refund.pk).update(**changes)
        refund.refresh_from_db()
        return refund

    return make


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.fixture
def finance(store: Store) -> Client:
    """A browser of somebody in finance."""
    browser = Client()
    sign_in(browser, person("fin", Role.FINANCE))
    return browser


def raw_refund(store: Store, number: int, items: Any = (), **fields: Any) -> Refund:
    """Writes a refund with its order and items straight into the database, for reports: `items`
    are the fields in which each differs, and its amounts add up by themselves."""
    moment = fields.get("created_at") or utc(2026, 1, 1)
    paid_at = fields.get("paid_at", moment)
    currency = fields.get("currency", "USD")
    amounts = dict.fromkeys(
        ("total", "product", "tax", "discount", "shipping", "shipping_tax"), 10_000
    )
    order = Order.objects.create(
        store=store,
        identifier=f"RAW-{number}",
        status="Shipped",
        currency=currency,
        remote_created_at=moment,
        remote_updated_at=moment,
        raw={},
        **{f"{name}_amount_cents": cents for name, cents in amounts.items()},
    )
    made = [_raw_item(n, **item) for n, item in enumerate(items or [{}], start=1)]
    sums = {
        name: sum(getattr(item, name) for item in made)
        for name in ("shopper_amount_cents", "optoro_amount_cents", "retained_amount_cents")
    }
    refund = Refund.objects.create(
        store=store,
        order=order,
        paid_order=order,
        total_refund_amount_cents=sum(sums.values()),
        **sums,
        **{
            "identifier": f"RD-{number}",
            "status": "paid",
            "source": "automatic",
            "destination": "original_payment",
            "reason": "returned",
            "currency": currency,
            "created_at": moment,
            "paid_at": moment,
            **fields,
            "booked_on": paid_at.date() if paid_at else None,
        },
    )
    for item in made:
        item.refund = refund
    RefundItem.objects.bulk_create(made)
    return refund


def _raw_item(position: int, **fields: Any) -> RefundItem:
    values = {"product": 900, "tax": 100, "optoro": 0, "retained": 0, "bonus_credit": 0}
    values |= {name: fields.pop(name) for name in list(fields) if name in values}
    whole = values["product"] + values["tax"]
    return RefundItem(
        position=position,
        amount_cents=whole,
        shopper_amount_cents=whole - values["optoro"] - values["retained"],
        original_product_amount_cents=values["product"],
        **{f"{name}_amount_cents": cents for name, cents in values.items()},
        **{"quantity": 1, "sku": "sku-1", **fields},
    )

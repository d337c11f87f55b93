"""What a refund is made of, for finance: frozen with the decision, and adding up to the cent."""

import importlib

import pytest
from django.apps import apps as registry
from django.db.models import Sum

from apps.refunds.models import Refund, RefundItem
from apps.refunds.services import cancel_refund
from tests.support import builders
from tests.support.people import actor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]

PARTS = ("shopper", "optoro", "retained", "bonus_credit")
NOT_COPIED = {"id", "refund_id"}


def rows(*fields):
    return list(RefundItem.objects.order_by("refund", "position").values_list(*fields))


def assert_items_add_up():
    for refund in Refund.objects.all():
        sums = refund.items.aggregate(
            total=Sum("amount_cents"), **{part: Sum(f"{part}_amount_cents") for part in PARTS}
        )
        assert sums["total"] == refund.total_refund_amount_cents
        for part in PARTS:
            assert sums[part] == getattr(refund, f"{part}_amount_cents"), part


def test_each_unit_of_a_return_has_an_item_with_what_was_paid_for_it(send_order, send_rma, drain):
    line = builders.line(
        quantity=3,
        product_amount_cents=30000,
        unit_price_amount_cents=10000,
        discount_amount_cents=1000,
        tax_amount_cents=2001,
    )
    order = builders.order(lines=[line], shipping_amount_cents=500, shipping_tax_amount_cents=1)
    send_order(order)
    units = [builders.unit(cents=10333), builders.unit(cents=10334)]
    send_rma(builders.rma(units=units, tracking="TRANSIT"))
    drain()
    assert rows(
        "position",
        "quantity",
        "sku",
        "original_product_amount_cents",
        "original_discount_amount_cents",
        "original_tax_amount_cents",
        "original_shipping_amount_cents",
        "product_amount_cents",
        "tax_amount_cents",
        "amount_cents",
        "shopper_amount_cents",
        "trigger",
        "return_method",
    ) == [
        (
            1,
            1,
            units[0]["sku"],
            10000,
            333,
            667,
            167,
            9666,
            667,
            10333,
            10333,
            "default",
            "mail-back",
        ),
        (
            2,
            1,
            units[0]["sku"],
            10000,
            333,
            667,
            167,
            9667,
            667,
            10334,
            10334,
            "default",
            "mail-back",
        ),
    ]
    assert_items_add_up()


def test_what_is_kept_back_is_taken_off_the_units_in_proportion(send_order, send_rma, drain, store):
    type(store).objects.update(charges_return_shipping=True)
    send_order(builders.order())
    units = [builders.unit(cents=10000), builders.unit(cents=5001)]
    send_rma(builders.rma(units=units, tracking="TRANSIT", return_shipping_cost_cents=700))
    drain()
    fields = ("amount_cents", "shopper_amount_cents", "retained_amount_cents")
    assert sorted(rows(*fields)) == [(5001, 4768, 233), (10000, 9533, 467)]
    assert_items_add_up()


def outside(identifier, total, lines=()):
    return {
        "identifier": identifier,
        "total_refund_amount_cents": total,
        "refund_line_items": [
            {"identifier": f"{identifier}_{n}", "quantity": quantity, "order_item_identifier": line}
            for n, (line, quantity) in enumerate(lines)
        ],
        "refund_transactions": [],
        "created_at": "2026-02-01T00:00:00Z",
    }


def test_goodwill_and_refunds_made_outside_are_of_no_unit_or_of_several(send_order, api, drain):
    reported = [outside("OUT-1", 26112, [("1", 2)]), outside("OUT-2", 333)]
    send_order(builders.order(refunds=reported))
    body = {"order_identifier": "ORD-1", "goodwill_amount_cents": 500, "reason": "late"}
    answer = api.post(
        "/api/v1/refunds", body, content_type="application/json", headers={"Idempotency-Key": "1"}
    )
    assert answer.status_code == 201, answer.content
    drain()
    fields = ("quantity", "sku", "original_product_amount_cents", "tax_amount_cents")
    assert rows(*fields, "amount_cents", "shopper_amount_cents") == [
        (2, "sku-1", 25600, 512, 26112, 26112),
        (0, "", 0, 0, 333, 333),
        (0, "", 0, 0, 500, 500),
    ]
    assert_items_add_up()


def test_the_migration_gives_refunds_of_before_the_same_items(send_order, send_rma, drain, store):
    type(store).objects.update(charges_return_shipping=True)
    send_order(builders.order(shipping_amount_cents=777))
    units = [builders.unit(cents=10000), builders.unit(cents=5001)]
    send_rma(builders.rma(units=units, tracking="TRANSIT", return_shipping_cost_cents=700))
    send_rma(builders.rma("RMA-2", units=[builders.unit()], tracking="TRANSIT"))
    drain()
    fields = [f.attname for f in RefundItem._meta.concrete_fields if f.attname not in NOT_COPIED]
    fields.remove("trigger")  # the settings' own trigger is not known afterwards
    before = rows("refund", *fields)
    assert len(before) == 3
    RefundItem.objects.all()._raw_delete("default")
    migration = importlib.import_module("apps.refunds.migrations.0012_items_of_refunds_before")
    migration.write_items(registry, None)
    assert rows("refund", *fields) == before


def test_a_line_that_is_refunded_whole_adds_up_whatever_ended_in_between(
    send_order, send_rma, drain, store
):
    line = builders.line(quantity=3, unit_price_amount_cents=1000, tax_amount_cents=100)
    send_order(builders.order(lines=[line]))
    type(store).objects.update(refund_trigger="manual")
    for number, cents in ((1, 1033), (2, 1033), (3, 1034)):
        send_rma(
            builders.rma(f"RMA-{number}", units=[builders.unit(cents=cents)], tracking="TRANSIT")
        )
        drain()
    first = Refund.objects.get(rma_identifier="RMA-1")
    cancel_refund(refund=first, actor=actor(), reason="again", is_superseded=True)
    drain()
    live = RefundItem.objects.exclude(refund__status="canceled")
    assert live.count() == 3
    sums = live.aggregate(
        Sum("product_amount_cents"),
        Sum("tax_amount_cents"),
        Sum("original_product_amount_cents"),
        Sum("original_tax_amount_cents"),
    )
    assert list(sums.values()) == [3000, 100, 3000, 100]
    assert_items_add_up()

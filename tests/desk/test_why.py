"""Why this amount: the steps shown add up, and say where the money goes and why."""

import re
from html import unescape

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.desk.reads.why import Block, blocks_of, parts_of, whys
from apps.orders.models import OrderLine
from apps.refunds.calculation import LineCalculation, calculate_line
from apps.refunds.models import Refund, RefundLine, RefundPolicy
from apps.refunds.policy_changes import set_policy
from apps.refunds.policy_edits import PolicyValues
from apps.refunds.types import Policy
from apps.stores.models import Store
from tests.desk.conftest import deliver, take, work_off
from tests.support import builders

CENTS = st.integers(0, 10**7)


@st.composite
def calculations(draw: st.DrawFn) -> LineCalculation:
    """Figures of units of a line, as the decision works them out."""
    quantity = draw(st.integers(1, 12))
    shipped = draw(st.integers(1, quantity))
    price = draw(CENTS)
    line = OrderLine(
        quantity=quantity,
        quantity_shipped=shipped,
        quantity_canceled=draw(st.integers(0, quantity - shipped)),
        unit_price_amount_cents=price,
        product_amount_cents=draw(st.sampled_from([price * quantity, price * shipped, price])),
        tax_amount_cents=draw(CENTS),
        discount_amount_cents=draw(CENTS),
    )
    return calculate_line(
        line=line,
        estimates=draw(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=shipped)),
        refunded_before_cents=draw(CENTS),
        refunded_before_units=draw(st.integers(0, shipped)),
        tolerance_cents=draw(st.none() | CENTS),
    )


def assert_adds_up(block: Block) -> None:
    running = 0
    for step in block.steps:
        if step.is_total:
            assert step.cents == running, block.title
        else:
            running += step.cents
    assert block.steps[-1].is_total


@given(found=calculations())
def test_the_steps_of_a_line_add_up(found: LineCalculation) -> None:
    paid, room, amount = blocks_of(found, "USD")
    for block in (paid, room, amount):
        assert_adds_up(block)
    assert paid.steps[-1].cents == found.paid_cents
    assert room.steps[-1].cents == found.room_cents
    assert amount.steps[-1].cents == found.amount_cents


@given(
    amounts=st.lists(CENTS, min_size=1, max_size=5),
    optoro=st.integers(0, 100),
    retained=st.integers(0, 100),
)
def test_the_parts_of_a_refund_add_up(amounts: list[int], optoro: int, retained: int) -> None:
    total = sum(amounts)
    optoro = min(optoro, total)
    retained = min(retained, total - optoro)
    refund = Refund(
        total_refund_amount_cents=total,
        optoro_amount_cents=optoro,
        retained_amount_cents=retained,
        shopper_amount_cents=total - optoro - retained,
    )
    lines = [RefundLine(order_line=OrderLine(identifier="1"), amount_cents=a) for a in amounts]
    assert_adds_up(parts_of(refund, lines))
    assert_adds_up(parts_of(refund, []))


def text_of(answer: object) -> str:
    content = answer.content.decode().split("<main")[-1].split("<footer")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", content)))


@pytest.mark.django_db
@pytest.mark.usefixtures("optoro")
def test_a_refund_is_explained_where_it_is_shown(store: Store, lead: Client) -> None:
    said = PolicyValues.of(Policy("default", charges_return_shipping=True, tolerance_cents=100))
    user_id = User.objects.get().pk
    version = set_policy(
        version=RefundPolicy(store=store, concept="", **said.to_content()), user_id=user_id
    )
    line = builders.line(quantity=3, unit_price_amount_cents=1000, tax_amount_cents=100)
    take(store, identifier="ORD-1", lines=[{**line, "discount_amount_cents": 200}])
    units = [builders.unit(cents=966), builders.unit(cents=966)]
    deliver(store, builders.rma(units=units, tracking="TRANSIT", return_shipping_cost_cents=700))
    work_off()
    refund = Refund.objects.get()
    assert (refund.total_refund_amount_cents, refund.shopper_amount_cents) == (1932, 1232)
    for url in (f"/refunds/{refund.identifier}/", "/orders/ORD-1/", "/returns/RMA-1/"):
        page = text_of(lead.get(url))
        for sentence in (
            "Price of 2 units share of the line $20.00",
            "Discount share of the line −$1.33",
            "Tax share of the line $0.67",
            "Rounding what the shares leave over −$0.01",
            "= Paid for these units $19.33",
            "Paid for 3 units shipped the most the line can ever refund $29.00",
            "= Left of the line $29.00",
            "= Optoro’s estimate $19.32",
            "= Refunded for these units $19.32",
            "Optoro’s estimate is $0.01 below what was paid. The policy lets $1.00 per unit pass.",
            "Line 1 $19.32 = Refund reported to Optoro $19.32",
            "Return shipping kept back −$7.00 = To the shopper $12.32",
            "To the original payment of order ORD-1, whose goods came back.",
            "The return’s shipping cost is $7.00; it is kept back once per return",
            "The policy for every brand without its own in force from",
        ):
            assert sentence in page, (url, sentence)
        assert f"#version-{version.pk}" in lead.get(url).content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("optoro")
def test_a_refund_made_outside_is_not_explained_by_guesses(store: Store, lead: Client) -> None:
    told = {
        "identifier": "OUT-1",
        "total_refund_amount_cents": 500,
        "order_identifier": "ORD-1",
        "created_at": "2026-02-01T00:00:00Z",
        "refund_line_items": [{"identifier": "a", "order_item_identifier": "1", "quantity": 1}],
        "note": "",
    }
    take(store, identifier="ORD-1", refunds=[told])
    work_off()
    page = text_of(lead.get("/refunds/OUT-1/"))
    assert "The order system reported this refund and its amount; the desk did not work it" in page
    assert "Paid outside the desk, as the order system reported." in page
    assert "No policy of the desk" in page


DESTINATIONS = [
    ({}, {}, "To the original payment of order ORD-1, whose goods came back."),
    (
        {},
        {"gift_refund_only": True, "giftee_email": "bo@example.com"},
        "To a gift card for bo@example.com, because the return is a gift",
    ),
    (
        {"original_order_identifier": "ORD-0"},
        {},
        "To the original payment of order ORD-0: the goods of order ORD-1 came by an exchange",
    ),
    (
        {"refund_type": "INSTANT_STORE_CREDIT"},
        {},
        "It goes out as a gift card with the exchange order, so no money is paid.",
    ),
    (
        {
            "refund_type": "STANDARD_EXCHANGE",
            "refund_financials": {
                "estimated_refund_amount_cents": 13056,
                "optoro_refund_amount_cents": 13056,
                "shopper_refund_amount_cents": 0,
            },
        },
        {},
        "Nothing is left to pay to the shopper.",
    ),
]


@pytest.mark.django_db
@pytest.mark.usefixtures("optoro")
@pytest.mark.parametrize(("unit", "rma", "sentence"), DESTINATIONS)
def test_where_the_money_goes_and_why(
    unit: dict[str, object], rma: dict[str, object], sentence: str, store: Store
) -> None:
    take(store, identifier="ORD-0")
    take(store, identifier="ORD-1")
    deliver(store, builders.rma(units=[builders.unit(**unit)], tracking="TRANSIT", **rma))
    work_off()
    refund = Refund.objects.get()
    why = whys([refund])[refund.pk]
    assert sentence in why.destination
    assert_adds_up(why.parts)

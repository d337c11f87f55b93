"""Order snapshots for Optoro: what is in them, and that reported refunds never change."""

import json
from datetime import UTC, datetime

import pytest
import time_machine

from apps.orders.models import Order
from apps.publisher.snapshots import build_snapshot
from apps.refunds.models import Refund
from tests.support import builders

pytestmark = pytest.mark.django_db

ADDRESS = {"name": "Ada", "street1": "1 Street", "city": "Springfield", "country_code": "US"}


@pytest.fixture
def sent(send_order, drain, optoro):
    """Sends an order to the desk and returns the snapshot that Optoro gets of it."""

    def through(order):
        answer = send_order(order)
        assert answer.status_code == 200, answer.json()
        drain()
        return optoro.last(str(order["identifier"]).strip())

    return through


def test_an_order_that_holds_nothing_else_goes_out_as_it_came(sent):
    order = builders.order(secondary_identifier="WEB-1", note="n", concept="c")
    expected = {**order, "updated_at": "2026-01-23T13:37:19Z"}
    assert sent(order) == expected


def test_the_envelope_is_the_contracts(sent, optoro):
    sent(builders.order())
    body = json.loads(optoro.requests[-1].content)
    assert list(body) == ["returns_portal_order"]
    assert list(body["returns_portal_order"]) == ["orders"]
    assert len(body["returns_portal_order"]["orders"]) == 1


def test_fields_that_are_not_in_the_contract_stay_at_home(sent):
    extra = {"internal_note": "not for others"}
    order = builders.order(
        lines=[builders.line(**extra)],
        customer={**builders.order()["customer"], **extra, "tags": ["vip"]},
        transactions=[
            {
                "identifier": "T1",
                "parent_identifier": "",
                "amount_cents": 52224,
                "status": "SUCCESS",
                "type": "CAPTURE",
                "gateway": "stripe",
                "is_online": True,
                "is_test": False,
                "created_at": "2026-01-22T11:24:21Z",
                "updated_at": "2026-01-22T11:24:21Z",
                "payment_details": {"card": "visa"},
                **extra,
            }
        ],
        discounts=[
            {
                "identifier": "D1",
                "code": "SPRING",
                "amount_cents": 0,
                "created_at": "2026-01-22T11:24:21Z",
                **extra,
            }
        ],
        refunds=[refund(**extra)],
        shipping_address={**ADDRESS, "state": "IL", "zip_code": "62701", **extra},
        **extra,
    )
    snapshot = sent(order)
    assert "internal_note" not in json.dumps(snapshot)
    assert snapshot["customer"]["tags"] == ["vip"]
    assert snapshot["transactions"][0]["is_test"] is False
    assert snapshot["transactions"][0]["payment_details"] == {"card": "visa"}
    assert snapshot["discounts"][0]["code"] == "SPRING"


def refund(identifier="F1", cents=13056, **changes):
    return {
        "identifier": identifier,
        "total_refund_amount_cents": cents,
        "refund_line_items": [
            {"identifier": f"{identifier}_1", "quantity": 1, "order_item_identifier": "1"}
        ],
        "created_at": "2026-02-01T00:00:00Z",
        **changes,
    }


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("state", "zip_code"),
        ("province", "postal_code"),
        ("province", "zip_code"),
        ("state", "postal_code"),
        ("state", "zip"),
    ],
)
def test_addresses_go_out_in_this_apis_spelling(sent, state, code):
    came = {**ADDRESS, "street2": "", "phone": 5550100, state: "IL", code: 62701}
    snapshot = sent(builders.order(shipping_address=came, billing_address=came))
    for name in ("shipping_address", "billing_address"):
        assert snapshot[name] == {
            **ADDRESS,
            "street2": "",
            "phone": "5550100",
            "state": "IL",
            "zip_code": "62701",
        }


def test_text_goes_out_as_text_and_as_the_mirror_reads_it(sent):
    order = builders.order(
        1001,
        lines=[
            {
                **builders.line(),
                "identifier": 7,
                "sku": 4711,
                "upc": 12,
                "title": 1984,
                "tracking_number": 920,
                "product_identifier": 1,
                "variant_identifier": " V ",
                "weight": 1.5,
                "quantity_refunded": 0,
            }
        ],
        secondary_identifier=" WEB-1 ",
        raw_status=3,
        customer={**builders.order()["customer"], "identifier": 219299, "phone": 555},
        refunds=[
            refund(
                identifier=99,
                rma_identifier=5,
                refund_line_items=[{"identifier": 1, "quantity": 1, "order_item_identifier": 7}],
            )
        ],
    )
    snapshot = sent(order)
    assert snapshot["identifier"] == "1001"
    assert snapshot["secondary_identifier"] == "WEB-1"
    assert snapshot["raw_status"] == "3"
    assert (snapshot["customer"]["identifier"], snapshot["customer"]["phone"]) == ("219299", "555")
    [item] = snapshot["items"]
    assert [item[name] for name in ("identifier", "sku", "upc", "title", "tracking_number")] == [
        "7",
        "4711",
        "12",
        "1984",
        "920",
    ]
    assert (item["product_identifier"], item["variant_identifier"]) == ("1", "V")
    assert (item["weight"], item["quantity"], item["quantity_refunded"]) == (1.5, 4, 0)
    [told] = snapshot["refunds"]
    assert (told["identifier"], told["rma_identifier"]) == ("99", "5")
    assert told["refund_line_items"] == [
        {"identifier": "1", "quantity": 1, "order_item_identifier": "7"}
    ]
    assert told["total_refund_amount_cents"] == 13056


def test_what_is_null_is_left_out_and_what_is_empty_is_not(sent):
    order = builders.order(note=None, concept="", lines=[builders.line(tracking_number=None)])
    snapshot = sent(order)
    assert "note" not in snapshot
    assert snapshot["concept"] == ""
    assert "tracking_number" not in snapshot["items"][0]
    assert (snapshot["transactions"], snapshot["refunds"], snapshot["discounts"]) == ([], [], [])


# --- Refunds -----------------------------------------------------------------------------------


@pytest.fixture
def refunded(send_order, send_rma, drain, optoro):
    """An order whose four units the desk has refunded and reported."""
    send_order(builders.order())
    send_rma(builders.rma(tracking="TRANSIT"))
    drain()
    return Refund.objects.get()


def as_sent(order=None):
    order = order or Order.objects.get()
    return json.dumps(build_snapshot(order).content, ensure_ascii=False)


def test_the_desks_own_refund_as_optoro_is_told_of_it(refunded, optoro):
    [told] = optoro.last()["refunds"]
    assert told == {
        "identifier": refunded.identifier,
        "total_refund_amount_cents": 52224,
        "refund_line_items": [
            {
                "identifier": f"{refunded.identifier}_1",
                "quantity": 4,
                "order_item_identifier": "1",
            }
        ],
        "refund_transactions": [],
        "note": "Returned",
        "created_at": refunded.paid_at.isoformat().replace("+00:00", "Z"),
        "rma_identifier": "RMA-1",
    }


def test_built_twice_it_is_the_same_to_the_byte(refunded):
    assert as_sent() == as_sent()


def test_a_refund_that_was_sent_never_changes(refunded, optoro, send_order, send_rma, drain, api):
    before = optoro.last()["refunds"]
    send_rma(builders.rma(tracking="TRANSIT", minute=9, status="REFUNDED"))
    send_order(
        builders.order(
            updated_at="2027-01-01T00:00:00Z",
            lines=[builders.line(title="Renamed", unit_price_amount_cents=1)],
            note="changed",
        )
    )
    drain()
    assert optoro.last()["note"] == "changed"
    assert optoro.last()["refunds"] == before


def test_a_refund_made_outside_goes_out_as_it_was_reported_first(sent, optoro):
    told = refund(note="by phone", tags=["ignore_refund"])
    assert sent(builders.order(refunds=[told]))["refunds"] == [{"refund_transactions": [], **told}]
    again = builders.order(
        refunds=[refund(cents=1, note="another"), refund("F2", 500)],
        updated_at="2026-03-01T00:00:00Z",
    )
    assert sent(again)["refunds"] == [
        {"refund_transactions": [], **told},
        {"refund_transactions": [], **refund("F2", 500)},
    ]


def test_several_refund_lines_for_one_order_line_are_taken_and_told_as_they_came(sent, api):
    lines = [
        {"identifier": "a", "quantity": 1, "order_item_identifier": "1"},
        {"identifier": "b", "quantity": 2, "order_item_identifier": "1"},
    ]
    snapshot = sent(builders.order(refunds=[refund(refund_line_items=lines, cents=39168)]))
    assert snapshot["refunds"][0]["refund_line_items"] == lines
    assert api.get("/api/v1/orders/ORD-1").json()["items"][0]["quantity_refunded"] == 3


def test_the_desks_refund_that_comes_back_with_the_order_is_told_once(
    refunded, optoro, send_order, drain
):
    echo = optoro.last()["refunds"]
    send_order(builders.order(updated_at="2027-01-01T00:00:00Z", refunds=echo))
    drain()
    assert optoro.last()["refunds"] == echo
    assert Refund.objects.count() == 1


# --- Time --------------------------------------------------------------------------------------


def test_updated_at_is_the_newest_of_order_and_refunds_and_never_goes_back(
    send_order, send_rma, drain, optoro
):
    with time_machine.travel(datetime(2026, 2, 1, 12, tzinfo=UTC), tick=False):
        send_order(builders.order())
        drain()
        send_rma(builders.rma(tracking="TRANSIT"))
        drain()
    send_order(builders.order(updated_at="2026-01-30T00:00:00Z", note="older than the refund"))
    drain()
    send_order(builders.order(updated_at="2026-02-02T00:00:00Z"))
    drain()
    assert [(s["updated_at"], len(s["refunds"])) for s in optoro.snapshots] == [
        ("2026-01-23T13:37:19Z", 0),
        ("2026-02-01T12:00:00Z", 1),
        ("2026-02-01T12:00:00Z", 1),
        ("2026-02-02T00:00:00Z", 1),
    ]
    assert optoro.snapshots[2]["note"] == "older than the refund"

"""Mirroring orders: never backwards, nothing lost, contradictions shown."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisCase

from apps.attention.models import Item
from apps.inbox.services import take_order
from apps.optoro.order_message import parse
from apps.orders.models import Order, OrderMessage
from apps.orders.queries import captured_amount_cents, find_order, orders_named
from apps.stores.models import Store
from apps.stores.queries import default_store
from tests.support import builders

pytestmark = pytest.mark.django_db


def at(minute, note, **changes):
    return builders.order(updated_at=f"2026-01-23T10:{minute:02d}:00Z", note=note, **changes)


def result(answer):
    [told] = answer.json()["results"]
    return told["result"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whatever_the_order_of_arrival_the_newest_snapshot_stands(order, send_order, api):
    snapshots = [
        at(1, "first", lines=[builders.line(quantity_shipped=0)], status="Created"),
        at(2, "second"),
        at(3, "third", lines=[builders.line(), builders.line("2")]),
    ]
    newest = -1
    for number in order:
        expected = "created" if newest < 0 else "updated" if number > newest else "stale"
        assert result(send_order(snapshots[number])) == expected
        newest = max(newest, number)
    shown = api.get("/api/v1/orders/ORD-1").json()
    assert (shown["note"], shown["updated_at"]) == ("third", "2026-01-23T10:03:00Z")
    assert [item["identifier"] for item in shown["items"]] == ["1", "2"]
    assert OrderMessage.objects.count() == 3


def test_the_same_snapshot_again_changes_nothing(send_order, api):
    send_order(at(1, "a"))
    before = Order.objects.values().get()
    assert result(send_order(at(1, "a"))) == "unchanged"
    assert result(send_order(dict(reversed(at(1, "a").items())))) == "unchanged"
    assert Order.objects.values().get() == before
    assert OrderMessage.objects.count() == 1


def test_equal_times_with_other_content_are_taken_as_they_come_but_never_undone(send_order, api):
    assert result(send_order(at(1, "a"))) == "created"
    assert result(send_order(at(1, "b"))) == "updated"
    assert result(send_order(at(1, "a"))) == "unchanged"  # a late copy of what was before
    assert api.get("/api/v1/orders/ORD-1").json()["note"] == "b"
    assert result(send_order(at(2, "a"))) == "updated"
    assert result(send_order(at(1, "b"))) == "stale"
    assert api.get("/api/v1/orders/ORD-1").json()["note"] == "a"


def test_times_are_compared_as_moments_and_not_as_text(send_order, api):
    assert result(send_order(builders.order(updated_at="2026-01-23T10:00:00Z"))) == "created"
    later = builders.order(updated_at="2026-01-23T09:30:00-01:00", note="later")
    assert result(send_order(later)) == "updated"
    earlier = builders.order(updated_at="2026-01-23T11:00:00+02:00", note="earlier")
    assert result(send_order(earlier)) == "stale"
    assert api.get("/api/v1/orders/ORD-1").json()["note"] == "later"


class TestAnySequence(HypothesisCase):
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=8))
    def test_the_mirror_never_goes_backwards(self, arrivals):
        store = default_store()
        newest, seen, expected = -1, set(), None
        for minute, variant in arrivals:
            take_order(store=store, wire=parse(at(minute, f"{minute}-{variant}")))
            if minute > newest or (minute == newest and (minute, variant) not in seen):
                newest, expected = minute, f"{minute}-{variant}"
            seen.add((minute, variant))
            order = Order.objects.get()
            assert order.note == expected
            assert order.remote_updated_at.minute == newest
        assert OrderMessage.objects.count() == len(seen)


def test_what_came_is_kept_as_it_came(send_order):
    order = at(1, "a", unknown={"field": [1.5, None]}, identifier=1001)
    send_order(order)
    assert Order.objects.get().raw == order
    assert OrderMessage.objects.get().raw == order
    assert Order.objects.get().identifier == "1001"


# --- Lines -------------------------------------------------------------------------------------


def test_a_line_that_is_gone_is_shown_no_more_but_its_row_stays(send_order, api):
    send_order(at(1, "a", lines=[builders.line("1"), builders.line("2")]))
    send_order(at(2, "b", lines=[builders.line("2")]))
    assert [i["identifier"] for i in api.get("/api/v1/orders/ORD-1").json()["items"]] == ["2"]
    gone = Order.objects.get().lines.get(identifier="1")
    assert gone.is_removed
    send_order(at(3, "c", lines=[builders.line("3"), builders.line("1"), builders.line("2")]))
    shown = api.get("/api/v1/orders/ORD-1").json()["items"]
    assert [i["identifier"] for i in shown] == ["3", "1", "2"]
    assert Order.objects.get().lines.get(identifier="1").pk == gone.pk


def test_a_line_that_is_gone_stays_known_to_its_returns(send_order, send_rma, drain, api):
    send_order(at(1, "a", lines=[builders.line("1"), builders.line("2")]))
    send_rma(builders.rma())
    drain()
    send_order(at(2, "b", lines=[builders.line("2")]))
    drain()
    assert len(api.get("/api/v1/rmas/RMA-1").json()["items"]) == 4


def test_a_lines_figures_follow_its_newest_snapshot(send_order, api):
    send_order(at(1, "a", lines=[builders.line(quantity_shipped=1)]))
    send_order(at(2, "b", lines=[builders.line(quantity_shipped=3, quantity_canceled=1)]))
    [item] = api.get("/api/v1/orders/ORD-1").json()["items"]
    assert (item["quantity"], item["quantity_shipped"], item["quantity_canceled"]) == (4, 3, 1)


# --- Contradictions ----------------------------------------------------------------------------


def test_a_header_that_contradicts_its_lines_is_taken_and_flagged(send_order, api):
    lines = [
        builders.line(),
        builders.line("2", quantity=3, unit_price_amount_cents=10000, tax_amount_cents=3000),
    ]
    answer = send_order(at(1, "a", lines=lines, total_amount_cents=52224))
    assert answer.status_code == 200
    [told] = answer.json()["results"]
    assert told == {
        "index": 0,
        "identifier": "ORD-1",
        "result": "created",
        "warnings": [
            {
                "field": "total_amount_cents",
                "code": "differs_from_lines",
                "difference_cents": 52224 - 85224,
            }
        ],
    }
    assert api.get("/api/v1/orders/ORD-1").json()["header_difference_cents"] == -33000
    item = Item.objects.get(kind="order_header_differs", resolved_at=None)
    assert item.detail == (
        "The header says $522.24; that differs by -$330.00 from lines and shipping."
    )

    assert "warnings" not in send_order(at(2, "b", lines=lines)).json()["results"][0]
    assert not Item.objects.filter(kind="order_header_differs", resolved_at=None).exists()


def test_shipping_and_discount_belong_to_the_header(send_order):
    answer = send_order(
        at(
            1,
            "a",
            lines=[builders.line(discount_amount_cents=500)],
            shipping_amount_cents=700,
            shipping_tax_amount_cents=56,
        )
    )
    assert "warnings" not in answer.json()["results"][0]
    assert Order.objects.get().total_amount_cents == 52224 - 500 + 756


# --- Finding -----------------------------------------------------------------------------------


def test_an_order_is_found_by_either_identifier(send_order, api):
    send_order(at(1, "a", secondary_identifier="WEB-1"))
    assert api.get("/api/v1/orders/WEB-1").json()["identifier"] == "ORD-1"


def test_a_secondary_identifier_that_several_orders_share_names_none(send_order, api, store):
    send_order(at(1, "a", secondary_identifier="WEB-1"))
    assert find_order(store_id=store.pk, identifier="WEB-1") is not None
    send_order(builders.order("ORD-2", secondary_identifier="WEB-1"))
    assert find_order(store_id=store.pk, identifier="WEB-1") is None
    assert orders_named(store_id=store.pk, identifiers=["WEB-1", "ORD-2", ""]).keys() == {"ORD-2"}
    assert api.get("/api/v1/orders/WEB-1").status_code == 404


def test_an_identifier_goes_before_a_secondary_one(send_order, store):
    send_order(builders.order("A", secondary_identifier="B"), builders.order("B"))
    assert find_order(store_id=store.pk, identifier="B").identifier == "B"
    assert orders_named(store_id=store.pk, identifiers=["B"])["B"].identifier == "B"
    assert find_order(store_id=store.pk, identifier="") is None


def test_orders_of_another_store_are_not_found(send_order, store):
    other = Store.objects.create(identifier="two", name="Two")
    send_order(at(1, "a", secondary_identifier="WEB-1"))
    for name in ("ORD-1", "WEB-1"):
        assert find_order(store_id=store.pk, identifier=name) is not None
        assert find_order(store_id=other.pk, identifier=name) is None
    assert orders_named(store_id=other.pk, identifiers=["ORD-1", "WEB-1"]) == {}


# --- Payments ----------------------------------------------------------------------------------


def paid(identifier, kind, cents, status="SUCCESS"):
    return {
        "identifier": identifier,
        "type": kind,
        "status": status,
        "amount_cents": cents,
        "gateway": "stripe",
    }


def test_what_was_captured_is_the_sum_of_successful_captures_and_sales(send_order):
    send_order(
        at(
            1,
            "a",
            transactions=[
                paid("1", "AUTHORIZATION", 99999),
                paid("2", "CAPTURE", 20000),
                paid("3", "SALE", 30000),
                paid("4", "CAPTURE", 7777, "FAILURE"),
                paid("5", "CAPTURE", 8888, "PENDING"),
                paid("6", "REFUND", 5000),
            ],
        )
    )
    assert captured_amount_cents(Order.objects.get()) == 50000


def test_a_transaction_that_is_told_again_is_the_same_one(send_order):
    send_order(at(1, "a", transactions=[paid("1", "CAPTURE", 100, "PENDING")]))
    assert captured_amount_cents(Order.objects.get()) == 0
    send_order(at(2, "a", transactions=[paid("1", "CAPTURE", 100)]))
    assert captured_amount_cents(Order.objects.get()) == 100


def test_without_any_transactions_the_lines_and_shipping_are_believed(send_order):
    send_order(at(1, "a", shipping_amount_cents=700))
    assert captured_amount_cents(Order.objects.get()) == 52924

"""Snapshots over HTTP: status codes, refunds that must stay as they are, and violations."""

import pytest

from tests.sandbox.helpers import changed, order, refund, wrapped

LATER = "2023-01-28T19:42:49.23Z"


def with_refunds(*refunds, identifier="ORD1", updated_at=LATER):
    return order(identifier, updated_at=updated_at, refunds=list(refunds))


def kinds(caller):
    return [violation.kind for violation in caller.optoro.books.violations]


def test_a_snapshot_is_accepted_and_kept(caller):
    answer = caller.send_orders(order())
    assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
    assert caller.optoro.books.orders["ORD1"].document == order()


@pytest.mark.parametrize("version", ["1", "v3", ""])
def test_the_api_version_is_needed(caller, version):
    answer = caller.send(wrapped(order()), headers={"Api-Version": version})
    assert answer.status_code == 400
    assert caller.optoro.books.orders == {}


@pytest.mark.parametrize("body", [b"{", b"", b'{"a": NaN}', b"\xff\xfe{}", b"[" * 100_000])
def test_malformed_json_is_400(caller, body):
    assert caller.send(body).status_code == 400


def test_a_body_too_large_is_413_and_not_read(caller):
    limit = caller.optoro.options.max_body_bytes
    assert caller.send(b" " * (limit + 1)).status_code == 413
    assert caller.send_orders(order()).status_code == 202


def test_one_wrong_order_refuses_all(caller):
    assert caller.errors(order(), changed(order("ORD2"), "currency")) == [
        ("orders[1].currency", "missing_field")
    ]
    assert caller.optoro.books.orders == {}


def test_the_last_snapshot_wins_and_an_older_one_is_a_violation(caller):
    caller.send_orders(order(updated_at="2023-01-24T00:00:00Z"))
    assert caller.send_orders(order(updated_at="2023-01-23T00:00:00Z")).status_code == 202
    held = caller.optoro.books.orders["ORD1"].document
    assert held["updated_at"] == "2023-01-23T00:00:00Z"
    assert kinds(caller) == ["older_snapshot"]
    found = caller.client.get("/violations").json()["violations"]
    assert found[0]["subject"] == "ORD1"


def test_the_same_snapshot_again_is_no_violation(caller):
    caller.send_orders(order(updated_at="2023-01-24T00:00:00Z"))
    caller.send_orders(order(updated_at="2023-01-23T19:00:00-05:00"))
    assert kinds(caller) == []


def test_a_refund_again_unchanged_is_fine(caller):
    for _ in range(2):
        assert caller.send_orders(with_refunds(refund())).status_code == 202
    moved = refund(created_at="2023-01-28T20:42:49.23+01:00")
    assert caller.send_orders(with_refunds(moved)).status_code == 202
    assert caller.optoro.books.counters["refunds"] == 1


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("total_refund_amount_cents", 1, "total_refund_amount_cents"),
        ("created_at", "2023-01-28T19:42:50Z", "created_at"),
        ("refund_line_items.0.quantity", 3, "refund_line_items"),
        ("refund_line_items.0.identifier", "other", "refund_line_items"),
        ("refund_line_items", [], "refund_line_items"),
        ("rma_identifier", "other", "rma_identifier"),
    ],
)
def test_a_refund_that_was_sent_never_changes(caller, path, value, field):
    sent = refund(rma="R1")
    caller.send_orders(with_refunds(sent))
    errors = caller.errors(with_refunds(changed(sent, path, value)))
    assert errors == [(f"orders[0].refunds[0].{field}", "invalid")]
    assert caller.optoro.books.refunds["RET1"].document == sent


def test_a_refund_identifier_belongs_to_one_order(caller):
    caller.send_orders(with_refunds(refund()))
    errors = caller.errors(with_refunds(refund(), identifier="ORD2"))
    assert errors == [("orders[0].refunds[0].identifier", "invalid")]


def test_a_refund_identifier_belongs_to_one_order_within_a_request_too(caller):
    errors = caller.errors(with_refunds(refund()), with_refunds(refund(), identifier="ORD2"))
    assert errors == [("orders[1].refunds[0].identifier", "invalid")]


def test_a_refund_is_named_once_in_an_order(caller):
    errors = caller.errors(with_refunds(refund(quantity=1), refund(quantity=1)))
    assert errors == [("orders[0].refunds[1].identifier", "invalid")]


def test_a_line_identifier_belongs_to_one_refund(caller):
    first, second = refund("RET1", quantity=1), refund("RET2", quantity=1)
    second["refund_line_items"][0]["identifier"] = "RET1_1"
    caller.send_orders(with_refunds(first))
    field = "refund_line_items[0].identifier"
    assert caller.errors(with_refunds(first, second)) == [
        (f"orders[0].refunds[1].{field}", "invalid")
    ]
    assert caller.errors(with_refunds(second, identifier="ORD2")) == [
        (f"orders[0].refunds[0].{field}", "invalid")
    ]


def test_a_line_identifier_is_used_once_in_a_refund(caller):
    twice = refund(quantity=1)
    twice["refund_line_items"] *= 2
    assert caller.errors(with_refunds(twice)) == [
        ("orders[0].refunds[0].refund_line_items[1].identifier", "invalid")
    ]


def test_a_refused_request_leaves_nothing_behind(caller):
    caller.errors(with_refunds(refund()), changed(order("ORD2"), "currency"))
    assert caller.send_orders(with_refunds(refund(), identifier="ORD3")).status_code == 202


def test_a_refund_does_not_vanish_from_a_newer_snapshot(caller):
    caller.send_orders(with_refunds(refund()))
    assert caller.errors(order(updated_at=LATER)) == [("orders[0].refunds", "invalid")]


def test_an_older_snapshot_without_the_refund_is_only_a_violation(caller):
    caller.send_orders(with_refunds(refund()))
    assert caller.send_orders(order()).status_code == 202
    assert kinds(caller) == ["older_snapshot"]
    assert list(caller.optoro.books.refunds) == ["RET1"]


def test_refunding_more_units_than_shipped_is_a_violation(caller):
    refunds = [refund("RET1", quantity=4), refund("RET2", quantity=1, total=0)]
    caller.send_orders(with_refunds(*refunds))
    caller.send_orders(with_refunds(*refunds, updated_at="2023-01-29T00:00:00Z"))
    assert kinds(caller) == ["line_over_refunded"]


def test_refunding_more_than_the_order_cost_is_a_violation(caller):
    caller.send_orders(with_refunds(refund(total=52_225)))
    assert kinds(caller) == ["order_over_refunded"]


def test_asns_and_vendor_updates_are_recorded(caller):
    assert caller.send({"asn_number": "A1"}, "/asns").status_code == 202
    assert caller.send({"asn_number": "A1"}, "/asns/A1", method="PUT").status_code == 202
    vendor = {"vendor_update": {"vendor_identifier": "V1", "name": "Acme"}}
    assert caller.send(vendor, "/vendor_updates").status_code == 201
    assert caller.send(vendor, "/vendor_updates").status_code == 202
    assert caller.send({"vendor_update": {}}, "/vendor_updates").status_code == 422
    assert caller.send([], "/asns").status_code == 400
    assert caller.send({}, "/asns", headers={"Authorization": ""}).status_code == 401
    state = caller.client.get("/state").json()
    assert (len(state["asns"]), list(state["vendors"])) == (2, ["V1"])


def test_unknown_addresses_are_404(caller):
    assert caller.client.get("/nothing").status_code == 404
    assert caller.client.post("/nothing", json={}).status_code == 404


def test_a_trailing_slash_does_not_matter(caller):
    assert caller.send(wrapped(order()), "/returns_portal_orders/").status_code == 202

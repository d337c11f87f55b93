"""Reading the RMAs webhook: everything is either a message or a list of what is wrong."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import InvalidMessage
from apps.optoro.reading import load_json, refuse_unstorable
from apps.optoro.rma_message import Drift, WireRma, identifier_in, parse
from tests.optoro.mutations import ANY_JSON, mutations, outcome
from tests.support import builders

GOOD = builders.rma(tracking="TRANSIT", warehouse_id=7, concept="A", receiving_complete=False)


def assert_read_or_refused(content):
    message = outcome(parse, content)
    if message is None:
        return
    assert isinstance(message, WireRma)
    assert message.rma_identifier
    assert message.units
    for unit in message.units:
        assert unit.order_identifier
        assert unit.order_line_item_identifier
        assert type(unit.estimated_refund_amount_cents) is int
        assert 0 <= unit.estimated_refund_amount_cents <= 10**13
    for moment in (message.created_at, message.updated_at):
        assert moment is None or (moment.tzinfo is UTC and 1970 <= moment.year < 3000)


@given(ANY_JSON)
def test_any_json_is_read_or_refused(content):
    assert_read_or_refused(content)
    assert len(identifier_in(content)) <= 255


@given(mutations(GOOD))
def test_any_mutation_of_a_good_message_is_read_or_refused(content):
    assert_read_or_refused(content)
    assert len(identifier_in(content)) <= 255


def storable_json(body):
    content = load_json(body)
    refuse_unstorable(content)
    return content


@given(st.binary(max_size=200) | ANY_JSON.map(lambda c: json.dumps(c).encode()))
def test_any_bytes_are_json_that_can_be_stored_or_refused(body):
    content = outcome(storable_json, body)
    json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    assert "\\u0000" not in json.dumps(content)


@given(st.integers(0, 3000))
def test_nesting_of_any_depth_is_read_or_refused(depth):
    body = b"[" * depth + b"1" + b"]" * depth
    assert (outcome(storable_json, body) is None) == (depth > 100)


def test_a_whole_message():
    message = parse(GOOD)
    assert (message.rma_identifier, message.status) == ("RMA-1", "CREATED")
    assert message.return_method == "mail-back"
    assert message.created_at == datetime(2026, 1, 27, 23, 25, 9, tzinfo=UTC)
    assert message.updated_at == datetime(2026, 1, 28, 10, 0, tzinfo=UTC)
    assert (message.warehouse_identifier, message.concept) == ("7", "A")
    assert message.receiving_complete is False
    assert (message.gift_refund_only, message.giftee_email) == (False, "")
    assert message.drift == ()
    assert len(message.units) == 4
    unit = message.units[0]
    assert (unit.order_identifier, unit.order_line_item_identifier) == ("ORD-1", "1")
    assert (unit.refund_type, unit.package_tracking_status) == ("REFUND", "TRANSIT")
    assert unit.estimated_refund_amount_cents == unit.shopper_refund_amount_cents == 13056
    assert unit.optoro_refund_amount_cents == 0


def test_items_as_a_bare_object_are_one_unit():
    assert (
        parse({**GOOD, "items": builders.unit()}).units
        == parse({**GOOD, "items": [builders.unit()]}).units
    )


@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        ("refund_type", "EVEN_EXCHANGE", "INSTANT_EXCHANGE"),
        ("refund_type", "UNEVEN_GC", "INSTANT_STORE_CREDIT"),
        ("refund_type", "UNEVEN_EXCHANGE", "UNEVEN_EXCHANGE"),
        ("refund_type", "STANDARD_EXCHANGE", "STANDARD_EXCHANGE"),
    ],
)
def test_names_of_version_3_are_read_as_the_newer_ones(where, old, new):
    message = parse({**GOOD, "items": [builders.unit(**{where: old})]})
    assert getattr(message.units[0], where) == new
    assert message.drift == ()


def test_the_return_method_of_the_prose_is_the_one_of_the_schema():
    message = parse({**GOOD, "return_method": "express-return"})
    assert (message.return_method, message.drift) == ("express-returns", ())


def test_unknown_words_are_kept_and_told_once_each():
    items = [builders.unit(refund_type="BARTER") for _ in range(3)]
    message = parse({**GOOD, "items": items, "status": "PAUSED"})
    assert message.status == "PAUSED"
    assert {unit.refund_type for unit in message.units} == {"BARTER"}
    assert set(message.drift) == {Drift("refund_type", "BARTER"), Drift("status", "PAUSED")}


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-28T10:00:00Z",
        "2026-01-28T10:00:00+00:00",
        "2026-01-28T10:00:00.000Z",
        "2026-01-28T10:00:00.000000+00:00",
        "2026-01-28T12:00:00+02:00",
        "2026-01-28T10:00:00",
        "2026-01-28 10:00:00",
        " 2026-01-28T10:00:00Z ",
    ],
)
def test_times_in_every_spelling(written):
    assert parse({**GOOD, "updated_at": written}).updated_at == datetime(
        2026, 1, 28, 10, tzinfo=UTC
    )


def test_version_3_has_no_bonus_credit_and_version_5_does():
    assert parse(GOOD).bonus_credit_amount_cents == 0
    assert parse({**GOOD, "bonus_credit_amount_cents": 500}).bonus_credit_amount_cents == 500


def test_every_error_names_the_path_of_its_field():
    with pytest.raises(InvalidMessage) as caught:
        parse({**GOOD, "status": None, "items": [builders.unit(), {**builders.unit(), "sku": []}]})
    assert [(e.field, e.code) for e in caught.value.errors] == [
        ("items[1].sku", "invalid_type"),
        ("status", "missing_field"),
    ]


def test_a_long_return_reason_is_cut_and_does_not_stop_the_message():
    unit = {**builders.unit(), "return_reason": "too small " * 100}
    [read] = parse(builders.rma(units=[unit])).units
    assert read.return_reason == ("too small " * 100)[:255]

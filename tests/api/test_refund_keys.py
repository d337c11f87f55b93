"""The idempotency keys of refunds: one refund per key, for ever."""

import json

import pytest

from apps.refunds.models import Refund, RefundRequest
from apps.rmas.models import RmaUnit
from tests.api.calls import errors, goodwill, post_refund, wish, written
from tests.support import builders

pytestmark = pytest.mark.django_db

KEY_REMEDY = "Send 1 to 255 printable characters, the same ones whenever you try again."


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (None, "is missing or blank"),
        ("", "is missing or blank"),
        ("   ", "is missing or blank"),
        ('""', "is missing or blank"),
        ('"  "', "is missing or blank"),
        ("x" * 256, "is 256 characters long"),
        ('"' + "x" * 256 + '"', "is 256 characters long"),
        ('"open', "the quotes are not closed"),
        ('"', "the quotes are not closed"),
        ('"a", "b"', "the quotes are not closed"),
        ("a\tb", "holds what cannot be printed in ASCII"),
        ("k\xe9y", "holds what cannot be printed in ASCII"),
    ],
)
def test_without_a_good_key_nothing_is_made(bought, api, key, why):
    before = written()
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = api.post("/api/v1/refunds", wish(), content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {"message": f"Idempotency-Key: {why}. {KEY_REMEDY}"}
    assert written() == before
    assert post_refund(api, wish()).status_code == 201


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", "!~", 'in"side', '"' + "x" * 255 + '"'])
def test_a_key_is_any_printable_text(bought, api, key):
    assert post_refund(api, wish(), key).status_code == 201
    assert post_refund(api, wish(), key).status_code == 200
    assert RefundRequest.objects.get().key == key.removeprefix('"').removesuffix('"')


def test_the_same_request_in_another_spelling_is_the_same(send_order, optoro, api):
    lines = [builders.line("1"), builders.line("2", quantity=1)]
    send_order(builders.order(lines=lines, secondary_identifier="WEB-1"))
    first = {"order_item_identifier": "1", "quantity": 2}
    second = {"order_item_identifier": "2", "quantity": 1, "amount_cents": 5}
    body = wish(lines=[first, second], note="n")
    made = post_refund(api, body, "one")
    assert made.status_code == 201
    turned = dict(reversed([(n, v) for n, v in body.items()]))
    spellings = [
        (json.dumps(turned), "one"),
        (json.dumps(wish(lines=[second, first], note="n")), "one"),
        (json.dumps(body, indent=3), '"one"'),
        (json.dumps(wish("WEB-1", lines=[first, second], note=" n ")), '"one"'),
        (json.dumps({**body, "rma_identifier": "", "destination": ""}), " one "),
    ]
    for spelling, key in spellings:
        again = post_refund(api, spelling, key)
        assert again.status_code == 200
        assert again.content == made.content
    assert Refund.objects.count() == 1


def test_quotes_in_a_quoted_key_are_escaped(bought, api):
    assert post_refund(api, wish(), r'"a\"b\\c"').status_code == 201
    assert post_refund(api, wish(), r"a" + '"' + r"b\c").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"order_item_identifier": "1", "quantity": 2}]},
        {"lines": [{"order_item_identifier": "1", "quantity": 1, "amount_cents": 13056}]},
        {"reason": "arrived late"},
        {"note": "n"},
        {"destination": "original_payment"},
        {"order_identifier": "ORD-2"},
    ],
)
def test_a_key_used_for_another_refund_is_refused_and_writes_nothing(
    bought, send_order, api, drain, change
):
    send_order(builders.order("ORD-2"))
    made = post_refund(api, wish(), "one").json()["identifier"]
    drain()
    before = written()
    answer = post_refund(api, wish(**change), "one")
    assert answer.status_code == 409
    assert answer.json() == {
        "message": f"key 'one' was used before for another refund, {made}: take a new key for a "
        "new refund"
    }
    drain()
    assert written() == before
    assert post_refund(api, wish(**change), "two").status_code == 201


def test_a_key_stays_free_where_its_refund_was_refused(bought, api):
    assert post_refund(api, goodwill(5001), "one").status_code == 422
    assert post_refund(api, goodwill(5000), "one").status_code == 201


def test_the_first_answer_is_given_again_when_its_return_has_changed(
    returned, api, send_rma, drain
):
    body = goodwill(rma_identifier="RMA-1")
    first = post_refund(api, body, "one")
    assert first.status_code == 201
    RmaUnit.objects.update(order=None, order_line=None, order_identifier="ORD-9")
    assert post_refund(api, body, "one").content == first.content
    assert errors(post_refund(api, body, "two")) == [
        ("rma_identifier", "invalid", "RMA RMA-1 returns nothing of order ORD-1")
    ]

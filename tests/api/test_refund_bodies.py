"""Bodies of requests to refund: everything wrong is named, and nothing is written."""

import pytest

from tests.api.calls import errors, line, post_refund, wish, written

pytestmark = pytest.mark.django_db

NO_LINE = "holds no line; write at least one, or leave it out for goodwill"
FIELDS = (
    "order_identifier, lines, goodwill_amount_cents, rma_identifier, destination, "
    "recipient_email, reason, note"
)
DUE = "write 1 or more cents, or leave it out for what is due"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"amount": 5},
            ("amount", "unknown_field", f"is no field of this request; there are: {FIELDS}"),
        ),
        (
            line(amount=5),
            (
                "lines[0].amount",
                "unknown_field",
                "is no field of this request; there are: order_item_identifier, quantity, "
                "amount_cents",
            ),
        ),
        ({"order_identifier": None}, ("order_identifier", "missing_field", "is required")),
        ({"order_identifier": " "}, ("order_identifier", "missing_field", "must not be empty")),
        (
            {"order_identifier": ["ORD-1"]},
            ("order_identifier", "invalid_type", "must be text, not a list"),
        ),
        (
            {"order_identifier": "NONE"},
            ("order_identifier", "invalid", "there is no order 'NONE': send it first"),
        ),
        (
            {"order_identifier": "x" * 256},
            ("order_identifier", "invalid", "is 256 characters long; at most 255 fit"),
        ),
        ({"rma_identifier": "NONE"}, ("rma_identifier", "invalid", "there is no RMA 'NONE'")),
        ({"reason": ""}, ("reason", "missing_field", "must not be empty")),
        ({"reason": None}, ("reason", "missing_field", "is required")),
        (
            {"reason": "x" * 256},
            ("reason", "invalid", "is 256 characters long; at most 255 fit"),
        ),
        ({"note": "x" * 2001}, ("note", "invalid", "is 2001 characters long; at most 2000 fit")),
        ({"note": "a\0b"}, ("note", "invalid", "holds a NUL character or half a character pair")),
        ({"lines": []}, ("lines", "invalid", NO_LINE)),
        ({"lines": None}, ("lines", "invalid", NO_LINE)),
        ({"lines": "1"}, ("lines", "invalid_type", "must be a list, not text")),
        ({"lines": [1]}, ("lines[0].", "", "")),
        (line(quantity=0), ("lines[0].quantity", "invalid", "is 0: must be 1 to 1000")),
        (line(quantity=-1), ("lines[0].quantity", "invalid", "is -1: must be 1 to 1000")),
        (line(quantity=1001), ("lines[0].quantity", "invalid", "is 1001: must be 1 to 1000")),
        (line(quantity=None), ("lines[0].quantity", "missing_field", "is required")),
        (
            line(quantity=True),
            ("lines[0].quantity", "invalid_type", "must be a whole number, not true or false"),
        ),
        (
            line(quantity=1.0),
            ("lines[0].quantity", "invalid_type", "must be a whole number, not a decimal number"),
        ),
        (
            line(quantity="1"),
            ("lines[0].quantity", "invalid_type", "must be a whole number, not text"),
        ),
        (line(amount_cents=0), ("lines[0].amount_cents", "invalid", f"is 0; {DUE}")),
        (line(amount_cents=None), ("lines[0].amount_cents", "invalid_type", f"is null; {DUE}")),
        (
            line(amount_cents=-5),
            ("lines[0].amount_cents", "invalid", "is -5: must not be negative"),
        ),
        (
            line(amount_cents=10**15 + 1),
            (
                "lines[0].amount_cents",
                "invalid",
                "is 1000000000000001: too large to be an amount in cents",
            ),
        ),
        (
            line(amount_cents=False),
            ("lines[0].amount_cents", "invalid_type", "must be a whole number, not true or false"),
        ),
        (
            line(amount_cents=1e3),
            (
                "lines[0].amount_cents",
                "invalid_type",
                "must be a whole number, not a decimal number",
            ),
        ),
        (
            line(amount_cents="500"),
            ("lines[0].amount_cents", "invalid_type", "must be a whole number, not text"),
        ),
        (
            line(order_item_identifier=""),
            ("lines[0].order_item_identifier", "missing_field", "must not be empty"),
        ),
        (
            {"goodwill_amount_cents": 0},
            (
                "goodwill_amount_cents",
                "invalid",
                "is 0; write 1 or more cents, or leave it out for a refund of goods",
            ),
        ),
        (
            {"goodwill_amount_cents": None},
            (
                "goodwill_amount_cents",
                "invalid_type",
                "is null; write 1 or more cents, or leave it out for a refund of goods",
            ),
        ),
        (
            {"destination": "store_credit"},
            (
                "destination",
                "invalid",
                "is 'store_credit'; must be one of original_payment, gift_card",
            ),
        ),
        (
            {"destination": "gift_card", "recipient_email": "nobody"},
            ("recipient_email", "invalid", "is 'nobody': write an email address"),
        ),
        (
            {"recipient_email": "a@example.com"},
            (
                "recipient_email",
                "invalid",
                "only a gift card has a recipient; write the destination gift_card too",
            ),
        ),
        (
            {"recipient_email": "a@example.com", "destination": "original_payment"},
            (
                "recipient_email",
                "invalid",
                "the original payment has no recipient; leave it out, or write gift_card",
            ),
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(bought, api, change, found):
    before = written()
    answer = post_refund(api, wish(**change), "one")
    if found == ("lines[0].", "", ""):
        assert ("lines[0]", "invalid_type", "must be an object") in errors(answer)
    else:
        assert errors(answer) == [found]
        assert answer.json()["message"] == "The request is not valid."
    assert written() == before
    assert post_refund(api, wish(), "one").status_code == 201


def test_everything_that_is_wrong_is_named_at_once(bought, api):
    body = {"lines": [{"quantity": 0, "x": 1}], "y": 1, "goodwill_amount_cents": 0}
    assert [(field, code) for field, code, _ in errors(post_refund(api, body))] == [
        ("y", "unknown_field"),
        ("order_identifier", "missing_field"),
        ("reason", "missing_field"),
        ("lines[0].x", "unknown_field"),
        ("lines[0].order_item_identifier", "missing_field"),
        ("lines[0].quantity", "invalid"),
        ("goodwill_amount_cents", "invalid"),
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ("5", "must be an object"),
        ('"text"', "must be an object"),
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"a": NaN}', "not JSON: NaN is not a JSON number"),
        ('{"a": 1e999}', "not JSON: 1e999 is too large a number"),
    ],
)
def test_a_body_that_is_no_object_is_refused(bought, api, body, found):
    [(field, _, message)] = errors(post_refund(api, body))
    assert (field, message) == ("", found)


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"lines": ' * 500, "9" * 5000, '{"reason": "\\ud800"}', b"\xff\xfe\x00"],
)
def test_no_body_breaks_anything(bought, api, body):
    before = written()
    assert post_refund(api, body).status_code in (400, 422)
    assert written() == before


def test_a_name_with_half_a_character_pair_is_refused_in_words(bought, api):
    [(field, code, message)] = errors(post_refund(api, '{"\\ud800": 1, "note": "x"}'))
    assert (field, code) == ("", "invalid")
    assert message == "holds a NUL character or half a character pair"

"""What a machine asks to be refunded: its body, strictly read, and the rows that it names."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from rest_framework.request import Request

from apps.api.bodies import read_amount, read_object, read_quantity, refuse_other_fields
from apps.common.errors import FieldError, InvalidMessage
from apps.optoro.reading import Reader
from apps.orders.models import Order
from apps.orders.queries import find_order
from apps.refunds.models import Destination, RefundRequest
from apps.refunds.wanted import WantedLine, Wish
from apps.rmas.models import Rma
from apps.rmas.queries import rmas_of_order
from apps.stores.models import Store

ORIGIN = "api"
MAX_NOTE = 2000
DESTINATIONS = (Destination.ORIGINAL_PAYMENT.value, Destination.GIFT_CARD.value)
_FIELDS = (
    "order_identifier",
    "lines",
    "goodwill_amount_cents",
    "rma_identifier",
    "destination",
    "recipient_email",
    "reason",
    "note",
)
_NO_RECIPIENT = "only a gift card has a recipient; write the destination gift_card too"
_LINE_FIELDS = ("order_item_identifier", "quantity", "amount_cents")


@dataclass(frozen=True)
class RefundBody:
    """A request to refund as it was written; its identifiers may name nothing."""

    order_identifier: str
    reason: str
    rma_identifier: str
    lines: tuple[WantedLine, ...]
    goodwill_amount_cents: int | None
    destination: str
    recipient_email: str
    note: str


def read(request: Request) -> RefundBody:
    """Reads the body of a request to refund; raises InvalidMessage with everything wrong in it."""
    reader = read_object(request, *_FIELDS)
    body = RefundBody(
        order_identifier=reader.text("order_identifier", required=True),
        reason=reader.text("reason", required=True),
        rma_identifier=reader.text("rma_identifier"),
        lines=_lines(reader),
        goodwill_amount_cents=read_amount(
            reader, "goodwill_amount_cents", without="a refund of goods"
        ),
        destination=reader.word("destination", DESTINATIONS, required=False),
        recipient_email=_email(reader),
        note=reader.text("note", limit=MAX_NOTE),
    )
    if body.recipient_email and not (body.rma_identifier or body.destination):
        reader.add("recipient_email", "invalid", _NO_RECIPIENT)
    if body.recipient_email and body.destination == Destination.ORIGINAL_PAYMENT:
        message = "the original payment has no recipient; leave it out, or write gift_card"
        reader.add("recipient_email", "invalid", message)
    reader.raise_errors()
    return body


def _lines(reader: Reader) -> tuple[WantedLine, ...]:
    lines = []
    for one in reader.objects("lines"):
        refuse_other_fields(one, *_LINE_FIELDS)
        lines.append(
            WantedLine(
                order_item_identifier=one.text("order_item_identifier", required=True),
                quantity=read_quantity(one, "quantity"),
                amount_cents=read_amount(one, "amount_cents", without="what is due"),
            )
        )
    if "lines" in reader.content and not reader.content["lines"]:
        message = "holds no line; write at least one, or leave it out for goodwill"
        reader.add("lines", "invalid", message)
    return tuple(lines)


def _email(reader: Reader) -> str:
    email = reader.text("recipient_email")
    try:
        if email:
            validate_email(email)
    except ValidationError:
        reader.add("recipient_email", "invalid", f"is {email!r}: write an email address")
    return email


def wish_of(body: RefundBody, *, store: Store, key: str) -> Wish:
    """Returns what is wished for, with the store's own rows; raises InvalidMessage where it names
    an order or a return that is not there, or a return of something else.

    The order in which lines are written means nothing, so it makes no other wish. What changes with
    time is asked of new keys only: a repeated request gets its first answer.
    """
    order = find_order(store_id=store.pk, identifier=body.order_identifier)
    if order is None:
        message = f"there is no order {body.order_identifier!r}: send it first"
        raise InvalidMessage([FieldError("order_identifier", "invalid", message)])
    rma = _rma(body, order) if body.rma_identifier else None
    requests = RefundRequest.objects.filter(store=store, origin=ORIGIN, key=key)
    if rma and not requests.exists():
        _refuse_what_does_not_fit(body, order, rma)
    return Wish(
        order=order,
        reason=body.reason,
        rma=rma,
        lines=tuple(sorted(body.lines, key=lambda line: line.order_item_identifier)),
        goodwill_amount_cents=body.goodwill_amount_cents,
        destination=body.destination,
        recipient_email=body.recipient_email,
        note=body.note,
    )


def _rma(body: RefundBody, order: Order) -> Rma:
    named = Rma.objects.filter(store_id=order.store_id, rma_identifier=body.rma_identifier)
    rma = named.first()
    if rma is None:
        message = f"there is no RMA {body.rma_identifier!r}"
        raise InvalidMessage([FieldError("rma_identifier", "invalid", message)])
    return rma


def _refuse_what_does_not_fit(body: RefundBody, order: Order, rma: Rma) -> None:
    if not rmas_of_order(order).filter(pk=rma.pk).exists():
        message = f"RMA {rma.rma_identifier} returns nothing of order {order.identifier}"
        raise InvalidMessage([FieldError("rma_identifier", "invalid", message)])
    is_gift = rma.gift_refund_only and body.goodwill_amount_cents is None
    if body.recipient_email and not body.destination and not is_gift:
        raise InvalidMessage([FieldError("recipient_email", "invalid", _NO_RECIPIENT)])


def field_of(refusal: str, *, body: RefundBody, order: Order) -> str:
    """Returns the field that the words of a refusal are about, or "" where they do not tell."""
    for index, line in enumerate(body.lines):
        name = line.order_item_identifier
        if refusal == f"order {order.identifier} has no item {name!r}":
            return f"lines[{index}].order_item_identifier"
        if refusal.startswith(f"line {name}: "):
            return f"lines[{index}]"
    if " of goodwill, " in refusal:
        return "goodwill_amount_cents"
    if re.match(r"(the cancellation of )?RMA ", refusal):
        return "rma_identifier"
    first_word = re.match(r"[a-z_]+", refusal)
    return first_word[0] if first_word and first_word[0] in _FIELDS else ""

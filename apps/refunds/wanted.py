"""What a person or a machine wants refunded, as they say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.common.errors import Refused
from apps.orders.models import Order
from apps.refunds.models import Destination
from apps.rmas import rules as rma_rules
from apps.rmas.models import Rma


@dataclass(frozen=True)
class WantedLine:
    """How many units of a line are to be refunded, and with how much.

    `amount_cents` None is what is due for them: what Optoro estimates for units of a return, what
    was paid for others. `unit_ids` names the units of the return by their keys, as many as
    `quantity`; without them the first ones that are not refunded are taken. `unit_amounts_cents`
    gives each named unit its own amount, in the order of `unit_ids`; None is what is due for it.
    """

    order_item_identifier: str
    quantity: int
    amount_cents: int | None = None
    unit_ids: tuple[int, ...] = ()
    unit_amounts_cents: tuple[int | None, ...] = ()

    def amount_of_unit_cents(self, unit_id: int) -> int | None:
        """Returns the amount that is named for a unit, in cents; None where that is what is due."""
        return dict(zip(self.unit_ids, self.unit_amounts_cents, strict=False)).get(unit_id)

    def to_content(self) -> list[Any]:
        """Returns what makes two requests for a line the same one."""
        content = [self.order_item_identifier, self.quantity, self.amount_cents]
        amounts = [list(self.unit_amounts_cents)] if self.unit_amounts_cents else []
        return [*content, list(self.unit_ids), *amounts]


@dataclass(frozen=True)
class Wish:
    """What is to be refunded on one order: lines, of one return or of none, or goodwill.

    `destination` empty is the usual one; otherwise `original_payment` or `gift_card`.
    `amount_reason` says why an amount is not what is due, and is kept in the note; a person has to
    say it, so it is "" where they have not, and None where nobody is asked (machines).
    """

    order: Order
    reason: str
    rma: Rma | None = None
    lines: tuple[WantedLine, ...] = ()
    goodwill_amount_cents: int | None = None
    destination: str = ""
    recipient_email: str = ""
    note: str = ""
    amount_reason: str | None = None

    def to_content(self) -> dict[str, Any]:
        """Returns what makes two requests the same one."""
        return {
            "order": self.order.pk,
            "reason": self.reason,
            "rma": self.rma.pk if self.rma else None,
            "lines": [line.to_content() for line in self.lines],
            "goodwill_amount_cents": self.goodwill_amount_cents,
            "destination": self.destination,
            "recipient_email": self.recipient_email,
            "note": self.note,
            **({} if self.amount_reason is None else {"amount_reason": self.amount_reason}),
        }


class LinesRefused(Refused):
    """What stands against several lines of a wish; its text is that of the first. `problems` holds
    the line's identifier and, in words, what is wrong with it."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(problems[0][1])
        self.problems = tuple(problems)


def refuse_what_is_unclear(wish: Wish, rma: Rma | None) -> None:
    """Raises Refused where a wish says too little, or two things at once; `rma` is its return, read
    under its lock."""
    if not wish.reason.strip():
        raise Refused("reason: write why it is refunded")
    if (wish.goodwill_amount_cents is None) == (not wish.lines):
        raise Refused("lines or goodwill_amount_cents: write one of the two, not both")
    if wish.destination not in ("", Destination.ORIGINAL_PAYMENT, Destination.GIFT_CARD):
        raise Refused(
            f"destination {wish.destination!r}: write original_payment or gift_card. Store credit "
            "goes out with an exchange order, never by itself"
        )
    names = [line.order_item_identifier for line in wish.lines]
    if len(names) != len(set(names)):
        raise Refused("lines: each order item once, with the quantity of all its units")
    for line in wish.lines:
        _refuse_unclear_line(line, rma)
    if rma and rma.status == rma_rules.CANCELED:
        raise Refused(f"RMA {rma.rma_identifier} is canceled: nothing of it is refunded")
    if rma and rma.is_cancellation_requested:
        raise Refused(
            f"the cancellation of RMA {rma.rma_identifier} is asked for: withdraw that first"
        )


def _refuse_unclear_line(line: WantedLine, rma: Rma | None) -> None:
    name = line.order_item_identifier
    if line.quantity < 1:
        raise Refused(f"quantity {line.quantity} of line {name}: 1 or more")
    for cents in (line.amount_cents, *line.unit_amounts_cents):
        if cents is not None and cents < 1:
            raise Refused(
                f"amount_cents {cents} of line {name}: 1 or more; leave it out for what is due"
            )
    if line.unit_ids and rma is None:
        raise Refused(f"line {name}: only units of a return can be named one by one; name it too")
    if line.unit_ids and len(set(line.unit_ids)) != line.quantity:
        raise Refused(
            f"line {name}: {line.quantity} unit(s) to refund, but {len(set(line.unit_ids))} are "
            "named; name each of them once"
        )
    has_both = bool(line.unit_amounts_cents) and line.amount_cents is not None
    if has_both or len(line.unit_amounts_cents) not in (0, len(line.unit_ids)):
        raise Refused(f"line {name}: an amount for each named unit, or one for the line, not both")

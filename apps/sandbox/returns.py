"""Returns as the shopper's portal and the carrier make them: starting one, moving its parcels.

The functions here change the books and know nothing of HTTP; the caller holds the lock.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.common.clock import now
from apps.common.money import share_of
from apps.sandbox.closing import refunds_outside_rmas
from apps.sandbox.exchanging import EVEN
from apps.sandbox.messages import VERSIONS
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.state import (
    REFUND,
    REFUND_TYPES,
    STANDARD_EXCHANGE,
    Books,
    JsonObject,
    Rma,
    Unit,
)

__all__ = ["ReturnRefused"]

RETURN_METHODS = ("mail-back", "express-returns", "home-pickup", "customer-keep")
CONDITIONS = ("N", "TT", "R", "A", "B", "C", "X")
NOT_RETURNABLE_ORDER_TAGS = frozenset(
    {"FinalSale", "gift-card", "canceled", "Thirdparty", "pickup_in_store"}
)
NOT_RETURNABLE_LINE_TAGS = NOT_RETURNABLE_ORDER_TAGS | {"cs-required"}
DROPPED_BY_SHOPPER = ("express-returns", "home-pickup")


@dataclass(frozen=True)
class ReturnItem:
    """So many units of one order line are to come back, for money or in exchange.

    `variant` is what the shopper wants instead: EVEN, CHEAPER or a SKU.
    """

    order_identifier: str
    line_identifier: str
    quantity: int
    refund_type: str = REFUND
    variant: str = EVEN


@dataclass(frozen=True)
class ReturnRequest:
    """What a shopper enters in the portal."""

    items: Sequence[ReturnItem]
    return_method: str = "mail-back"
    gift_refund_only: bool = False
    giftee_email: str | None = None
    return_reason: str = "Changed Mind"
    return_shipping_cost_cents: int = 0
    concept: str | None = None
    version: int = 4
    condition: str = "A"
    is_forgetful: bool = False
    has_bare_item: bool = False

    @property
    def exchange_items(self) -> list[ReturnItem]:
        """The items for which the shopper gets something else than money."""
        return [item for item in self.items if item.refund_type != REFUND]


def build_rma(
    books: Books,
    request: ReturnRequest,
    identifier: str,
    unseen_orders: dict[str, JsonObject] | None = None,
) -> Rma:
    """Returns the RMA for a request, or raises ReturnRefused; the books are not changed.

    `unseen_orders` are orders that the desk has not sent yet, for the case that a return is known
    before its order is.
    """
    _check_request(request)
    ordinals = _Ordinals(books)
    units: list[Unit] = []
    for item in request.items:
        order = find_order(books, item, unseen_orders or {})
        line = _returnable_line(order, item)
        taken = [_unit(order, line, ordinal, request) for ordinal in ordinals.take(line, item)]
        for unit in taken:
            unit.refund_type = item.refund_type
            unit.original_order_identifier = _original(books, unit.order_identifier)
        units += taken
    moment = now()
    return Rma(
        identifier=identifier,
        return_method=request.return_method,
        created_at=moment,
        updated_at=moment,
        units=units,
        return_shipping_cost_cents=request.return_shipping_cost_cents,
        gift_refund_only=request.gift_refund_only,
        giftee_email=request.giftee_email,
        concept=request.concept,
        version=request.version,
        condition=request.condition,
        is_forgetful=request.is_forgetful,
        has_bare_item=request.has_bare_item,
    )


def _original(books: Books, order_identifier: str) -> str | None:
    """Returns the order that this one was made from, if it is an exchange order."""
    exchange = books.exchange_orders.get(order_identifier)
    return exchange.original_order_identifier if exchange else None


def _check_request(request: ReturnRequest) -> None:
    if not request.items:
        raise ReturnRefused("items: nothing is returned")
    if request.return_method not in RETURN_METHODS:
        raise ReturnRefused(
            f"return_method {request.return_method!r}: one of {', '.join(RETURN_METHODS)}"
        )
    if request.gift_refund_only and not request.giftee_email:
        raise ReturnRefused("giftee_email is needed when gift_refund_only is set")
    if request.return_shipping_cost_cents < 0:
        raise ReturnRefused("return_shipping_cost_cents must be 0 or more")
    if request.version not in VERSIONS:
        raise ReturnRefused(f"version {request.version!r}: one of {', '.join(map(str, VERSIONS))}")
    if request.condition not in CONDITIONS:
        raise ReturnRefused(f"condition {request.condition!r}: one of {', '.join(CONDITIONS)}")
    _check_kinds(request)


def _check_kinds(request: ReturnRequest) -> None:
    kinds = {item.refund_type for item in request.items}
    unknown = kinds - set(REFUND_TYPES)
    if unknown:
        raise ReturnRefused(f"refund_type {unknown.pop()!r}: one of {', '.join(REFUND_TYPES)}")
    exchanged = {(item.order_identifier, item.line_identifier) for item in request.exchange_items}
    if len({order for order, _ in exchanged}) > 1:
        raise ReturnRefused("an exchange is of one order")
    if len(exchanged) < len(request.exchange_items):
        raise ReturnRefused("a line is exchanged for one thing only")
    if STANDARD_EXCHANGE in kinds and len(kinds - {REFUND}) > 1:
        raise ReturnRefused("an exchange is either instant or standard")
    if STANDARD_EXCHANGE in kinds and request.version == 3:
        raise ReturnRefused("version 3 knows no standard exchange")


def find_order(books: Books, item: ReturnItem, unseen: dict[str, JsonObject]) -> JsonObject:
    """Returns the order that an item is of, or raises ReturnRefused."""
    record = books.orders.get(item.order_identifier)
    if record is not None:
        return record.document
    if item.order_identifier in unseen:
        return unseen[item.order_identifier]
    raise ReturnRefused(f"order {item.order_identifier} has not been received")


def _returnable_line(order: JsonObject, item: ReturnItem) -> JsonObject:
    """Returns the line; raises ReturnRefused for what the portal would not offer."""
    name = f"line {item.line_identifier} of order {item.order_identifier}"
    lines: list[JsonObject] = [
        line for line in order["items"] if line["identifier"] == item.line_identifier
    ]
    if not lines:
        raise ReturnRefused(f"{name} does not exist")
    if item.quantity < 1:
        raise ReturnRefused(f"{name}: quantity must be 1 or more")
    if order["status"] == "Canceled":
        raise ReturnRefused(f"order {item.order_identifier} is canceled")
    tags = [tag for tag in order["tags"] if tag in NOT_RETURNABLE_ORDER_TAGS]
    tags += [tag for tag in lines[0]["tags"] if tag in NOT_RETURNABLE_LINE_TAGS]
    if tags:
        raise ReturnRefused(f"{name} cannot be returned online: tagged {', '.join(tags)}")
    if lines[0]["quantity_shipped"] == 0:
        raise ReturnRefused(f"{name} has not been shipped")
    return lines[0]


class _Ordinals:
    """Hands out the units of lines that are still with the shopper, lowest place first."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._taken: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._outside: dict[str, Counter[str]] = {}

    def take(self, line: JsonObject, item: ReturnItem) -> list[int]:
        """Returns places for the units asked for; raises ReturnRefused when too few are left."""
        key = (item.order_identifier, item.line_identifier)
        if key not in self._taken:
            self._taken[key] |= self._in_returns(*key)
        if item.order_identifier not in self._outside:
            self._outside[item.order_identifier] = refunds_outside_rmas(
                self._books, item.order_identifier
            )
        refunded = self._outside[item.order_identifier][item.line_identifier]
        free = [n for n in range(line["quantity_shipped"]) if n not in self._taken[key]]
        left = max(0, len(free) - refunded)
        if item.quantity > left:
            raise ReturnRefused(
                f"line {item.line_identifier} of order {item.order_identifier}: "
                f"{item.quantity} asked for, {left} left to return"
            )
        self._taken[key].update(free[: item.quantity])
        return free[: item.quantity]

    def _in_returns(self, order_identifier: str, line_identifier: str) -> set[int]:
        names = self._books.rmas_of_order.get(order_identifier, [])
        rmas = (self._books.rmas[name] for name in names)
        return {
            unit.ordinal
            for rma in rmas
            if rma.status != "CANCELED"
            for unit in rma.units
            if (unit.order_identifier, unit.line_identifier) == (order_identifier, line_identifier)
        }


def _unit(order: JsonObject, line: JsonObject, ordinal: int, request: ReturnRequest) -> Unit:
    """Builds a unit with its worth: unit price and its share of tax less discount.

    The shares are of all units ordered, even of those canceled since (contract §10.5), and each
    odd cent goes to one unit, so that no line is ever estimated above what it cost.
    """
    tax_less_discount = line["tax_amount_cents"] - line["discount_amount_cents"]
    extra = share_of(tax_less_discount, ordinal, line["quantity"])
    dropped = request.return_method in DROPPED_BY_SHOPPER
    return Unit(
        order_identifier=order["identifier"],
        line_identifier=line["identifier"],
        ordinal=ordinal,
        sku=line.get("sku") or line["upc"],
        upc=line.get("upc"),
        estimated_cents=max(0, line["unit_price_amount_cents"] + extra),
        return_reason=request.return_reason,
        secondary_identifier=order.get("secondary_identifier"),
        package_tracking_status="PRE_TRANSIT" if dropped else None,
    )


def _label(rma: Rma, unit: Unit) -> None:
    unit.tracking_number = unit.tracking_number or tracking_number(rma.identifier)
    unit.package_tracking_status = "PRE_TRANSIT"


def _package(status: str) -> Callable[[Rma, Unit], None]:
    def change(_rma: Rma, unit: Unit) -> None:
        unit.package_tracking_status = status

    return change


def _received(rma: Rma, unit: Unit) -> None:
    unit.package_tracking_status = "DELIVERED"
    unit.receiving_status = "RECEIVED"
    unit.warehouse_receipt_condition = rma.condition


def _not_received(_rma: Rma, unit: Unit) -> None:
    unit.receiving_status = "NOT_RECEIVED"


UNIT_EVENTS: dict[str, Callable[[Rma, Unit], None]] = {
    "label": _label,
    "accepted": _package("ACCEPTED"),
    "transit": _package("TRANSIT"),
    "delivered": _package("DELIVERED"),
    "received": _received,
    "not_received": _not_received,
    "not_dropped_off": _package("NOT_DROPPED_OFF"),
    "failure": _package("FAILURE"),
    "returned": _package("RETURNED"),
}
# Further along the usual way; only these may share a timestamp with the snapshot before, because
# for them alone progress tells which of two snapshots is the newer one.
PROGRESS = frozenset({"label", "accepted", "transit", "delivered", "received", "refunded"})
EVENTS = (*UNIT_EVENTS, "closed", "canceled")


def move(rma: Rma, event: str, places: Iterable[int] | None = None) -> None:
    """Applies an event to an RMA: to the units at `places`, or to all that were dropped off.

    `closed` says that the warehouse is done with receiving: PARTIAL_REFUND unless refunded before.
    """
    if event not in EVENTS:
        raise ReturnRefused(f"event {event!r}: one of {', '.join(EVENTS)}")
    if rma.is_draft or rma.status == "CANCELED":
        what = "waits for its exchange order" if rma.is_draft else "is canceled"
        raise ReturnRefused(f"RMA {rma.identifier} {what}")
    if event == "canceled":
        if rma.status in ("REFUNDED", "PARTIAL_REFUND"):
            raise ReturnRefused(f"RMA {rma.identifier} is {rma.status} and cannot be canceled")
        rma.status = "CANCELED"
        rma.canceled_at = now()
    elif event == "closed":
        rma.receiving_complete = True
        rma.status = "PARTIAL_REFUND" if rma.status == "CREATED" else rma.status
    else:
        for unit in _units_at(rma, places):
            UNIT_EVENTS[event](rma, unit)


def _units_at(rma: Rma, places: Iterable[int] | None) -> list[Unit]:
    if places is None:
        came = [unit for unit in rma.units if not unit.never_came]
        return came or rma.units
    chosen = list(places)
    if not chosen or any(not 0 <= place < len(rma.units) for place in chosen):
        raise ReturnRefused(f"units must be places from 0 to {len(rma.units) - 1}")
    return [rma.units[place] for place in chosen]


def touch(rma: Rma, moment: datetime) -> None:
    """Gives the RMA a newer `updated_at`, later than the last one even within a tick."""
    rma.updated_at = max(moment, rma.updated_at + timedelta(milliseconds=1))


def tracking_number(identifier: str) -> str:
    """Returns the tracking number of an RMA's parcel: 26 digits, always the same ones."""
    digits = int.from_bytes(identifier.encode(), "big") * 7_368_787 % 10**24
    return f"92{digits:024d}"

"""Returns as the shopper's portal and the carrier make them: starting one, moving its parcels.

The functions here change the books and know nothing of HTTP; the caller holds the lock.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.common.clock import now, wire_time
from apps.common.money import share_of
from apps.sandbox.closing import refunds_outside_rmas
from apps.sandbox.state import Books, JsonObject, Rma, Unit

RETURN_METHODS = ("mail-back", "express-returns", "home-pickup", "customer-keep")
NOT_RETURNABLE_ORDER_TAGS = frozenset(
    {"FinalSale", "gift-card", "canceled", "Thirdparty", "pickup_in_store"}
)
NOT_RETURNABLE_LINE_TAGS = NOT_RETURNABLE_ORDER_TAGS | {"cs-required"}
EXPRESS_WAREHOUSE = "21"
DROPPED_BY_SHOPPER = ("express-returns", "home-pickup")


class ReturnRefused(ValueError):
    """Optoro would not let the shopper or carrier do this; the text says why."""


@dataclass(frozen=True)
class ReturnItem:
    """So many units of one order line are to come back."""

    order_identifier: str
    line_identifier: str
    quantity: int


@dataclass(frozen=True)
class ReturnRequest:
    """What a shopper enters in the portal."""

    items: Sequence[ReturnItem]
    return_method: str = "mail-back"
    gift_refund_only: bool = False
    giftee_email: str | None = None
    return_reason: str = "Changed Mind"
    return_shipping_cost_cents: int = 0


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
        order = _order(books, item.order_identifier, unseen_orders or {})
        line = _returnable_line(order, item)
        units += [_unit(order, line, ordinal, request) for ordinal in ordinals.take(line, item)]
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
    )


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


def _order(books: Books, identifier: str, unseen: dict[str, JsonObject]) -> JsonObject:
    record = books.orders.get(identifier)
    if record is not None:
        return record.document
    if identifier in unseen:
        return unseen[identifier]
    raise ReturnRefused(f"order {identifier} has not been received")


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


def _received(_rma: Rma, unit: Unit) -> None:
    unit.package_tracking_status = "DELIVERED"
    unit.receiving_status = "RECEIVED"


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
    if rma.status == "CANCELED":
        raise ReturnRefused(f"RMA {rma.identifier} is canceled")
    if event == "canceled":
        if rma.status in ("REFUNDED", "PARTIAL_REFUND"):
            raise ReturnRefused(f"RMA {rma.identifier} is {rma.status} and cannot be canceled")
        rma.status = "CANCELED"
    elif event == "closed":
        rma.status = "PARTIAL_REFUND" if rma.status == "CREATED" else rma.status
    else:
        for unit in _units_at(rma, places):
            UNIT_EVENTS[event](rma, unit)


def _units_at(rma: Rma, places: Iterable[int] | None) -> list[Unit]:
    if places is None:
        came = [unit for unit in rma.units if unit.package_tracking_status != "NOT_DROPPED_OFF"]
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


def snapshot(rma: Rma, forget_tracking: bool = False) -> JsonObject:
    """Returns the RMA as the webhook sends it (contract §5), one element of items per unit."""
    document: JsonObject = {
        "rma_identifier": rma.identifier,
        "status": rma.status,
        "created_at": wire_time(rma.created_at),
        "updated_at": wire_time(rma.updated_at),
        "items": [_unit_document(unit, forget_tracking) for unit in rma.units],
        "return_method": rma.return_method,
        "return_shipping_cost_cents": rma.return_shipping_cost_cents,
        "gift_refund_only": rma.gift_refund_only,
        "bonus_credit_amount_cents": 0,
    }
    if rma.gift_refund_only:
        document["giftee_email"] = rma.giftee_email
    if rma.return_method == "express-returns":
        document["warehouse_id"] = EXPRESS_WAREHOUSE
    return document


def _unit_document(unit: Unit, forget_tracking: bool) -> JsonObject:
    document: JsonObject = {
        "order_line_item_identifier": unit.line_identifier,
        "order_identifier": unit.order_identifier,
        "exchange_order_identifier": None,
        "original_order_identifier": None,
        "return_reason": unit.return_reason,
        "is_exchange": False,
        "sku": unit.sku,
        "upc": unit.upc,
        "tracking_number": None if forget_tracking else unit.tracking_number,
        "package_tracking_status": unit.package_tracking_status,
        "receiving_status": unit.receiving_status,
        "refund_financials": {
            "estimated_refund_amount_cents": unit.estimated_cents,
            "optoro_refund_amount_cents": 0,
            "shopper_refund_amount_cents": unit.estimated_cents,
        },
        "refund_type": unit.refund_type,
    }
    if unit.secondary_identifier:
        document["secondary_identifier"] = unit.secondary_identifier
    return document

"""What items show beside their own fields: age, owner, and what a person can do about them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.urls import NoReverseMatch, reverse

from apps.accounts.rules import Action
from apps.attention.models import Item, Kind
from apps.attention.rules import (
    ACTS,
    DONE_AT_ONCE,
    ENDS_WITH_ITS_CAUSE,
    WHAT_TO_DO,
    Act,
    may_take_over,
    needs,
    resolving,
)
from apps.common import clock
from apps.desk.addresses import page_url
from apps.desk.seats import Permit, Seat
from apps.reconciliation.rules import age_in_words
from apps.refunds.models import PayoutStatus
from apps.refunds.queries import payouts_of

_LABELS = {
    Act.ASK_GATEWAY: "Ask the gateway again now",
    Act.QUEUE_PAYMENT: "Queue the payment again",
    Act.SEND_SNAPSHOT: "Send the snapshot again",
    Act.LOOK_AGAIN: "Look at it again",
    Act.SEE_PAYMENT: "See the payment",
    Act.MAKE_REFUND: "Refund…",
    Act.WITHDRAW_CANCELLATION: "Withdraw the request…",
    Act.SEE_MESSAGE: "See and replay the message",
    Act.SEE_REFUND: "See the refund",
    Act.SEE_RETURN: "See the return",
    Act.SEE_ORDER: "See the order",
    Act.SEE_EXCHANGE: "See the exchange order",
    Act.SEE_SETTLEMENT: "See the settlement",
    Act.SEE_SCHEDULE: "See the schedule",
    Act.SEE_STATEMENT: "See the rows",
}
_UNDECIDED = (PayoutStatus.UNKNOWN, PayoutStatus.PENDING, PayoutStatus.CALLING)


@dataclass(frozen=True)
class ActView:
    """An action as a button that posts (`is_posted`) or a link to where it is done."""

    label: str
    url: str
    is_posted: bool
    permit: Permit


@dataclass(frozen=True)
class ItemRow:
    """An item with its age and lateness in words, whose it is, and what can be done about it.
    `permit` is for taking, giving back and dismissing it: who may depends on its kind."""

    item: Item
    age: str
    late_by: str
    owner: str
    is_mine: bool
    can_take: bool
    can_give_back: bool
    can_dismiss: bool
    permit: Permit
    what_to_do: str
    acts: tuple[ActView, ...]


def item_rows(seat: Seat, items: Iterable[Item]) -> list[ItemRow]:
    """Returns items as the list and their own page show them; one query, for their payments."""
    items = list(items)
    payments = _payments(seat.store.pk, items)
    now = clock.now()
    return [_row(seat, item, payments, now) for item in items]


def _row(seat: Seat, item: Item, payments: dict[str, int], now: datetime) -> ItemRow:
    user_id = seat.membership.user_id
    is_mine = item.owner_id == user_id
    may_take = item.owner_id is None or may_take_over(seat.membership.role)
    is_open = item.resolved_at is None
    late_by = age_in_words(now - item.due_at) if item.is_late and item.due_at else ""
    return ItemRow(
        item=item,
        age=age_in_words((item.resolved_at or now) - item.opened_at),
        late_by=late_by,
        owner=item.owner.get_full_name() or item.owner.get_username() if item.owner else "",
        is_mine=is_mine,
        can_take=is_open and not is_mine and may_take,
        can_give_back=is_open and item.owner_id is not None and (is_mine or may_take),
        can_dismiss=is_open and item.kind not in ENDS_WITH_ITS_CAUSE,
        permit=seat.permit(resolving(item.kind)),
        what_to_do=WHAT_TO_DO.get(item.kind, ""),
        acts=tuple(_acts(seat, item, payments)) if is_open else (),
    )


def _acts(seat: Seat, item: Item, payments: dict[str, int]) -> Iterable[ActView]:
    for act in ACTS.get(item.kind, ()):
        url = _url(item, act, payments)
        if url:
            permit = _permit(seat, act, item.kind)
            yield ActView(_LABELS[act], url, act in DONE_AT_ONCE, permit)


_NEEDED = {
    Act.MAKE_REFUND: Action.MAKE_REFUND,
    Act.WITHDRAW_CANCELLATION: Action.CANCEL_RMA,
    Act.SEE_SCHEDULE: Action.VIEW_FINANCE,
    Act.SEE_STATEMENT: Action.VIEW_FINANCE,
}


def _permit(seat: Seat, act: Act, kind: str) -> Permit:
    """Whether this person may do it; to see something, everybody may."""
    if act in DONE_AT_ONCE:
        return seat.permit(needs(act, kind))
    return seat.permit(_NEEDED[act]) if act in _NEEDED else Permit(True, "")


def _payments(store_id: int, items: list[Item]) -> dict[str, int]:
    """The payment that each item is about, by refund: the one whose outcome is open, else the
    newest."""
    names = {item.subject for item in items if Act.SEE_PAYMENT in ACTS.get(item.kind, ())}
    if not names:
        return {}
    ordered = sorted(
        payouts_of(store_id, names).values_list("refund__identifier", "status", "pk"),
        key=lambda row: (row[1] in _UNDECIDED, row[2]),
    )
    return {name: pk for name, _, pk in ordered}


def _url(item: Item, act: Act, payments: dict[str, int]) -> str:
    """Returns where an action is done, "" where the item names nothing that it could be done to."""
    if act in DONE_AT_ONCE:
        needed = item.rma_identifier if act == Act.LOOK_AGAIN else item.subject
        return page_url("desk:attention-act", item.pk, act.value) if needed else ""
    return _PLACES[act](item, payments)


def _first(*places: tuple[str, list[object]]) -> str:
    """The first of these pages that there is, and whose arguments are known."""
    for name, arguments in places:
        if not all(arguments):
            continue
        try:
            return reverse(name, args=arguments)
        except NoReverseMatch:
            continue
    return ""


def _payment_url(item: Item, payments: dict[str, int]) -> str:
    name = item.subject
    return _first(("desk:payout", [name, payments.get(name)]), ("desk:refund", [name]))


def _new_refund_url(item: Item, payments: dict[str, int]) -> str:
    order, rma = item.order_identifier, item.rma_identifier
    url = _first(("desk:refund-new", [order]))
    if url:
        return f"{url}?rma={quote(rma, safe='')}" if rma else url
    return _first(("desk:rma", [rma]), ("desk:order", [order]))


def _exchange_url(item: Item, payments: dict[str, int]) -> str:
    if item.kind == Kind.EXCHANGE_NEEDS_LOOK:
        return reverse("desk:exchange", args=[item.subject])
    return f"{reverse('desk:exchanges')}?search={quote(item.subject, safe='')}"


def _statement_url(item: Item, payments: dict[str, int]) -> str:
    url = _first(("desk:statement", [item.subject]))
    tab = "twice" if item.kind == Kind.STATEMENT_TWICE else "not-paid"
    return f"{url}?tab={tab}" if url else ""


_PLACES: dict[Act, Callable[[Item, dict[str, int]], str]] = {
    Act.SEE_PAYMENT: _payment_url,
    Act.MAKE_REFUND: _new_refund_url,
    Act.WITHDRAW_CANCELLATION: lambda item, _: _first(("desk:rma", [item.rma_identifier])),
    Act.SEE_MESSAGE: lambda item, _: _first(("desk:delivery", [item.subject])),
    Act.SEE_REFUND: lambda item, _: _first(("desk:refund", [item.subject])),
    Act.SEE_RETURN: lambda item, _: _first(("desk:rma", [item.rma_identifier])),
    Act.SEE_ORDER: lambda item, _: _first(("desk:order", [item.order_identifier])),
    Act.SEE_EXCHANGE: _exchange_url,
    Act.SEE_SETTLEMENT: lambda item, _: (
        f"{reverse('desk:settlement')}?search={quote(item.subject, safe='')}"
    ),
    Act.SEE_SCHEDULE: lambda item, _: _first(("desk:schedule", [item.subject])),
    Act.SEE_STATEMENT: _statement_url,
}

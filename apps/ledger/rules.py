"""The accounts, and how an event's debits and credits become pairs. Pure; integer cents."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from apps.common.days import start_of_day
from apps.ledger.types import Leg, Pair

SALES_RETURNS = "sales_returns"
SALES_TAX = "sales_tax"
GOODWILL = "goodwill"
MARKETING = "marketing"
FEE_INCOME = "fee_income"
EXCHANGE_SALES = "exchange_sales"
SHOPPER_PAYABLE = "shopper_payable"
OPTORO_PAYABLE = "optoro_payable"
GIFT_CARD_LIABILITY = "gift_card_liability"
_CASH = "cash:"
# Money that others paid back, without the desk: by the order system, at a till.
CASH_OUTSIDE = f"{_CASH}outside"

LABELS = {
    SALES_RETURNS: "Sales returns",
    SALES_TAX: "Sales tax",
    GOODWILL: "Goodwill",
    MARKETING: "Marketing (bonus credit)",
    FEE_INCOME: "Fee income (return shipping)",
    EXCHANGE_SALES: "Exchange sales",
    SHOPPER_PAYABLE: "Owed to shoppers",
    OPTORO_PAYABLE: "Owed to Optoro",
    GIFT_CARD_LIABILITY: "Gift card liability",
}
_ORDER = list(LABELS)


def cash(gateway: str) -> str:
    """Returns the account of the money that goes out through a gateway."""
    return f"{_CASH}{gateway}"


def label_of(account: str) -> str:
    """Returns an account's name for people."""
    if account.startswith(_CASH):
        return f"Cash ({account.removeprefix(_CASH)})"
    return LABELS.get(account, account)


def place_of(account: str) -> tuple[int, str]:
    """Returns what accounts are sorted by: the chart's order, cash last."""
    return (_ORDER.index(account) if account in _ORDER else len(_ORDER), account)


class NotBalanced(ValueError):
    """Debits and credits of an event are not the same."""


def pairs(debited: Iterable[Leg], credited: Iterable[Leg]) -> list[Pair]:
    """Returns debits and credits as pairs, each of which balances by itself.

    Every account is left with exactly what its legs say. Legs of zero are left out, and so is what
    would only move within one account. Raises NotBalanced where the sums differ, or where a leg is
    negative.
    """
    left, right = _spread(debited), _spread(credited)
    if _end(left) != _end(right):
        raise NotBalanced(f"debits of {_end(left)} cents against credits of {_end(right)} cents")
    found: dict[tuple[str, str], int] = {}
    for debit_account, debit_from, debit_until in left:
        for credit_account, credit_from, credit_until in right:
            cents = min(debit_until, credit_until) - max(debit_from, credit_from)
            if cents > 0 and debit_account != credit_account:
                key = (debit_account, credit_account)
                found[key] = found.get(key, 0) + cents
    return [Pair(debit, credit, cents) for (debit, credit), cents in found.items()]


def _spread(legs: Iterable[Leg]) -> list[tuple[str, int, int]]:
    """Lays the legs end to end: (account, from, until) in cents."""
    found, end = [], 0
    for leg in legs:
        if leg.amount_cents < 0:
            raise NotBalanced(f"{leg.account}: {leg.amount_cents} cents is negative")
        found.append((leg.account, end, end + leg.amount_cents))
        end += leg.amount_cents
    return found


def _end(spread: list[tuple[str, int, int]]) -> int:
    return spread[-1][2] if spread else 0


def booked_on(happened_on: date, closed_through: date | None) -> date:
    """Returns the day an event is booked on: its own, or the first open one where its own is in a
    month that is closed."""
    if closed_through is not None and happened_on <= closed_through:
        return closed_through + timedelta(days=1)
    return happened_on


SettledZones = list[dict[str, str]]


def recorded_at(now: datetime, settled_until: datetime | None) -> datetime:
    """Returns the moment at which something counts as recorded: now, or the first one behind the
    days that are settled, whatever the clock of this machine says and however long ago the
    transaction began."""
    return now if settled_until is None else max(now, settled_until)


def settled_zones_with(zones: SettledZones | None, day: date, zone: str) -> SettledZones:
    """Returns by which clocks days are settled once those up to `day` are by that of `zone`."""
    before = zones or []
    if before and before[-1]["zone"] == zone:
        before = before[:-1]
    return [*before, {"through": day.isoformat(), "zone": zone}]


def end_of_known_day(day: date, zones: SettledZones | None, zone: tzinfo) -> datetime:
    """Returns the moment before which something is recorded that counts as known by the end of a
    day: the day's end on the clock by which it was settled or, where it is not, on that of `zone`.
    """
    settled = (ZoneInfo(one["zone"]) for one in zones or [] if day.isoformat() <= one["through"])
    return start_of_day(day + timedelta(days=1), next(settled, zone))


def first_of_month(day: date) -> date:
    """Returns the first day of a day's month."""
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    """Returns the last day of a day's month."""
    return first_of_month(first_of_month(day) + timedelta(days=31)) - timedelta(days=1)


def why_not_close(*, month: date, today: date, closed_through: date | None) -> str:
    """Returns, in words, why the month that begins on `month` cannot be closed, or "".

    Months are closed in their order, and only once they are over.
    """
    name = f"{month:%B %Y}"
    if month.day != 1:
        return f"{month.isoformat()} is not the first day of a month"
    if last_of_month(month) >= today:
        first_after = last_of_month(month) + timedelta(days=1)
        return f"{name} is not over yet: close it from {first_after:%B} {first_after.day} on"
    if closed_through is None:
        return ""
    if month <= closed_through:
        return f"{name} is closed already"
    following = closed_through + timedelta(days=1)
    if month != following:
        return f"{following:%B %Y} comes first: months are closed in their order"
    return ""

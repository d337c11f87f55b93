"""A payout file of the simulated gateway, made from its own book, to try statements with."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace

from apps.common.csv_cells import harmless
from apps.payments.models import SimulatedPayment
from apps.payments.types import GatewayOutcome
from apps.refunds.models import Payout, PayoutStatus
from apps.statements.amounts import as_decimal

GATEWAY = "simulated"
MOST_ROWS = 5_000
HEAD = ("id", "type", "source", "amount", "fee", "currency", "created (UTC)", "desk_key")


@dataclass(frozen=True)
class _Line:
    reference: str
    amount_cents: int
    currency: str
    created: str
    key: str

    def cells(self, number: int) -> tuple[str, ...]:
        """Returns its cells; what goes out is negative, as at most gateways."""
        return (
            f"txn_{number:06d}",
            "refund",
            harmless(self.reference),
            as_decimal(-self.amount_cents, self.currency),
            as_decimal(0, self.currency),
            self.currency.lower(),
            self.created,
            self.key,
        )


class _Echo:
    def write(self, line: str) -> str:
        """Returns the line."""
        return line


def sample_lines(store_id: int, *, with_differences: bool) -> Iterator[str]:
    """Returns the lines of a CSV of what the simulated gateway has paid for this store, newest
    MOST_ROWS. With differences, a few rows are not as in its book, so that there is something to
    find: one has another amount, one is there twice, one is left out, one is unknown at the desk,
    one lost its reference, and one was declined or never answered as far as the desk knows."""
    lines = _lines(store_id)
    if with_differences:
        lines = [*_spoiled(lines), *_not_paid_here(store_id)]
    writer = csv.writer(_Echo())
    yield writer.writerow(HEAD)
    for number, line in enumerate(lines, 1):
        yield writer.writerow(line.cells(number))


def _lines(store_id: int) -> list[_Line]:
    keys = [
        str(key)
        for key in Payout.objects.filter(store_id=store_id, gateway=GATEWAY)
        .order_by("-pk")
        .values_list("idempotency_key", flat=True)[:MOST_ROWS]
    ]
    book = SimulatedPayment.objects.filter(key__in=keys, outcome=GatewayOutcome.PAID)
    return [
        _Line(
            reference=payment.reference,
            amount_cents=payment.amount_cents,
            currency=payment.currency,
            created=f"{payment.created_at:%Y-%m-%d %H:%M:%S}",
            key=payment.key,
        )
        for payment in book.order_by("pk")
    ]


def _not_paid_here(store_id: int) -> list[_Line]:
    """Returns the newest payment that the desk does not know as paid, as if it had been."""
    open_or_declined = (PayoutStatus.DECLINED, PayoutStatus.UNKNOWN, PayoutStatus.PENDING)
    payouts = Payout.objects.filter(store_id=store_id, gateway=GATEWAY, status__in=open_or_declined)
    return [
        _Line(
            reference=f"sim_{str(payout.idempotency_key)[:12]}",
            amount_cents=payout.amount_cents,
            currency=payout.currency,
            created=f"{payout.created_at:%Y-%m-%d %H:%M:%S}",
            key=str(payout.idempotency_key),
        )
        for payout in payouts.order_by("-pk")[:1]
    ]


def _spoiled(lines: list[_Line]) -> list[_Line]:
    if len(lines) < 5:
        return lines
    left_out, other_amount, twice, bare = lines[0], lines[1], lines[2], lines[3]
    return [
        replace(other_amount, amount_cents=other_amount.amount_cents + 100),
        twice,
        replace(bare, reference="", key=""),
        *lines[4:],
        twice,
        replace(left_out, reference="sim_unknown_here", key="", amount_cents=4321),
    ]

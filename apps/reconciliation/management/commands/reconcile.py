"""`manage.py reconcile`: what of the money is open, and whether the books add up."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common import clock
from apps.common.money import show
from apps.reconciliation.rules import (
    JUDGMENT_LABELS,
    LABELS,
    Difference,
    Judgment,
    age_in_words,
)
from apps.reconciliation.services import reconcile, stores_to_reconcile, sweep_store
from apps.reconciliation.sums import Amount, Sums, sums
from apps.refunds.models import RefundStatus
from apps.stores.models import Store


class Command(BaseCommand):
    help = (
        "Compares what the desk, the gateways and Optoro hold to be true of money, and prints "
        "every open difference and the sums per currency. Ends with 1 where something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--store", help="only this store, by its identifier")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--open-exceptions",
            action="store_true",
            help="first open and close exceptions, as the sweep does; without it nothing changes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        reports = []
        for store in _stores(options["store"]):
            now = clock.now()
            changed = sweep_store(store, now) if options["open_exceptions"] else None
            reports.append((store, reconcile(store, now), sums(store.pk), changed))
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(*report) for report in reports], indent=2))
        else:
            for report in reports:
                self.stdout.write("\n".join(_as_text(*report)))
        is_wrong = any(
            one.verdict == Judgment.WRONG for _, differences, _, _ in reports for one in differences
        ) or not all(row.adds_up for _, _, rows, _ in reports for row in rows)
        if is_wrong:
            raise SystemExit(1)


def _stores(identifier: str | None) -> list[Store]:
    stores = stores_to_reconcile()
    if identifier is None:
        return list(stores)
    found = list(stores.filter(identifier=identifier))
    if not found:
        known = ", ".join(stores.values_list("identifier", flat=True)) or "none"
        raise CommandError(f"--store {identifier!r} is no store to reconcile; there are: {known}")
    return found


def _as_text(
    store: Store,
    differences: Sequence[Difference],
    rows: Iterable[Sums],
    changed: tuple[int, int] | None,
) -> Iterable[str]:
    yield f"Store {store.identifier}{'' if store.is_active else ' (inactive)'}"
    if changed:
        yield f"  exceptions: {changed[0]} opened, {changed[1]} closed"
    for kind, members in groupby(differences, key=lambda one: one.kind):
        of_kind = list(members)
        yield f"  {LABELS[kind]}: {len(of_kind)}"
        for one in of_kind:
            yield from _difference_lines(one)
    if not differences:
        yield "  no difference is open"
    yield "  differences: " + ", ".join(
        f"{sum(one.verdict == verdict for one in differences)} {label}"
        for verdict, label in JUDGMENT_LABELS.items()
    )
    for row in rows:
        yield from _sums_lines(row)


def _difference_lines(one: Difference) -> Iterable[str]:
    amount = f", {show(one.amount_cents, one.currency)}" if one.currency else ""
    verdict = JUDGMENT_LABELS[one.verdict].upper()
    yield f"    {verdict:<12}  {one.subject}, {age_in_words(one.age)}{amount}"
    yield f"      {one.explanation}"
    if one.note:
        yield f"      dismissed: {one.note}"


def _sums_lines(row: Sums) -> Iterable[str]:
    def text(name: str, amount: Amount, sign: str = " ") -> str:
        return f"    {sign} {name:<28}{show(amount.cents, row.currency):>16}  {amount.count:>7}"

    yield f"  Sums in {row.currency}"
    yield text("decided", row.decided)
    for position, (status, amount) in enumerate(row.by_status.items()):
        yield text(RefundStatus(status).label.lower(), amount, "+" if position else "=")
    yield text("of paid: reported", row.reported)
    yield text("of paid: confirmed", row.confirmed)
    yield text("owed to shoppers by paid", row.owed)
    yield text("paid in part of others", row.paid_in_part, "+")
    yield text("paid by payouts", row.paid_out, "=")
    yield text("answered by gateways", row.by_gateways, "=")
    yield text("said by people or systems", row.by_word, "+")
    yield text("refunded outside", row.outside)
    yield "    adds up" if row.adds_up else "    DOES NOT ADD UP"


def _as_json(
    store: Store,
    differences: Sequence[Difference],
    rows: Iterable[Sums],
    changed: tuple[int, int] | None,
) -> dict[str, Any]:
    return {
        "store": store.identifier,
        "is_active": store.is_active,
        "exceptions": {"opened": changed[0], "closed": changed[1]} if changed else None,
        "differences": [
            {
                "kind": one.kind.value,
                "subject": one.subject,
                "order_identifier": one.order_identifier,
                "rma_identifier": one.rma_identifier,
                "refund_identifier": one.refund_identifier,
                "currency": one.currency,
                "amount_cents": one.amount_cents,
                "since_at": clock.wire_time(one.since_at),
                "age_seconds": int(one.age.total_seconds()),
                "explanation": one.explanation,
                "verdict": one.verdict.value,
                "note": one.note,
            }
            for one in differences
        ],
        "totals": {
            verdict.value: sum(one.verdict == verdict for one in differences)
            for verdict in Judgment
        },
        "sums": [_sums_json(row) for row in rows],
    }


def _sums_json(row: Sums) -> dict[str, Any]:
    def pair(amount: Amount) -> dict[str, int]:
        return {"count": amount.count, "amount_cents": amount.cents}

    return {
        "currency": row.currency,
        "decided": pair(row.decided),
        **{status: pair(amount) for status, amount in row.by_status.items()},
        "reported": pair(row.reported),
        "confirmed": pair(row.confirmed),
        "owed": pair(row.owed),
        "paid_in_part": pair(row.paid_in_part),
        "paid_by_payouts": pair(row.paid_out),
        "answered_by_gateways": pair(row.by_gateways),
        "said_by_people_or_systems": pair(row.by_word),
        "refunded_outside": pair(row.outside),
        "adds_up": row.adds_up,
    }

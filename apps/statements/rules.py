"""Pure decisions: which payout a row of a file tells of, and what that makes of the row.

Rows are worked off in their order, in two rounds. The first gives every payout to the first row
that has its amount; the second says of the other rows what is wrong with them. So a row with
another amount takes no payout away from the row that is right, wherever the two stand.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from uuid import UUID

from apps.statements.types import Finding, PayoutFacts, RowFacts, Standing, Way

# How far apart the days of a row and a payout may be for a person to be asked about the pair.
CANDIDATE_DAYS = 7


@dataclass
class Known:
    """What the rows are compared with: payouts, which row holds each (by payout), rows of earlier
    files by likeness, and which likenesses this file has repeated once already."""

    payouts: Sequence[PayoutFacts]
    holders: dict[int, RowFacts] = field(default_factory=dict)
    earlier: AbstractSet[object] = frozenset()
    repeated: set[object] = field(default_factory=set)


def settle(rows: Iterable[RowFacts], known: Known, *, is_last_round: bool) -> list[Finding]:
    """Returns what becomes of these rows. In the first round only of those that a payout fits in
    every figure; in the last of all of them. `known` is brought up to date on the way."""
    index = _Index(known.payouts)
    findings = []
    for row in rows:
        found, way = index.payouts_of(row)
        finding = _finding(row, found, way, known, is_last_round=is_last_round)
        if finding is not None:
            findings.append(finding)
    return findings


class _Index:
    """Payouts by what a row may call them."""

    def __init__(self, payouts: Iterable[PayoutFacts]) -> None:
        self.by_key: dict[str, list[PayoutFacts]] = defaultdict(list)
        self.by_reference: dict[str, list[PayoutFacts]] = defaultdict(list)
        self.by_refund: dict[str, list[PayoutFacts]] = defaultdict(list)
        for payout in payouts:
            self.by_key[payout.key].append(payout)
            if payout.reference:
                self.by_reference[payout.reference].append(payout)
            self.by_refund[payout.refund_identifier].append(payout)

    def payouts_of(self, row: RowFacts) -> tuple[list[PayoutFacts], Way | None]:
        """Returns what a row may tell of: by the desk's own key, by the gateway's reference, or by
        the refund, the first of these that finds anything."""
        steps: tuple[tuple[Way, Mapping[str, list[PayoutFacts]], str], ...] = (
            (Way.KEY, self.by_key, as_key(row.key)),
            (Way.REFERENCE, self.by_reference, row.reference),
            (Way.KEY, self.by_key, as_key(row.reference)),
            (Way.REFUND, self.by_refund, row.key),
            (Way.REFUND, self.by_refund, row.reference),
        )
        for way, index, name in steps:
            if name and index.get(name):
                return index[name], way
        return [], None


def as_key(text: str) -> str:
    """Returns an idempotency key in its usual spelling, or "" where `text` is none."""
    try:
        return str(UUID(text)) if len(text) <= 40 else ""
    except ValueError:
        return ""


def _finding(
    row: RowFacts,
    found: Sequence[PayoutFacts],
    way: Way | None,
    known: Known,
    *,
    is_last_round: bool,
) -> Finding | None:
    payout = _best(row, found, known.holders)
    if payout is not None and payout.pk not in known.holders and _is_same(row, payout):
        known.holders[payout.pk] = row
        return Finding(row.pk, standing_of(row, payout), payout.pk, way)
    if not is_last_round:
        return None
    if payout is None:
        return Finding(row.pk, _without_payout(row, known))
    holder = known.holders.get(payout.pk)
    if holder is None:
        known.holders[payout.pk] = row
        return Finding(row.pk, Standing.DIFFERS, payout.pk, way)
    standing = Standing.REPEATED if _is_repeated(row, holder, known) else Standing.TWICE
    return Finding(row.pk, standing, payout.pk, way)


def _best(
    row: RowFacts, found: Sequence[PayoutFacts], holders: Mapping[int, RowFacts]
) -> PayoutFacts | None:
    """Returns the payout that fits best: in its figures, then one that no row holds, then one that
    the desk knows as paid."""
    return min(
        found,
        key=lambda payout: (
            not _is_same(row, payout),
            payout.pk in holders,
            not payout.is_paid,
            payout.pk,
        ),
        default=None,
    )


def _is_same(row: RowFacts, payout: PayoutFacts) -> bool:
    return (row.amount_cents, row.currency) == (payout.amount_cents, payout.currency)


def standing_of(row: RowFacts, payout: PayoutFacts) -> Standing:
    """Returns how a row stands that holds this payout."""
    if not _is_same(row, payout):
        return Standing.DIFFERS
    return Standing.MATCHED if payout.is_paid else Standing.NOT_PAID


def _without_payout(row: RowFacts, known: Known) -> Standing:
    likeness = row.likeness
    if likeness is None or likeness not in known.earlier or likeness in known.repeated:
        return Standing.UNMATCHED
    known.repeated.add(likeness)
    return Standing.REPEATED


def _is_repeated(row: RowFacts, holder: RowFacts, known: Known) -> bool:
    """Tells whether a row is only the record of another file once more, such as where two exports
    overlap: the same reference, figures and day. Within one file, or a second time, it is another
    payment."""
    likeness = row.likeness
    if holder.statement == row.statement or likeness is None or likeness != holder.likeness:
        return False
    if likeness in known.repeated:
        return False
    known.repeated.add(likeness)
    return True

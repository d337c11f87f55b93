"""The reconciler: what the desk, the gateways and Optoro hold to be true of money, compared.

It changes nothing but exceptions: whatever it finds is mended by those whose work it is.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.attention.models import Item
from apps.attention.models import Kind as AttentionKind
from apps.attention.services import Cause, close_items, open_items_at_once
from apps.common import clock
from apps.reconciliation.integrity import broken_books
from apps.reconciliation.open_loops import open_loops
from apps.reconciliation.overdrawn import overdrawn
from apps.reconciliation.rules import (
    CLOSED_HERE,
    MUST_NEVER_BE,
    OPENED_HERE,
    Difference,
    DifferenceKind,
    Found,
    Handling,
    difference,
    is_dismissed,
    one_per_exception,
)
from apps.refunds.models import Payout, PayoutStatus, Refund, RefundStatus
from apps.stores.models import Store

logger = logging.getLogger(__name__)

Key = tuple[AttentionKind, str]

# Where one of these is open for the RMA, somebody is on its units already.
_SAME_UNITS = (AttentionKind.REFUND_DECLINED, AttentionKind.REFUND_NEEDS_DECISION)

_NOT_FINISHED = (
    RefundStatus.PROPOSED,
    RefundStatus.APPROVED,
    RefundStatus.PAYING,
    RefundStatus.UNKNOWN,
)
_NOT_DECIDED = (
    PayoutStatus.CREATED,
    PayoutStatus.CALLING,
    PayoutStatus.PENDING,
    PayoutStatus.UNKNOWN,
)


def reconcile(store: Store, now: datetime) -> list[Difference]:
    """Returns every difference in a store's money at `now` (UTC), kind by kind, oldest first, each
    with its verdict. Changes nothing; the number of queries does not depend on how many refunds
    there are."""
    found = _find(store, now)
    handlings = _handlings(store, now)
    differences = [difference(one, _handling_of(one, handlings), now) for one in found]
    order = {kind: place for place, kind in enumerate(DifferenceKind)}
    return sorted(differences, key=lambda one: (order[one.kind], one.since_at, one.subject))


def sweep_store(store: Store, now: datetime) -> tuple[int, int]:
    """Makes exceptions true: opens one for every difference that is older than its time, renews the
    figures of those it opened before, and closes those whose difference is gone. Returns how many
    it opened and closed. Running it again changes nothing.

    What a person dismissed stays dismissed while its figures do.
    """
    found = _find(store, now)
    overdue = one_per_exception(one for one in found if one.is_overdue(now))
    handlings = _handlings(store, now)
    with transaction.atomic():
        opened = _open(store, overdue.values(), handlings)
        _renew(store, overdue)
        closed = _close(store, {_key(one) for one in found}, now)
    broken = sum(one.kind in MUST_NEVER_BE for one in found)
    if broken:
        logger.error("store %s: %s faults in the books of money", store.identifier, broken)
    return opened, closed


def sweep() -> tuple[int, int]:
    """Sweeps every store that `stores_to_reconcile` names; returns how many exceptions were opened
    and closed."""
    done = [sweep_store(store, clock.now()) for store in stores_to_reconcile()]
    return sum(opened for opened, _ in done), sum(closed for _, closed in done)


def stores_to_reconcile() -> QuerySet[Store]:
    """Returns the stores whose money is looked at: those that are active, and those that are not
    any more, but whose refunds are not finished or whose payments are not decided."""
    refunds = Refund.objects.filter(store=OuterRef("pk"), status__in=_NOT_FINISHED)
    payouts = Payout.objects.filter(store=OuterRef("pk"), status__in=_NOT_DECIDED)
    return Store.objects.filter(Q(is_active=True) | Exists(refunds) | Exists(payouts)).order_by(
        "pk"
    )


def _find(store: Store, now: datetime) -> list[Found]:
    return [*open_loops(store.pk, now), *overdrawn(store), *broken_books(store.pk)]


def _key(found: Found) -> Key:
    return found.exception, found.exception_subject


def _handlings(store: Store, now: datetime) -> dict[Key, Handling]:
    """What people have done: the open exceptions, and where none is, the newest dismissal. Those
    that are for an RMA's units as a whole also stand under the RMA."""
    rows = Item.objects.filter(Q(resolved_at=None) | Q(is_dismissed=True), store=store)
    found: dict[Key, Handling] = {}
    for item in rows.order_by("pk"):
        handling = Handling(
            is_open=item.resolved_at is None,
            is_late=item.due_at is not None and item.due_at <= now,
            detail=item.detail,
            closed_at=item.resolved_at,
            note=item.resolution,
        )
        kind = AttentionKind(item.kind)
        _keep(found, (kind, item.subject), handling)
        if kind in _SAME_UNITS and item.rma_identifier:
            _keep(found, (AttentionKind.CONFIRMED_WITHOUT_REFUND, item.rma_identifier), handling)
    return found


def _keep(found: dict[Key, Handling], key: Key, handling: Handling) -> None:
    before = found.get(key)
    if before is None or handling.is_open or not before.is_open:
        found[key] = handling


def _handling_of(found: Found, handlings: Mapping[Key, Handling]) -> Handling | None:
    return handlings.get(_key(found))


def _open(store: Store, overdue: Iterable[Found], handlings: Mapping[Key, Handling]) -> int:
    def is_wanted(one: Found) -> bool:
        handling = _handling_of(one, handlings)
        return handling is None or not (handling.is_open or is_dismissed(one, handling))

    return open_items_at_once(
        store_id=store.pk,
        causes=[
            Cause(
                kind=one.exception,
                subject=one.exception_subject,
                detail=one.explanation,
                order_identifier=one.order_identifier,
                rma_identifier=one.rma_identifier,
            )
            for one in overdue
            if is_wanted(one)
        ],
    )


def _renew(store: Store, overdue: Mapping[Key, Found]) -> None:
    stale = []
    for item in Item.objects.filter(store=store, kind__in=OPENED_HERE, resolved_at=None):
        one = overdue.get((AttentionKind(item.kind), item.subject))
        if one and one.explanation != item.detail:
            item.detail = one.explanation
            stale.append(item)
    Item.objects.bulk_update(stale, ["detail"], batch_size=500)


def _close(store: Store, still_there: set[Key], now: datetime) -> int:
    """An exception that was opened after the reading began is left for the next time."""
    rows = Item.objects.filter(
        store=store, kind__in=CLOSED_HERE, resolved_at=None, opened_at__lte=now
    )
    gone = [item for item in rows if (AttentionKind(item.kind), item.subject) not in still_there]
    for item in gone:
        close_items(
            store_id=store.pk,
            kind=AttentionKind(item.kind),
            subject=item.subject,
            resolution="its cause is gone",
        )
    return len(gone)

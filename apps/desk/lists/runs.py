"""Doing an action to many rows: every row once, in a transaction of its own, with its outcome."""

import logging
import time
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404

from apps.common.errors import Refused
from apps.desk.lists.bulk import ACTIONS
from apps.desk.lists.bulk_types import Doer, sentence
from apps.desk.models import BulkRow, BulkRun
from apps.desk.seats import Permit, Seat

logger = logging.getLogger(__name__)

# What a person waits for at most; the rest goes on by itself, or with a click.
SECONDS_AT_ONCE = 8.0
_FAILED = "Something went wrong here; nothing of this row was changed. Request"


class UsedOtherwise(Refused):
    """The token of a confirmation belongs to something else that was confirmed."""


def known_run(
    doer: Doer, *, token: uuid.UUID, action: str, keys: Collection[int], rows: Sequence[Any]
) -> BulkRun | None:
    """Returns the run that began with this very confirmation, None where the token is new.

    `keys` are the rows that were sent, `rows` those of them that the list has now: a row that was
    done may have left it. Raises UsedOtherwise where store, person, list, action, what was entered
    or the rows are others.
    """
    run = BulkRun.objects.filter(token=token).first()
    if run is None:
        return None
    kept = (run.store_id, run.person_id, run.list_name, run.action, run.values)
    sent = (doer.seat.store.pk, doer.user.pk, doer.listing.name, action, doer.values)
    subjects = set(run.rows.values_list("subject", flat=True))
    if kept != sent or not {row.pk for row in rows} <= subjects <= set(keys):
        raise UsedOtherwise("This confirmation was used for something else. Start again.")
    return run


def begin_run(
    doer: Doer,
    *,
    token: uuid.UUID,
    query: str,
    action: str,
    keys: Collection[int],
    rows: Sequence[Any],
) -> BulkRun:
    """Writes down what is about to be done to which rows. The same confirmation again is the same
    run: its rows are not added to. Raises UsedOtherwise where the token is another's."""
    listing = doer.listing
    known = known_run(doer, token=token, action=action, keys=keys, rows=rows)
    if known is not None:
        return known
    try:
        with transaction.atomic():
            run = BulkRun.objects.create(
                token=token,
                store=doer.seat.store,
                person=doer.user,
                list_name=listing.name,
                query=query,
                action=action,
                values=doer.values,
            )
            BulkRow.objects.bulk_create(
                BulkRow(
                    run=run,
                    position=position,
                    subject=row.pk,
                    label=listing.called(row)[:600],
                    url=listing.url_of(row),
                )
                for position, row in enumerate(rows)
            )
    except IntegrityError:
        # The same form, sent twice at once: the other one was first.
        known = known_run(doer, token=token, action=action, keys=keys, rows=rows)
        if known is None:
            raise
        return known
    return run


def may_go_on(run: BulkRun, seat: Seat) -> Permit:
    """Tells whether a person may go on with a run: their own, with the right that it needs."""
    permit = seat.permit(ACTIONS[run.action].needs)
    if permit.is_given and run.person_id != seat.membership.user_id:
        name = run.person.get_full_name() or run.person.get_username()
        return Permit(False, f"Only {name}, who confirmed this, can go on with it.")
    return permit


def go_on(run: BulkRun, doer: Doer, *, request_id: str) -> int:
    """Does what waits, for as long as a person is kept waiting; returns how many rows are left.

    A row that two do at once is done by one of them: its mark is set in the transaction that does
    it. Where the process dies in between, the row waits still, and nothing of it was done.
    Raises PermissionDenied for whoever may not go on with it, Http404 where it is of another list.
    """
    if run.list_name != doer.listing.name or run.store_id != doer.seat.store.pk:
        raise Http404(f"This was not confirmed in the list {doer.listing.name}.")
    permit = may_go_on(run, doer.seat)
    if not permit.is_given:
        raise PermissionDenied(permit.reason)
    until = time.monotonic() + SECONDS_AT_ONCE
    waiting = run.rows.filter(result=BulkRow.Result.WAITING).order_by("position")
    for row in list(waiting):
        if time.monotonic() > until:
            break
        _do(run, row, doer, request_id)
    return waiting.count()


def _do(run: BulkRun, row: BulkRow, doer: Doer, request_id: str) -> None:
    mark = BulkRow.objects.filter(pk=row.pk, result=BulkRow.Result.WAITING)
    try:
        with transaction.atomic():
            if not mark.update(result=BulkRow.Result.DONE):
                return
            text = ACTIONS[run.action].run(doer, _row_of(doer, row))
            BulkRow.objects.filter(pk=row.pk).update(text=text)
    except Refused as refusal:
        mark.update(result=BulkRow.Result.REFUSED, text=sentence(str(refusal)))
    except Exception:
        # One row that fails must not keep the others from being done.
        logger.exception("bulk %s failed", run.action, extra={"row": row.pk})
        mark.update(result=BulkRow.Result.FAILED, text=f"{_FAILED} {request_id}.")


def _row_of(doer: Doer, row: BulkRow) -> Any:
    found = doer.listing.rows(doer.seat).filter(pk=row.subject).first()
    if found is None:
        raise Refused("it is not in this list any more")
    return found

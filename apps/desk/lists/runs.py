"""Doing an action to many rows: every row once, in a transaction of its own, with its outcome."""

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.common.errors import Refused
from apps.desk.lists.bulk import ACTIONS
from apps.desk.lists.bulk_types import Doer, sentence
from apps.desk.models import BulkRow, BulkRun

logger = logging.getLogger(__name__)

# What a person waits for at most; the rest goes on by itself, or with a click.
SECONDS_AT_ONCE = 8.0
_FAILED = "Something went wrong here; nothing of this row was changed. Request"


def begin_run(
    doer: Doer, *, token: uuid.UUID, query: str, action: str, rows: Sequence[Any]
) -> BulkRun:
    """Writes down what is about to be done to which rows. The same token again is the same run: its
    rows are not added to."""
    listing = doer.listing
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
        return BulkRun.objects.get(token=token, store=doer.seat.store)
    return run


def go_on(run: BulkRun, doer: Doer, *, request_id: str) -> int:
    """Does what waits, for as long as a person is kept waiting; returns how many rows are left.

    A row that two do at once is done by one of them: its mark is set in the transaction that does
    it. Where the process dies in between, the row waits still, and nothing of it was done.
    """
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

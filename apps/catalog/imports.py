"""Importing files of variants: taken in at once, worked off in chunks by the outbox.

Each chunk is committed together with how far the file has been read, so that whoever comes next
goes on there, whatever became of the worker before. What only the whole file tells, such as which
rows repeat others, is found out once, when it is uploaded (`csv_survey.py`).
"""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max

from apps.catalog.csv_file import open_csv, read_row
from apps.catalog.csv_survey import Repeats, survey
from apps.catalog.models import Product, Variant, VariantImport, VariantImportError
from apps.catalog.queries import BYTES
from apps.catalog.services import lock_products, sum_up, told_row, write_rows
from apps.catalog.types import ImportedVariant
from apps.common import clock
from apps.common.csv_reading import CsvFile, FileRow, Place, RowError, refuse_large
from apps.common.hashing import sha256_of_bytes
from apps.common.redaction import storable
from apps.outbox import topics
from apps.outbox.services import enqueue
from apps.outbox.types import ClaimedJob, Result, done

MAX_BYTES = 20 * 1024 * 1024
MAX_ERRORS = 10_000
MAX_VARIANTS_PER_PRODUCT = 1000
CHUNK_ROWS = 200
# Well within a job's lease; what is left is a job of its own, and others get their turn between.
SECONDS_PER_RUN = 20.0

_UNFINISHED = (VariantImport.State.WAITING, VariantImport.State.RUNNING)


def start_import(*, store_id: int, user_id: int, name: str, content: bytes) -> VariantImport:
    """Keeps an uploaded CSV file and queues its import; raises Refused where the file cannot be
    used as a whole. What is wrong with single rows shows as they are read."""
    refuse_large(content, MAX_BYTES)
    rows_total, repeats = survey(open_csv(content))
    with transaction.atomic():
        started = VariantImport.objects.create(
            store_id=store_id,
            name=storable(name)[:255],
            content=content,
            size=len(content),
            sha256=sha256_of_bytes(content),
            uploaded_by_id=user_id,
            rows_total=rows_total,
            repeats=repeats.to_bytes(),
        )
        _enqueue(started)
    return started


def _enqueue(found: VariantImport) -> None:
    enqueue(
        store_id=found.store_id,
        topic=topics.IMPORT_VARIANTS,
        key=found.pk,
        label=found.name,
    )


@transaction.atomic
def cancel_import(*, store_id: int, pk: int) -> bool:
    """Stops an import after the chunk that is being written; the rows before it stay. Returns
    False where it had ended already."""
    rows = VariantImport.objects.filter(store_id=store_id, pk=pk, state__in=_UNFINISHED)
    return bool(rows.update(state=VariantImport.State.CANCELED, **_ended()))


def _ended() -> dict[str, Any]:
    return {"finished_at": clock.now(), "content": b"", "repeats": b""}


def run_import(job: ClaimedJob) -> Result:
    """Does one `catalog.import` job: goes on where the last one stopped, for a while."""
    found = VariantImport.objects.filter(pk=int(job.key)).first()
    if found is None or found.state not in _UNFINISHED:
        return done()
    file = open_csv(bytes(found.content))
    repeats = Repeats.from_bytes(bytes(found.repeats))
    deadline = time.monotonic() + SECONDS_PER_RUN
    position = found.rows_done
    place = Place(found.resume_offset, found.resume_line) if position else None
    # The file holds the bytes; the row would hold them a second time.
    found.content = b""
    rows = file.rows(place)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        if not _import_chunk(found.pk, position, file, chunk, repeats):
            return done()
        position += len(chunk)
        if position < found.rows_total and time.monotonic() > deadline:
            with transaction.atomic():
                _enqueue(found)
            return done()
    _finish(found.pk, position)
    return done()


@transaction.atomic
def _import_chunk(
    pk: int,
    position: int,
    file: CsvFile,
    chunk: Sequence[FileRow],
    repeats: Repeats,
) -> bool:
    """Writes the next rows; returns False where the import was canceled meanwhile, or another
    worker has gone on with it."""
    rows = VariantImport.objects.select_for_update(no_key=True).defer(*BYTES)
    found = rows.get(pk=pk)
    if found.state not in _UNFINISHED or found.rows_done != position:
        return False
    usable, errors = _read(file, chunk, repeats)
    created, updated, unchanged = _upsert(found.store_id, usable, errors)
    _keep_errors(found, errors)
    VariantImport.objects.filter(pk=pk).update(
        state=VariantImport.State.RUNNING,
        rows_done=F("rows_done") + len(chunk),
        resume_offset=chunk[-1].end.offset,
        resume_line=chunk[-1].end.line,
        created_count=F("created_count") + created,
        updated_count=F("updated_count") + updated,
        unchanged_count=F("unchanged_count") + unchanged,
        failed_count=F("failed_count") + len(chunk) - created - updated - unchanged,
        error_count=F("error_count") + len(errors),
        progress_at=clock.now(),
    )
    return True


def _read(
    file: CsvFile, chunk: Sequence[FileRow], repeats: Repeats
) -> tuple[list[ImportedVariant], list[RowError]]:
    """Returns the variants that these rows tell of, and what is wrong with the others."""
    usable: list[ImportedVariant] = []
    errors: list[RowError] = []
    for row in chunk:
        first = repeats.first_line(row.line)
        result = read_row(row, file.delimiter)
        if isinstance(result, list):
            errors += result
        elif first != row.line:
            message = f"line {first} has this variant_identifier and sku already: keep one of them"
            errors.append(RowError(row.line, "sku", result.data.sku, message))
        else:
            usable.append(result)
    return usable, errors


def _upsert(
    store_id: int, told: Sequence[ImportedVariant], errors: list[RowError]
) -> tuple[int, int, int]:
    """Writes the variants of a chunk; returns how many were created, changed and as they were.
    What does not fit any more is added to `errors`."""
    if not told:
        return 0, 0, 0
    identifiers = sorted({one.variant_identifier for one in told})
    lock_products(store_id, identifiers, Variant.Source.FILE)
    known = {
        (row.variant_identifier, row.sku): row
        for row in Variant.objects.filter(
            store_id=store_id,
            variant_identifier__in=identifiers,
            sku__in={one.data.sku for one in told},
        )
    }
    rows = _placed(store_id, told, known, errors)
    created, changed = write_rows(rows, known)
    Product.objects.filter(store_id=store_id, variant_identifier__in=identifiers).update(
        source=Variant.Source.FILE, told_at=None, content_sha256="", updated_at=clock.now()
    )
    sum_up(store_id, identifiers)
    return created, changed, len(rows) - created - changed


def _placed(
    store_id: int,
    told: Sequence[ImportedVariant],
    known: dict[tuple[str, str], Variant],
    errors: list[RowError],
) -> list[Variant]:
    """Returns the rows to write: known ones keep their place, new ones come last."""
    identifiers = {one.variant_identifier for one in told}
    ends = {
        row["variant_identifier"]: (row["last"] + 1, row["count"])
        for row in Variant.objects.filter(store_id=store_id, variant_identifier__in=identifiers)
        .order_by()
        .values("variant_identifier")
        .annotate(last=Max("position"), count=Count("pk"))
    }
    rows = []
    for one in told:
        name = one.variant_identifier
        before = known.get((name, one.data.sku))
        end, count = ends.get(name, (0, 0))
        if before is None and count >= MAX_VARIANTS_PER_PRODUCT:
            message = f"the product has {count} variants already, which is the most there may be"
            errors.append(RowError(one.line, "variant_identifier", name, message))
            continue
        if before is None:
            ends[name] = (end + 1, count + 1)
        rows.append(
            told_row(
                store_id,
                name,
                one.data,
                source=Variant.Source.FILE,
                position=end if before is None else before.position,
            )
        )
    return rows


def _keep_errors(found: VariantImport, errors: Sequence[RowError]) -> None:
    room = max(0, MAX_ERRORS - found.error_count)
    VariantImportError.objects.bulk_create(
        VariantImportError(
            variant_import=found,
            line=error.line,
            column=storable(error.column)[:255],
            value=storable(error.value)[:255],
            message=error.message[:500],
        )
        for error in errors[:room]
    )


def _finish(pk: int, position: int) -> None:
    VariantImport.objects.filter(pk=pk, state__in=_UNFINISHED, rows_done=position).update(
        state=VariantImport.State.DONE, progress_at=clock.now(), **_ended()
    )

"""Undoing what an example did, so that the next one finds the database as it was."""

import contextlib
from collections.abc import Iterator

from django.db import transaction


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction like the one around a test: what happens in it has never been."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)

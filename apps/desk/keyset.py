"""Pages of very long lists by the key of the row where they begin: the last page costs as much as
the first one, and no row is seen twice while others come."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.http import QueryDict

from apps.desk.paging import PAGE_SIZE

_MOST = 2**63 - 1


@dataclass(frozen=True)
class KeysetPage:
    """Rows in the order of their keys; `before` and `after` are the keys to ask the neighboring
    pages with, None where there is none."""

    rows: list[Any]
    before: int | None = None
    after: int | None = None


def keyset_page(
    rows: QuerySet[Any],
    query: QueryDict,
    size: int = PAGE_SIZE,
    *,
    are_found_first: bool = False,
) -> KeysetPage:
    """Returns the page that `?after=` or `?before=` asks for; nonsense is the first page. Few rows
    among very many `are_found_first` and sorted then, for a query more: PostgreSQL goes through a
    whole table in the order of its keys where it expects more of them."""
    read = _read_found if are_found_first else _read
    before, after = _key(query.get("before")), _key(query.get("after"))
    if before is not None:
        found = read(rows.filter(pk__lt=before), size + 1, is_backward=True)
        page = found[:size][::-1]
        if page:
            return KeysetPage(page, page[0].pk if len(found) > size else None, page[-1].pk)
        after = None
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = read(rows, size + 1)
    page = found[:size]
    is_behind_first = after is not None and bool(page)
    return KeysetPage(
        page,
        page[0].pk if is_behind_first else None,
        page[-1].pk if len(found) > size else None,
    )


def _read(rows: QuerySet[Any], limit: int, *, is_backward: bool = False) -> list[Any]:
    return list(rows.order_by("-pk" if is_backward else "pk")[:limit])


def _read_found(rows: QuerySet[Any], limit: int, *, is_backward: bool = False) -> list[Any]:
    # No index has a sum in its order.
    by_sum = (F("pk") + 0).desc() if is_backward else (F("pk") + 0).asc()
    keys = list(rows.order_by(by_sum).values_list("pk", flat=True)[:limit])
    return _read(rows.filter(pk__in=keys), limit, is_backward=is_backward)


def _key(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return min(int(text), _MOST)

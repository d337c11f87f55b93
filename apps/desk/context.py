"""What every page knows: the seat, the look, and the menu with its counts."""

from typing import Any

from django.db.models import Count, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import cached_property

from apps.attention.queries import open_items
from apps.desk.reads.approvals import waiting_refunds
from apps.desk.seats import Seat
from apps.stores.models import Store

THEMES = {"system": "System", "light": "Light", "dark": "Dark"}
THEME_COOKIE = "theme"
SHORTCUTS_COOKIE = "shortcuts"

# (URL name, label, names of the pages under it)
_MENU = (
    ("desk:home", "Home", ("home",)),
    ("desk:attention", "Attention", ("attention", "attention-item")),
    ("desk:approvals", "Approvals", ("approvals",)),
    ("desk:orders", "Orders", ("orders", "order")),
    ("desk:rmas", "Returns", ("rmas", "rma", "rma-cancel")),
    ("desk:exchanges", "Exchanges", ("exchanges", "exchange")),
    ("desk:settlement", "Settlement", ("settlement",)),
    (
        "desk:refunds",
        "Refunds",
        ("refunds", "refund", "refund-new", "refund-approve", "refund-cancel", "payout"),
    ),
    (
        "desk:policies",
        "Policies",
        ("policies", "policy", "policy-edit", "policy-renew", "approval-policy"),
    ),
    (
        "desk:catalog",
        "Catalog",
        ("catalog", "catalog-missed", "catalog-imports", "catalog-import", "catalog-product"),
    ),
    ("desk:deliveries", "Messages", ("deliveries", "delivery", "raw")),
    ("desk:jobs", "Outbound", ("jobs", "job")),
)


def desk(request: HttpRequest) -> dict[str, Any]:
    """Adds the seat (None outside the desk's own pages), the theme and the menu."""
    seat: Seat | None = getattr(request, "seat", None)
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "seat": seat,
        "theme": theme if theme in THEMES else "system",
        "themes": THEMES,
        "shortcuts_on": request.COOKIES.get(SHORTCUTS_COOKIE) != "off",
        "menu": _menu(request) if seat else [],
        "open_counts": _OpenCounts(seat.store.pk) if seat else None,
    }


class _OpenCounts:
    """The menu's counts of what is open. Read in one query, and only where the menu is drawn."""

    def __init__(self, store_id: int) -> None:
        self._store_id = store_id

    @cached_property
    def _both(self) -> tuple[int, int]:
        def count(rows: QuerySet[Any]) -> Coalesce:
            counted = rows.order_by().values("store").annotate(count=Count("pk")).values("count")
            return Coalesce(Subquery(counted), 0)

        counts = Store.objects.values_list(
            count(open_items(self._store_id)), count(waiting_refunds(self._store_id))
        )
        attention, approvals = counts.get(pk=self._store_id)
        return attention, approvals

    @property
    def attention(self) -> int:
        """How many things need a person."""
        return self._both[0]

    @property
    def approvals(self) -> int:
        """How many refunds wait for approval."""
        return self._both[1]


def _menu(request: HttpRequest) -> list[dict[str, Any]]:
    match = request.resolver_match
    current = match.url_name if match else ""
    return [
        {"url_name": url_name, "label": label, "is_current": current in pages}
        for url_name, label, pages in _MENU
    ]

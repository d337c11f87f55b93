"""What every page knows: the seat, the look, and the menu with its counts."""

from typing import Any

from django.http import HttpRequest

from apps.attention.queries import open_items
from apps.desk.seats import Seat

THEMES = {"system": "System", "light": "Light", "dark": "Dark"}
THEME_COOKIE = "theme"
SHORTCUTS_COOKIE = "shortcuts"

# (URL name, label, names of the pages under it)
_MENU = (
    ("desk:home", "Home", ("home",)),
    ("desk:attention", "Attention", ("attention", "attention-item")),
    ("desk:orders", "Orders", ("orders", "order")),
    ("desk:rmas", "Returns", ("rmas", "rma")),
    ("desk:exchanges", "Exchanges", ("exchanges", "exchange")),
    ("desk:refunds", "Refunds", ("refunds", "refund", "refund-approve", "refund-cancel")),
    ("desk:policies", "Policies", ("policies", "policy", "policy-edit", "policy-renew")),
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
        "open_attention": (lambda: open_items(seat.store.pk).count()) if seat else 0,
    }


def _menu(request: HttpRequest) -> list[dict[str, Any]]:
    match = request.resolver_match
    current = match.url_name if match else ""
    return [
        {"url_name": url_name, "label": label, "is_current": current in pages}
        for url_name, label, pages in _MENU
    ]

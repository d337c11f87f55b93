"""What every page knows: the seat, the look, and the menu with its counts."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from apps.accounts.rules import Action
from apps.desk.reads.notices import Standing, standing
from apps.desk.seats import Seat
from apps.desk.second_factor import is_factor_missing

THEMES = {"system": "System", "light": "Light", "dark": "Dark"}
THEME_COOKIE = "theme"
SHORTCUTS_COOKIE = "shortcuts"

# (URL name, label, names of the pages under it)
_MENU = (
    ("desk:home", "Home", ("home", "mentions")),
    ("desk:attention", "Attention", ("attention", "attention-item")),
    ("desk:approvals", "Approvals", ("approvals",)),
    ("desk:orders", "Orders", ("orders", "order", "order-case")),
    (
        "desk:rmas",
        "Returns",
        ("rmas", "rma", "rma-cancel", "rma-convert", "rma-decide", "rma-case", "unit-exclude"),
    ),
    ("desk:exchanges", "Exchanges", ("exchanges", "exchange")),
    ("desk:settlement", "Settlement", ("settlement",)),
    (
        "desk:statements",
        "Statements",
        (
            "statements",
            "statement",
            "statement-columns",
            "statement-row",
            "statement-payout",
        ),
    ),
    (
        "desk:refunds",
        "Refunds",
        (
            "refunds",
            "refund",
            "refund-new",
            "refund-approve",
            "refund-cancel",
            "refund-receipt",
            "payout",
        ),
    ),
    (
        "desk:reports",
        "Reports",
        (
            "reports",
            "report",
            "exports",
            "export",
            "books",
            "books-close",
            "books-reopen",
            "schedules",
            "schedule",
            "schedule-new",
            "schedule-edit",
            "schedule-remove",
        ),
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

# What only some may look at.
_NEEDS = {"desk:reports": Action.VIEW_FINANCE, "desk:statements": Action.VIEW_FINANCE}

# What is pressed after `g` to go there: a letter of the name.
_KEYS = {
    "desk:home": "h",
    "desk:attention": "a",
    "desk:approvals": "p",
    "desk:orders": "o",
    "desk:rmas": "r",
    "desk:exchanges": "x",
    "desk:settlement": "s",
    "desk:statements": "t",
    "desk:refunds": "f",
    "desk:reports": "e",
    "desk:policies": "l",
    "desk:catalog": "c",
    "desk:deliveries": "m",
    "desk:jobs": "u",
}


def desk(request: HttpRequest) -> dict[str, Any]:
    """Adds the seat (None outside the desk's own pages), the theme and the menu."""
    seat: Seat | None = getattr(request, "seat", None)
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "seat": seat,
        "theme": theme if theme in THEMES else "system",
        "themes": THEMES,
        "shortcuts_on": request.COOKIES.get(SHORTCUTS_COOKIE) != "off",
        "menu": _menu(request, seat) if seat else [],
        # Read where the page draws it, and once.
        "standing": SimpleLazyObject(lambda: _standing(request, seat)) if seat else None,
    }


def _standing(request: HttpRequest, seat: Seat) -> Standing | None:
    """Returns what is open in the store; None while a second factor has to be set up first."""
    if is_factor_missing(request, seat.store):
        return None
    return standing(seat.store.pk)


# Pages of the menu have one address each, the same in every request.
_url = lru_cache(maxsize=len(_MENU))(reverse)


def _menu(request: HttpRequest, seat: Seat) -> list[dict[str, Any]]:
    match = request.resolver_match
    current = match.url_name if match else ""
    return [
        {
            "url_name": url_name,
            "url": _url(url_name),
            "label": label,
            "is_current": current in pages,
            "key": _KEYS[url_name],
        }
        for url_name, label, pages in _MENU
        if seat.permit(_NEEDS.get(url_name, Action.VIEW)).is_given
    ]

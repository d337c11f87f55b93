"""Who gets a scheduled report: addresses as people write them, and whose they are."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from apps.accounts.models import Membership
from apps.accounts.rules import ALLOWED
from apps.common.errors import Refused
from apps.reports.types import Report

MOST_RECIPIENTS = 20
_LONGEST = 254
_BETWEEN = re.compile(r"[\s,;]+")


def parse_recipients(text: str) -> list[str]:
    """Returns the addresses of a text, each once, in their order. Raises Refused, naming what is
    none, and for none or more than MOST_RECIPIENTS."""
    found: dict[str, str] = {}
    for address in filter(None, _BETWEEN.split(text)):
        _refuse_odd_address(address)
        found.setdefault(address.casefold(), address)
    if not found:
        raise Refused("name at least one e-mail address")
    if len(found) > MOST_RECIPIENTS:
        raise Refused(
            f"{len(found)} addresses: name {MOST_RECIPIENTS} at most, or one of a mailing list"
        )
    return list(found.values())


def _refuse_odd_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError:
        is_address = False
    else:
        is_address = len(address) <= _LONGEST and address.isascii()
    if not is_address:
        raise Refused(f"{address[:100]!r} is no e-mail address: write it as in ana@example.com")


def outsiders(*, store_id: int, report: Report, recipients: Iterable[str]) -> list[str]:
    """Returns those of the addresses that belong to nobody who works in the store and may see the
    report there."""
    rows = Membership.objects.filter(
        store_id=store_id, role__in=ALLOWED[report.action], user__is_active=True
    )
    inside = {address.casefold() for address in rows.values_list("user__email", flat=True)}
    return [address for address in recipients if address.casefold() not in inside]

"""How the screens write the differences between two documents."""

from django import template

from apps.common import money
from apps.desk.reads.differences import Difference, value_text

register = template.Library()


@register.simple_tag
def difference_side(change: Difference, side: str, currency: str = "") -> str:
    """Writes the value on one side (`before` or `after`): an amount with its currency where it is
    one and the currency is known, anything else as JSON, and a dash for nothing."""
    value = getattr(change, side)
    name = change.path[-1] if change.path else ""
    is_amount = isinstance(name, str) and name.endswith("_cents")
    if is_amount and currency and isinstance(value, int) and not isinstance(value, bool):
        return money.show(value, currency)
    return value_text(value)

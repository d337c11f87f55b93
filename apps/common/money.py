"""Money is integer cents beside an ISO 4217 currency; nothing here knows floats or decimals."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision


def share_of(amount_cents: int, position: int, parts: int) -> int:
    """Returns the `position`-th (from 0) of `parts` equal shares of `amount_cents`, in cents.

    All the shares add up to `amount_cents` exactly; no two differ by more than one cent.
    """
    if not 0 <= position < parts:
        raise ValueError(f"position {position} is outside 0..{parts - 1}")
    return first_shares(amount_cents, position + 1, parts) - first_shares(
        amount_cents, position, parts
    )


def first_shares(amount_cents: int, count: int, parts: int) -> int:
    """Returns what the first `count` of `parts` equal shares add up to, in cents, rounded down."""
    if parts < 1 or not 0 <= count <= parts:
        raise ValueError(f"{count} of {parts} shares cannot be taken")
    return amount_cents * count // parts


def split_by_weight(amount_cents: int, weights: Sequence[int]) -> list[int]:
    """Splits `amount_cents` in proportion to `weights`; the parts add up to it exactly.

    Cents left over go to the parts with the largest remainder, earlier parts first. Weights that
    are all zero split evenly.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("weights must be given and none may be negative")
    total = sum(weights)
    if total == 0:
        return [share_of(amount_cents, n, len(weights)) for n in range(len(weights))]
    parts = [amount_cents * weight // total for weight in weights]
    left = amount_cents - sum(parts)
    by_remainder = sorted(
        range(len(weights)), key=lambda n: (-(amount_cents * weights[n] % total), n)
    )
    for n in by_remainder[:left]:
        parts[n] += 1
    return parts


@lru_cache(maxsize=10_000)
def show(amount_cents: int, currency: str, locale: str = "en_US") -> str:
    """Returns the amount as people write it, such as `$1,234.50`; yen come without decimals."""
    precision = get_currency_precision(currency)
    return format_currency(Decimal(amount_cents).scaleb(-precision), currency, locale=locale)

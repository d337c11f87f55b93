"""How files write amounts, currencies and days. Pure; what cannot be read raises ValueError, whose
text is the remedy."""

import re
from datetime import date
from decimal import Decimal
from functools import cache

from babel.numbers import get_currency_precision, list_currencies

from apps.statements.types import AmountFormat, DateOrder

MAX_CENTS = 10**13
# Signs and spaces that look like those of a keyboard.
_PLAIN = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u202f": " ", "’": "'"})
_NUMBERS = {
    AmountFormat.POINT: re.compile(
        r"([0-9]{1,3}(?:[ ,'][0-9]{3})+|[0-9]{1,15})(?:\.([0-9]{1,9}))?"
    ),
    AmountFormat.COMMA: re.compile(r"([0-9]{1,3}(?:[ .'][0-9]{3})+|[0-9]{1,15})(?:,([0-9]{1,9}))?"),
    AmountFormat.MINOR: re.compile(r"([0-9]{1,15})"),
}
_EXAMPLES = {
    AmountFormat.POINT: "an amount such as 1,234.50 or -1234.50, without the currency",
    AmountFormat.COMMA: "an amount such as 1.234,50 or -1234,50, without the currency",
    AmountFormat.MINOR: "a whole number of the smallest unit, such as 123450 for 1,234.50",
}
_GROUPS = re.compile("[ .,']")


def read_amount(text: str, amount_format: AmountFormat, currency: str) -> int:
    """Returns an amount in cents of its currency's own precision, below zero where it is written
    with a minus (in front or behind) or in parentheses."""
    plain = text.translate(_PLAIN).strip()
    bare, is_negative = _without_sign(plain)
    found = _NUMBERS[amount_format].fullmatch(bare)
    if not found:
        raise ValueError(f"must be {_EXAMPLES[amount_format]}")
    whole = _GROUPS.sub("", found[1])
    if amount_format == AmountFormat.MINOR:
        cents = int(whole)
    else:
        cents = int(whole + _fraction(found[2] or "", currency))
    if cents > MAX_CENTS:
        raise ValueError("is more than any payout: is it another column that holds the amount?")
    return -cents if is_negative else cents


def as_decimal(amount_cents: int, currency: str) -> str:
    """Returns an amount as files with a decimal point write it."""
    return str(Decimal(amount_cents).scaleb(-get_currency_precision(currency)))


def _without_sign(text: str) -> tuple[str, bool]:
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(), True
    if text.endswith("-"):
        return text[:-1].strip(), True
    if text.startswith("-"):
        return text[1:].strip(), True
    return text.removeprefix("+").strip(), False


def _fraction(text: str, currency: str) -> str:
    precision = get_currency_precision(currency)
    if text[precision:].strip("0"):
        digits = "no decimals" if precision == 0 else f"{precision} decimals"
        raise ValueError(f"has more decimals than {currency} knows: write {digits}")
    return text[:precision].ljust(precision, "0")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


def read_currency(text: str) -> str:
    """Returns a currency's code in capitals."""
    code = text.strip().upper()
    if code not in _currencies():
        raise ValueError("must be the three letters of a currency, such as EUR")
    return code


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(
    r"(?:(?P<y4>\d{4})(?P<m4>\d{2})(?P<d4>\d{2})"
    r"|(?P<one>\d{1,4}|[a-z]{3,9})[-/. ] ?(?P<two>\d{1,2}|[a-z]{3,9})[-/. ,] ?(?P<three>\d{2,4}))"
    r"(?:[T ,].*)?",
    re.DOTALL | re.ASCII | re.IGNORECASE,
)
_DAY_EXAMPLES = {
    DateOrder.YEAR_FIRST: "a day such as 2026-01-31",
    DateOrder.DAY_FIRST: "a day such as 31.01.2026",
    DateOrder.MONTH_FIRST: "a day such as 01/31/2026",
}
_PLACES = {DateOrder.YEAR_FIRST: "ymd", DateOrder.DAY_FIRST: "dmy", DateOrder.MONTH_FIRST: "mdy"}


def read_day(text: str, order: DateOrder) -> date:
    """Returns the day that `text` begins with; a time behind it is left out."""
    found = _DAY.fullmatch(text.strip())
    remedy = f"must be {_DAY_EXAMPLES[order]}; or choose how the file writes days"
    if not found:
        raise ValueError(remedy)
    if found["y4"]:
        parts = {"y": found["y4"], "m": found["m4"], "d": found["d4"]}
    else:
        parts = dict(zip(_PLACES[order], found.group("one", "two", "three"), strict=True))
    try:
        day = date(_year(parts["y"]), _month(parts["m"]), int(parts["d"]))
    except ValueError:
        raise ValueError(remedy) from None
    if not 1990 <= day.year <= 2100:
        raise ValueError(remedy)
    return day


def _year(text: str) -> int:
    return 2000 + int(text) if len(text) == 2 else int(text)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    return _MONTHS.index(text[:3].lower()) + 1

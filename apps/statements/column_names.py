"""What Stripe, Adyen, PayPal, banks and others call the columns of their files. Pure."""

from collections.abc import Mapping, Sequence

# The first of these names that a column has wins: the more telling ones stand in front.
NAMES: Mapping[str, tuple[str, ...]] = {
    "reference": (
        "modification reference",
        "source id",
        "gateway reference",
        "source",
        "refund id",
        "psp reference",
        "transaction id",
        "end to end id",
        "endtoendid",
        "payment reference",
        "reference",
        "reference number",
        "verwendungszweck",
        "id",
    ),
    "amount": (
        "gross debit (gc)",
        "gross",
        "amount",
        "amount cents",
        "amount minor",
        "payment amount",
        "betrag",
        "value",
    ),
    "currency_column": (
        "gross currency",
        "currency",
        "currency code",
        "ccy",
        "währung",
        "waehrung",
        "devise",
        "amount currency",
    ),
    "date": (
        "created (utc)",
        "created utc",
        "created",
        "creation date",
        "booking date",
        "buchungstag",
        "date",
        "value date",
        "paid at",
    ),
    "key": (
        "refund metadata[desk key]",
        "desk key (metadata)",
        "desk key",
        "idempotency key",
        "key",
        "refund identifier",
        "refund",
        "modification merchant reference",
        "custom number",
        "merchant reference",
    ),
    "fee": ("fee", "fees", "fee amount", "processing fee"),
    "kind": (
        "reporting category",
        "type",
        "transaction type",
        "record type",
        "event code",
        "kind",
    ),
}


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def columns_named(columns: Sequence[str]) -> dict[str, int]:
    """Returns which of these columns is what by its name, by position from 0."""
    positions: dict[str, int] = {}
    for number, name in enumerate(columns):
        positions.setdefault(_plain(name), number)
    return {
        field: positions[found]
        for field, names in NAMES.items()
        if (found := next((name for name in names if name in positions), None)) is not None
    }

"""Cells of CSV files that people open in a spreadsheet."""

_STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """Returns `text` so that no spreadsheet takes it for a formula: what begins like one gets an
    apostrophe in front."""
    return f"'{text}" if text.startswith(_STARTS_OF_FORMULAS) else text

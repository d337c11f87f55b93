"""Cells of CSV files that people open in a spreadsheet."""

import re

# What follows a tab or semicolon begins a cell of its own in a spreadsheet that splits there, as
# those of many countries do, whatever quotes stand around it; a line end likewise.
_START_OF_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[ ]*[=+\-@\t\r])")
_SEPARATOR = re.compile(r"[;\t\r\n]")
_SUSPICIOUS = frozenset(" =+-@\t\r")


def harmless(text: str) -> str:
    """Returns `text` so that no spreadsheet takes it, or a part of it, for a formula: what begins
    like one gets an apostrophe in front."""
    # Nearly every text is spared the look that costs most.
    if not text or (text[0] not in _SUSPICIOUS and not _SEPARATOR.search(text)):
        return text
    return _START_OF_FORMULA.sub(r"\1'", text)

"""Adding rows up as they pass by: what files end with, and the totals of short reports."""

from collections.abc import Iterable, Sequence
from typing import Any

from apps.reports.types import Report, Row, Totals


class Sums:
    """Totals of rows as they pass by: what files end with."""

    def __init__(self, report: Report, kept: Sequence[Totals] = ()) -> None:
        self._places = report.summed
        self._currency = report.currency_place
        self._rows: dict[str, int] = {}
        self._sums: dict[str, list[int]] = {}
        for found in kept:
            self._rows[found.currency] = found.rows
            self._sums[found.currency] = [found.sums[key] for key in self._places]

    def add(self, rows: Iterable[Row]) -> None:
        """Adds rows."""
        places = list(self._places.values())
        for row in rows:
            currency = "" if self._currency is None else str(row[self._currency])
            if currency not in self._rows:
                self._rows[currency] = 0
                self._sums[currency] = [0] * len(places)
            self._rows[currency] += 1
            sums = self._sums[currency]
            for n, place in enumerate(places):
                value: Any = row[place]
                if value:
                    sums[n] += value

    @property
    def totals(self) -> list[Totals]:
        """What was added, most rows first, as a source sorts its totals."""
        found = [
            Totals(currency, rows, dict(zip(self._places, self._sums[currency], strict=True)))
            for currency, rows in self._rows.items()
        ]
        return sorted(found, key=lambda one: (-one.rows, one.currency))

"""Small bar charts, drawn by the server. Pure geometry: what is drawn, not how it looks."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 140.0, 32.0, 2.0
# A day with little is told from one with nothing.
LEAST_HEIGHT = 1.5


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the drawing; `label` is what stands for it in words."""

    x: float
    y: float
    width: float
    height: float
    label: str
    is_last: bool


def bars(values: Sequence[float | None], labels: Sequence[str]) -> list[Bar]:
    """Returns a bar for each value, from 0 at the bottom to the greatest one at the top. Nothing
    (None) has no bar at all, and 0 one without a height. Negative values are refused."""
    known = [value for value in values if value is not None]
    if any(value < 0 for value in known):
        raise ValueError("a bar chart begins at 0: negative values cannot be drawn")
    top = max(known, default=0)
    step = (WIDTH + GAP) / max(len(values), 1)
    drawn = []
    for n, (value, label) in enumerate(zip(values, labels, strict=True)):
        if value is None:
            continue
        height = max(value / top * HEIGHT, LEAST_HEIGHT) if value and top else 0.0
        drawn.append(
            Bar(
                x=round(n * step, 2),
                y=round(HEIGHT - height, 2),
                width=round(step - GAP, 2),
                height=round(height, 2),
                label=label,
                is_last=n == len(values) - 1,
            )
        )
    return drawn

"""A QR code as one path of an inline SVG: no image, no data address, nothing from elsewhere."""

from dataclasses import dataclass

import qrcode


@dataclass(frozen=True)
class QrCode:
    """`size` modules wide and high, its quiet zone included; `path` draws the dark ones."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Returns the QR code of a text."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    code.make(fit=True)
    matrix = code.get_matrix()
    runs = [
        f"M{x} {y}h{width}v1h-{width}z" for y, row in enumerate(matrix) for x, width in _runs(row)
    ]
    return QrCode(len(matrix), "".join(runs))


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Returns where dark modules begin that stand side by side, and how many there are."""
    runs: list[tuple[int, int]] = []
    for x, is_dark in enumerate(row):
        if not is_dark:
            continue
        if runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((x, 1))
    return runs

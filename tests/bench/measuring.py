"""How long a page takes, how many queries it asks and how large it is."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil, inf
from statistics import median
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

REPEATS = 15
_SLOW_SECONDS = 1.0
_FEW = 3


class Group(StrEnum):
    """What a measured page is."""

    LIST = "list"
    PAGE = "page"
    REPORT = "report"
    HISTORY = "history"
    SEARCH = "search"
    CSV = "csv"
    API = "api"


# At the median. A report adds up all that its period has, and that of the period before; one over
# all time everything there is, without help of an index.
LIMITS_MS = {
    Group.LIST: 100.0,
    Group.PAGE: 100.0,
    Group.REPORT: 2_000.0,
    Group.HISTORY: 10_000.0,
}


@dataclass(frozen=True)
class Target:
    """What is measured under one name: `view` is the name of its address, `urls` are asked for in
    turn by a person of that role."""

    group: Group
    view: str
    name: str
    urls: tuple[str, ...]
    role: str = "agent"


@dataclass(frozen=True)
class Figures:
    """What was measured: milliseconds, queries of the first request, bytes of the largest
    answer, and the statuses other than 200. `cpu_ms` is the median of what the process itself
    worked, without waiting for the database or for other programs of the machine."""

    group: str
    view: str
    name: str
    median_ms: float
    p95_ms: float
    cpu_ms: float
    queries: int
    bytes: int
    runs: int
    refused: tuple[int, ...]
    url: str

    @property
    def is_too_slow(self) -> bool:
        """Whether what is promised is broken."""
        return self.median_ms > LIMITS_MS.get(Group(self.group), inf)

    @property
    def is_wrong(self) -> bool:
        """Whether some answer was not the page; a search may lead to the only hit."""
        return bool(set(self.refused) - ({302} if self.group == Group.SEARCH else set()))

    def as_content(self) -> dict[str, Any]:
        """Returns the figures as JSON content."""
        return asdict(self)


def figures_of(
    target: Target, times: Sequence[float], cpu: Sequence[float], **rest: Any
) -> Figures:
    """Returns the figures of requests that took `times`, and the process `cpu` (seconds)."""
    ordered = sorted(times)
    return Figures(
        group=target.group.value,
        view=target.view,
        name=target.name,
        median_ms=round(median(ordered) * 1000, 1),
        p95_ms=round(ordered[ceil(len(ordered) * 0.95) - 1] * 1000, 1),
        cpu_ms=round(median(cpu) * 1000, 1),
        runs=len(ordered),
        url=target.urls[0],
        **rest,
    )


def measure(client: Client, target: Target, repeats: int = REPEATS) -> Figures:
    """Asks for the target's addresses in turn, `repeats` times after a first one that counts the
    queries and warms up; what takes seconds is asked for a few times only."""
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        first = client.get(target.urls[0])
        is_slow = time.perf_counter() - began > _SLOW_SECONDS
    queries = len(captured)
    times: list[float] = []
    cpu: list[float] = []
    statuses, sizes = {first.status_code}, [_size(first)]
    for turn in range(min(repeats, _FEW) if is_slow else repeats):
        url = target.urls[(turn + 1) % len(target.urls)]
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(url)
        sizes.append(_size(answer))
        times.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
        statuses.add(answer.status_code)
    return figures_of(
        target,
        times,
        cpu,
        queries=queries,
        bytes=max(sizes),
        refused=tuple(sorted(statuses - {200})),
    )


def _size(answer: Any) -> int:
    """The bytes of an answer; one that comes in pieces is read to its end."""
    if answer.streaming:
        return sum(len(piece) for piece in answer.streaming_content)
    return len(answer.content)


def yardstick_ms() -> float:
    """Milliseconds of the processor for work that is always the same: by these, figures of another
    machine, or of another hour of the same one, can be compared."""
    began, total = time.process_time(), 0
    for number in range(2_000_000):
        total += number
    return round((time.process_time() - began) * 1000, 1)


def table(rows: Sequence[Figures]) -> str:
    """Returns the figures as a table for people."""
    width = max((len(f"{row.view}: {row.name}") for row in rows), default=20)
    lines = [
        f"{'':6} {'what':<{width}} {'median':>9} {'p95':>9} {'cpu':>9} "
        f"{'queries':>7} {'kB':>6} {'runs':>4}"
    ]
    for row in rows:
        what = f"{row.view}: {row.name}"
        sign = f"  << answers {', '.join(map(str, row.refused))}" if row.is_wrong else ""
        sign += "  << above its limit" if row.is_too_slow else ""
        lines.append(
            f"{row.group:<6} {what:<{width}} {row.median_ms:>6.1f} ms {row.p95_ms:>6.1f} ms "
            f"{row.cpu_ms:>6.1f} ms {row.queries:>7} {row.bytes / 1000:>6.0f} {row.runs:>4}{sign}"
        )
    return "\n".join(lines)

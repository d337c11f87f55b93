"""Real threads against a real database."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


def in_parallel(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Runs `work(0..count-1)` in as many threads, all starting together; returns their results."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        try:
            gate.wait(timeout=30)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))

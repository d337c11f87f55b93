"""Real threads against a real database."""

import threading
from collections.abc import Callable, Sequence
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


def spread(works: Sequence[Callable[[], Any]], *, threads: int) -> list[Any]:
    """Does all of `works`, as many at once as there are `threads`, which start together; each
    takes the next one when it is done. Returns their results in the order of `works`.

    For more at once than the database has connections."""
    waiting = iter(enumerate(works))
    taking = threading.Lock()
    results: list[Any] = [None] * len(works)

    def work(number: int) -> None:
        while True:
            with taking:
                taken = next(waiting, None)
            if taken is None:
                return
            place, do = taken
            results[place] = do()

    in_parallel(min(threads, len(works)), work)
    return results

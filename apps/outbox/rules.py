"""When to try again."""

import random

RETRY_CAP_SECONDS = 3600.0
LEASE_SECONDS = 120.0


def retry_delay(failures: int, base_seconds: float) -> float:
    """Returns the seconds to wait after the `failures`-th failure in a row (from 1).

    Exponential with full-half jitter (contract §3 advises backoff; the jitter keeps many jobs that
    failed together from coming back together): 0.5 to 1.5 times base · 2^(n-1), capped at an hour.
    """
    plain = min(RETRY_CAP_SECONDS, base_seconds * 2.0 ** min(max(failures, 1) - 1, 30))
    return plain * random.uniform(0.5, 1.5)  # noqa: S311 - spreading load, not a secret

"""Ages in days, and the buckets that reports put them in. Pure."""

# Each with the days it begins and ends with, both included; None: no end.
BUCKETS: tuple[tuple[str, int, int | None], ...] = (
    ("0-6", 0, 6),
    ("7-13", 7, 13),
    ("14-29", 14, 29),
    ("30-59", 30, 59),
    ("60+", 60, None),
)
LABELS = {
    key: f"{first} days and more" if last is None else f"{first} to {last} days"
    for key, first, last in BUCKETS
}


def bucket_of(days: int) -> str:
    """Returns the bucket of an age in whole days; what is of the future counts as of today."""
    return next(key for key, _, last in BUCKETS if last is None or days <= last)

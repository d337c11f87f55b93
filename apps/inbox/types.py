"""What processing hands around."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that this worker holds until `lease_until` (UTC)."""

    delivery_id: int
    lease_until: datetime

"""Named places where a process can be made to die, to prove that nothing is paid twice or lost.

Every commit and every call on the way of a refund has one before it and one after it. Nothing
happens at them unless FAULT_POINT is set, which only a test does.
"""

import os

# In the order in which a refund meets them.
POINTS = (
    "delivery.stored",
    "delivery.processing",
    "delivery.processed",
    "job.claimed",
    "job.worked",
    "job.finished",
    "refund.decided",
    "refund.requested",
    "refund.request_committed",
    "refund.approved",
    "payout.beginning",
    "payout.begun",
    "payout.called",
    "payout.recording",
    "payout.recorded",
    "gateway.booking",
    "gateway.booked",
    "snapshot.built",
    "snapshot.sent",
    "snapshot.noted",
    "cancellation.requested",
)
EXIT_CODE = 86


def reach(name: str) -> None:
    """Ends the process here, as a power cut would, where FAULT_POINT names this place.

    `FAULT_POINT=payout.called` dies there the first time, `payout.called:3` the third.
    """
    wanted = os.environ.get("FAULT_POINT")
    if not wanted:
        return
    point, _, count = wanted.partition(":")
    if point != name:
        return
    _reached[name] = _reached.get(name, 0) + 1
    if _reached[name] >= int(count or 1):
        os._exit(EXIT_CODE)


_reached: dict[str, int] = {}

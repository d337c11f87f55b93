"""What the gateways share in reading answers: nothing is believed that is not clear."""

import json
import time
from typing import Any

from apps.common.http import Response
from apps.common.redaction import storable
from apps.payments.types import GatewayOutcome, GatewayResult

_LONGEST_REFERENCE = 255


class Unusable(Exception):
    """An answer that cannot be used; the text says why and holds nothing of what came."""


def unknown(reason: str, *, reference: str = "") -> GatewayResult:
    """Returns the result where it cannot be told whether money moved."""
    return GatewayResult(GatewayOutcome.UNKNOWN, reference=reference, reason=reason)


def not_sent(reason: str) -> GatewayResult:
    """Returns the result of a call that was given up before any request was made."""
    return GatewayResult(GatewayOutcome.UNKNOWN, reason=reason, was_sent=False)


def other_amount(*, ours_cents: int, theirs_cents: int, currency: str) -> str:
    """Returns the reason where a gateway speaks of another amount under our key, in cents."""
    return (
        f"the gateway has {theirs_cents} cents under this key, the desk {ours_cents} cents "
        f"({currency}); nothing is paid until a person has compared them"
    )


def short_reference(text: str) -> str:
    """Returns a gateway's reference as the rows can hold it."""
    return storable(text)[:_LONGEST_REFERENCE]


def bounded_body(response: Response, *, most_bytes: int, seconds: float) -> bytes:
    """Reads a streamed answer whole; raises Unusable where it is larger, or slower, than that.

    A compressed one, which nobody asked for, could unfold to any size and is not read.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unusable("the answer is compressed, though that was not asked for")
    deadline = time.monotonic() + seconds
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise Unusable(f"the answer is larger than {most_bytes} bytes")
        if time.monotonic() > deadline:
            raise Unusable(f"the answer did not come whole within {seconds:g} seconds")
    return body


def json_object(body: bytes) -> dict[str, Any]:
    """Returns the one JSON object that `body` is; raises Unusable. A name that stands twice is no
    clear word, whichever of the two a reader would take."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unusable("the answer is no JSON") from None
    if not isinstance(value, dict):
        raise Unusable("the answer is no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")

"""Which gateways there are. CONTRIBUTING.md tells how to add one."""

from collections.abc import Callable

from apps.payments.simulated import SimulatedGateway
from apps.payments.types import Gateway

_GATEWAYS: dict[str, Callable[[], Gateway]] = {"simulated": SimulatedGateway}


def gateway_named(name: str) -> Gateway:
    """Returns the gateway of that name; raises LookupError with the names there are."""
    try:
        return _GATEWAYS[name]()
    except KeyError:
        raise LookupError(
            f"payment gateway {name!r} is unknown; there are: {', '.join(sorted(_GATEWAYS))}"
        ) from None

"""Which gateways there are. CONTRIBUTING.md tells how to add one."""

from collections.abc import Callable

from apps.payments.http_gateway import HttpGateway
from apps.payments.manual import ManualGateway
from apps.payments.simulated import SimulatedGateway
from apps.payments.stripe_gateway import StripeGateway
from apps.payments.types import Gateway

MANUAL = "manual"
_GATEWAYS: dict[str, Callable[[int], Gateway]] = {
    "simulated": SimulatedGateway,
    MANUAL: ManualGateway,
    "http": HttpGateway,
    "stripe": StripeGateway,
}
# Gateways that cannot pay onto gift cards.
_PAYS_NO_GIFT_CARDS = frozenset({"stripe"})


def gateway_named(name: str, *, store_id: int) -> Gateway:
    """Returns a store's gateway of that name; raises LookupError with the names there are."""
    try:
        make = _GATEWAYS[name]
    except KeyError:
        raise LookupError(
            f"payment gateway {name!r} is unknown; there are: {', '.join(sorted(_GATEWAYS))}"
        ) from None
    return make(store_id)


def gateway_names() -> tuple[str, ...]:
    """Returns the names of all gateways there are."""
    return tuple(sorted(_GATEWAYS))


def gateway_for(*, payment_gateway: str, gift_card_gateway: str, is_gift_card: bool) -> str:
    """Returns the name of the gateway that pays: gift cards by their own where the store names one,
    by the payment gateway where that can, else by hand."""
    if not is_gift_card:
        return payment_gateway
    if gift_card_gateway:
        return gift_card_gateway
    return MANUAL if payment_gateway in _PAYS_NO_GIFT_CARDS else payment_gateway


def pays_gift_cards(name: str) -> bool:
    """Returns whether the gateway of that name can pay onto gift cards."""
    return name not in _PAYS_NO_GIFT_CARDS

"""What the rest of the desk knows about a store's settings."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StoreConnection:
    """How to reach Optoro for one store, and how the store pays and decides.

    Made by `queries.connection_of`: the database's values, else the environment's.
    """

    store_id: int
    identifier: str
    optoro_auth_url: str
    optoro_orders_url: str
    optoro_asn_url: str
    optoro_rtv_url: str
    optoro_client_id: str
    optoro_client_secret: str = field(repr=False)
    payment_gateway: str
    refund_trigger: str
    charges_return_shipping: bool
    gift_card_gateway: str = ""


@dataclass(frozen=True)
class WebhookCredentials:
    """What a caller of a webhook presented: HTTP Basic, or the X-API-Key header, or nothing."""

    username: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)

"""Reading stores, and telling whose credentials a caller presented."""

import hmac
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.stores.models import Store
from apps.stores.types import StoreConnection, WebhookCredentials

_FROM_ENVIRONMENT = (
    "optoro_auth_url",
    "optoro_orders_url",
    "optoro_asn_url",
    "optoro_rtv_url",
    "optoro_client_id",
    "optoro_client_secret",
    "payment_gateway",
    "refund_trigger",
)
_WEBHOOK_FIELDS = ("webhook_username", "webhook_password", "webhook_api_key")


def default_store() -> Store:
    """Returns the default store, making its row from the environment the first time."""
    store = Store.objects.filter(is_default=True).first()
    if store:
        return store
    identifier = settings.DEFAULT_STORE["identifier"]
    try:
        with transaction.atomic():
            return Store.objects.create(
                identifier=identifier, name=identifier.replace("-", " ").title(), is_default=True
            )
    except IntegrityError:
        # Somebody was quicker, or the store of that name is there and only not marked yet.
        if not Store.objects.filter(is_default=True).exists():
            Store.objects.filter(identifier=identifier).update(is_default=True)
        return Store.objects.get(is_default=True)


def connection_of(store: Store) -> StoreConnection:
    """Returns the settings in force for `store`: its row's, else the environment's."""
    values: dict[str, Any] = {}
    for name in _FROM_ENVIRONMENT:
        values[name] = getattr(store, name) or _fallback(store, name)
    return StoreConnection(
        store_id=store.pk,
        identifier=store.identifier,
        charges_return_shipping=store.charges_return_shipping,
        gift_card_gateway=store.gift_card_gateway,
        **values,
    )


def _fallback(store: Store, name: str) -> str:
    """A store of its own inherits behaviour (gateway, trigger) but never another's credentials."""
    if store.is_default or name in ("payment_gateway", "refund_trigger"):
        return str(settings.DEFAULT_STORE[name])
    return ""


def zone_of(store: Store) -> ZoneInfo:
    """Returns the clock by which a store's days begin; a name that this machine does not know
    counts as UTC."""
    try:
        return ZoneInfo(store.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def stores_with_credentials(presented: WebhookCredentials) -> list[Store]:
    """Returns the active stores whose webhook credentials are exactly those presented.

    Every store is compared, each in constant time, so that the answer's timing tells nothing.
    """
    active = Store.objects.filter(is_active=True)
    stores = list(active)
    if not any(store.is_default for store in stores):
        default_store()
        stores = list(active.all())
    return [store for store in stores if _holds(store, presented)]


def _holds(store: Store, presented: WebhookCredentials) -> bool:
    username, password, api_key = _webhook_values(store)
    same_username = _same(presented.username, username)
    same_password = _same(presented.password, password)
    return (same_username and same_password) or _same(presented.api_key, api_key)


def _webhook_values(store: Store) -> tuple[str, str, str]:
    username, password, api_key = (
        getattr(store, name) or _fallback(store, name) for name in _WEBHOOK_FIELDS
    )
    return username, password, api_key


def _same(presented: str, expected: str) -> bool:
    is_same = hmac.compare_digest(presented.encode(), expected.encode())
    return is_same and bool(expected)


def stores_served_like(store: Store) -> list[Store]:
    """Returns the active stores that a caller who may deliver for `store` may deliver for."""
    return stores_with_credentials(WebhookCredentials(*_webhook_values(store)))


def store_meant(served: list[Store], tenant: str) -> Store | None:
    """Returns which of the stores that one caller serves a message is for, or None.

    X-Optiturn-Id picks it; without that it is the default store, else the only one.
    """
    if tenant:
        return next((store for store in served if store.identifier == tenant), None)
    default = next((store for store in served if store.is_default), None)
    return default or (served[0] if len(served) == 1 else None)

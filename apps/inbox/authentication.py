"""Who calls a webhook, and for which store (contract §4)."""

import base64
from dataclasses import dataclass

from django.http import HttpRequest

from apps.stores.models import Store
from apps.stores.queries import store_meant, stores_with_credentials
from apps.stores.types import WebhookCredentials


@dataclass(frozen=True)
class Caller:
    """The store a message is for. `unknown_tenant` is the X-Optiturn-Id where it names no store
    that the credentials serve; `store` is then merely the one that keeps the message."""

    store: Store
    unknown_tenant: str = ""


def credentials_in(request: HttpRequest) -> WebhookCredentials:
    """Returns what the caller presented: HTTP Basic, or X-API-Key, or nothing."""
    api_key = request.headers.get("X-API-Key", "")
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return WebhookCredentials(api_key=api_key)
    try:
        username, _, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except ValueError:
        return WebhookCredentials(api_key=api_key)
    return WebhookCredentials(username=username, password=password, api_key=api_key)


def caller_of(request: HttpRequest) -> Caller | None:
    """Returns who calls, or None for wrong or missing credentials."""
    served = stores_with_credentials(credentials_in(request))
    if not served:
        return None
    tenant = request.headers.get("X-Optiturn-Id", "").strip()
    meant = store_meant(served, tenant)
    if meant:
        return Caller(meant)
    keeper = next((store for store in served if store.is_default), served[0])
    return Caller(keeper, tenant or "(none)")

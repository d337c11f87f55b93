"""The store that a machine caller's key is good for."""

from rest_framework.request import Request

from apps.accounts.models import ApiKey
from apps.stores.models import Store


def store_of(request: Request) -> Store:
    """Returns the caller's store; every query of the API is limited to it."""
    key = request.auth
    assert isinstance(key, ApiKey)
    return key.store

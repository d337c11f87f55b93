"""A store that has shipped ORD-1 (four units at 12800 with 1024 tax) and offers sku1236."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.stores.models import Store
from tests.support import builders, exchange_requests


@pytest.fixture
def shop(store: Store, send_order: Callable[..., Any]) -> Store:
    """The store, its order and its catalog."""
    send_order(builders.order(secondary_identifier="WEB-1"))
    exchange_requests.variant(store)
    return store

"""What the tests of the machine API share."""

import pytest
from django.test import Client

from apps.accounts.models import ApiKey
from apps.accounts.services import create_api_key
from apps.stores.models import Store
from tests.support import builders


@pytest.fixture
def bought(send_order, optoro):
    """An order of four units at 13056 cents each."""
    send_order(builders.order(secondary_identifier="WEB-1"))


@pytest.fixture
def returned(bought, send_rma, drain):
    """Two of its units are in a return, on which nothing is due yet."""
    send_rma(builders.rma(units=[builders.unit(), builders.unit()]))
    drain()


@pytest.fixture
def other_store(store):
    """A caller of another store."""
    other = Store.objects.create(identifier="two", name="Two")
    scopes = list(ApiKey.SCOPES)
    return Client(headers={"X-API-Key": create_api_key(store=other, name="x", scopes=scopes)})

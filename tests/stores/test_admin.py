"""The gateways of a store are chosen from those there are."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.stores.models import Store
from tests.support.people import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db):
    """A superuser's browser."""
    browser = Client()
    sign_in(browser, User.objects.create_superuser("root", "", "pw"))
    return browser


def save(root, store, **changes):
    form = {
        "identifier": store.identifier,
        "name": "Renamed",
        "is_active": "on",
        "time_zone": "UTC",
        "gift_card_sku": "OPTOROGIFTCARD",
        "exchange_shipping_amount_cents": "0",
        "exchange_tax_service": "original_rate",
    }
    page = root.post(reverse("admin:stores_store_change", args=[store.pk]), form | changes)
    store.refresh_from_db()
    return page.content.decode()


def test_gateways_are_chosen_from_those_there_are(root, settings):
    store = Store.objects.create(identifier="a", name="A")
    page = root.get(reverse("admin:stores_store_change", args=[store.pk])).content.decode()
    for name in settings.PAYMENT_GATEWAYS:
        assert page.count(f'<option value="{name}">{name}</option>') == 2
    assert '<option value="" selected>As in the environment (PAYMENT_GATEWAY)</option>' in page
    save(root, store, payment_gateway="stripe", gift_card_gateway="manual")
    assert (store.payment_gateway, store.gift_card_gateway) == ("stripe", "manual")
    assert "Select a valid choice" in save(root, store, payment_gateway="paypall")
    assert (store.payment_gateway, store.gift_card_gateway) == ("stripe", "manual")
    save(root, store)
    assert (store.payment_gateway, store.gift_card_gateway) == ("", "")


@pytest.mark.parametrize("name", ["payment_gateway", "gift_card_gateway"])
def test_one_that_is_there_no_more_is_shown_and_not_saved_again(root, name):
    store = Store.objects.create(identifier="a", name="A", **{name: "paypall"})
    page = root.get(reverse("admin:stores_store_change", args=[store.pk])).content.decode()
    assert '<option value="paypall" selected>paypall (unknown)</option>' in page
    page = save(root, store, **{name: "paypall"})
    assert "There is no gateway paypall; choose one of: simulated, manual, http, stripe." in page
    assert store.name == "A"
    save(root, store, **{name: "http"})
    assert getattr(store, name) == "http"

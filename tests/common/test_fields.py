"""Secrets in the database: encrypted, and readable through a rotation of keys."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from apps.common.fields import CannotDecrypt
from apps.stores.models import Store

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def column() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT optoro_client_secret FROM stores_store")
        return cursor.fetchone()[0]


@pytest.fixture
def secret_store(settings) -> Store:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    return Store.objects.create(identifier="a", name="A", optoro_client_secret="clear-text é")


def test_the_column_never_holds_the_clear_text(secret_store):
    assert "clear-text" not in column()
    assert Fernet(OLD).decrypt(column()).decode() == "clear-text é"
    assert Store.objects.get().optoro_client_secret == "clear-text é"


def test_two_writings_of_one_secret_look_different(secret_store):
    before = column()
    secret_store.save()
    assert column() != before
    assert Store.objects.get().optoro_client_secret == "clear-text é"


def test_after_a_rotation_old_values_are_read_and_new_ones_are_written_with_the_first_key(
    secret_store, settings
):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    store = Store.objects.get()
    assert store.optoro_client_secret == "clear-text é"
    store.save()
    assert Fernet(NEW).decrypt(column()).decode() == "clear-text é"
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert Store.objects.get().optoro_client_secret == "clear-text é"


def test_a_value_that_no_key_can_read_names_the_field_and_the_remedy(secret_store, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    with pytest.raises(
        CannotDecrypt, match=r"Store\.optoro_client_secret .* add that key to the end of the list"
    ) as caught:
        Store.objects.get()
    assert "clear-text" not in str(caught.value)


def test_clear_text_in_the_column_is_not_taken_for_a_secret(secret_store):
    Store.objects.filter(pk=secret_store.pk).update(name="A")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE stores_store SET optoro_client_secret = 'clear'")
    with pytest.raises(CannotDecrypt):
        Store.objects.get()


def test_an_empty_secret_stays_empty(settings):
    Store.objects.create(identifier="a", name="A")
    assert column() == ""
    assert Store.objects.get().optoro_client_secret == ""


def test_a_key_that_is_none_stops_with_the_names_of_setting_and_remedy(secret_store, settings):
    settings.FIELD_ENCRYPTION_KEYS = ["too-short"]
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        Store.objects.get()

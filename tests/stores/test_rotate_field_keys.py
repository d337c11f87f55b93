"""Rotating the keys of stored secrets: afterwards the new key alone reads everything."""

import json
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from apps.common.fields import CannotDecrypt
from apps.payments.models import PaymentAccount
from apps.stores.management.commands import rotate_field_keys
from apps.stores.models import Store

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def rotate():
    out = StringIO()
    call_command("rotate_field_keys", stdout=out)
    return out.getvalue().splitlines()


def columns():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT optoro_client_secret, webhook_password, webhook_api_key FROM stores_store "
            "ORDER BY id"
        )
        stores = cursor.fetchall()
        cursor.execute("SELECT secrets FROM payments_paymentaccount ORDER BY id")
        return [*stores, *cursor.fetchall()]


@pytest.fixture
def rows(settings):
    """Two stores, one of them without a webhook password, and a payment account."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    first = Store.objects.create(
        identifier="a", name="A", optoro_client_secret="one é", webhook_password="two"
    )
    second = Store.objects.create(identifier="b", name="B", webhook_api_key="three")
    account = PaymentAccount.objects.create(
        store=first, gateway="stripe", secrets=json.dumps({"api_key": "four"})
    )
    return first, second, account


def clear_text():
    return [
        *Store.objects.order_by("pk").values_list(
            "optoro_client_secret", "webhook_password", "webhook_api_key"
        ),
        *PaymentAccount.objects.values_list("secrets"),
    ]


CLEAR = [("one é", "two", ""), ("", "", "three"), ('{"api_key": "four"}',)]


def test_afterwards_the_new_key_alone_reads_everything(rows, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CannotDecrypt):
        clear_text()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    assert rotate() == [
        "stores.Store: 3 re-encrypted, 0 under the first key already, 0 unreadable",
        "optoro.AccessToken: 0 re-encrypted, 0 under the first key already, 0 unreadable",
        "payments.PaymentAccount: 1 re-encrypted, 0 under the first key already, 0 unreadable",
        "mfa.Authenticator: 0 re-encrypted, 0 under the first key already, 0 unreadable",
    ]
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert clear_text() == CLEAR
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    with pytest.raises(CannotDecrypt):
        clear_text()


def test_a_second_run_changes_nothing(rows, settings):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    before = columns()
    assert rotate()[0] == (
        "stores.Store: 0 re-encrypted, 3 under the first key already, 0 unreadable"
    )
    assert columns() == before


def test_one_that_was_stopped_goes_on_where_it_was(rows, settings, monkeypatch):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    done = []
    rotate_row = rotate_field_keys.rotate_row

    def stopped(model, fields, pk, counts):
        if done:
            raise KeyboardInterrupt
        done.append(pk)
        return rotate_row(model, fields, pk, counts)

    monkeypatch.setattr(rotate_field_keys, "rotate_row", stopped)
    with pytest.raises(KeyboardInterrupt):
        rotate()
    assert clear_text() == CLEAR
    monkeypatch.undo()
    assert rotate()[0] == (
        "stores.Store: 1 re-encrypted, 2 under the first key already, 0 unreadable"
    )


def test_more_rows_than_a_chunk(rows, settings, monkeypatch):
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    monkeypatch.setattr(rotate_field_keys, "_CHUNK", 1)
    assert rotate()[0].startswith("stores.Store: 3 re-encrypted")


def test_what_no_key_reads_is_named_without_its_value_and_the_rest_is_done(rows, settings):
    settings.FIELD_ENCRYPTION_KEYS = [OTHER]
    Store.objects.filter(pk=rows[0].pk).update(webhook_password="lost")
    before = columns()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("rotate_field_keys", stdout=out)
    named = str(caught.value)
    assert named.splitlines()[1:] == [f"stores.Store {rows[0].pk}: webhook_password"]
    assert "add the key they were written with" in named
    assert not any(secret in named for secret in ("lost", "one", before[0][1]))
    assert out.getvalue().splitlines()[0] == (
        "stores.Store: 2 re-encrypted, 0 under the first key already, 1 unreadable"
    )
    assert columns()[0][1] == before[0][1]
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OTHER]
    assert clear_text() == [("one é", "lost", ""), *CLEAR[1:]]

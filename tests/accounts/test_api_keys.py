"""Keys for machine callers: made by a command, shown once, kept as a digest."""

import hashlib
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import ApiKey
from apps.accounts.services import create_api_key, find_api_key
from apps.stores.models import Store

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def command(*arguments):
    out, errors = StringIO(), StringIO()
    call_command("createapikey", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def status_with(key, path="/api/v1/rmas"):
    return Client(headers={"Authorization": f"Api-Key {key}"}).get(path).status_code


def test_the_key_stands_alone_on_the_last_line_and_works():
    out, errors = command("oms")
    key = out.splitlines()[-1]
    assert out == key + "\n"
    assert key.startswith("rd_")
    assert key == key.strip()
    assert "store-one" in errors
    assert key not in errors
    assert status_with(key) == 200


def test_only_a_digest_is_kept():
    key = command("oms")[0].strip()
    row = ApiKey.objects.get()
    _, prefix, secret = key.split("_", 2)
    assert len(secret) >= 43  # 256 bits
    assert row.prefix == prefix
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr([str(value) for value in vars(row).values()])
    assert secret not in str(row)


def test_two_keys_are_never_alike():
    assert len({command("oms")[0] for _ in range(20)}) == 20


def test_scopes_are_those_asked_for_else_all():
    command("all")
    command("some", "--scope", "read", "--scope", "orders:write")
    assert ApiKey.objects.get(name="all").scopes == [
        "orders:write",
        "catalog:write",
        "refunds:write",
        "rmas:write",
        "transactions:write",
        "deliveries:replay",
        "read",
    ]
    assert ApiKey.objects.get(name="some").scopes == ["read", "orders:write"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["oms", "--scope", "everything"], "scope 'everything' is unknown; use orders:write"),
        (["oms", "--store", "nowhere"], "--store nowhere: there is no such store"),
        (["x" * 101], "101 characters"),
        (["  "], "0 characters"),
    ],
)
def test_what_cannot_be_made_says_why_and_makes_nothing(arguments, why):
    command("works")
    with pytest.raises(CommandError, match=why):
        command(*arguments)
    assert ApiKey.objects.count() == 1


def test_a_key_is_good_for_the_store_it_was_made_for():
    other = Store.objects.create(identifier="store-two", name="Two")
    command("oms", "--store", "store-two")
    assert ApiKey.objects.get().store == other


def changed(key, change):
    prefix, secret = key.rsplit("_", 1)[0], key
    return {
        "last letter": key[:-1] + ("a" if key[-1] != "a" else "b"),
        "no secret": prefix + "_",
        "other head": "xx" + key[2:],
        "unknown prefix": "rd_aaaaaaaaaa_" + secret.split("_", 2)[2],
        "digest for secret": "rd_"
        + key.split("_")[1]
        + "_"
        + hashlib.sha256(key.split("_", 2)[2].encode()).hexdigest(),
        "nothing": "x",
        "longer": key + "a",
    }[change]


@pytest.mark.parametrize(
    "change",
    [
        "last letter",
        "no secret",
        "other head",
        "unknown prefix",
        "digest for secret",
        "nothing",
        "longer",
    ],
)
def test_a_key_that_is_not_quite_right_is_none(store, change):
    key = create_api_key(store=store, name="oms", scopes=["read"])
    assert status_with(key) == 200
    assert status_with(changed(key, change)) == 401
    assert find_api_key(changed(key, change)) is None


def test_a_revoked_key_is_refused(api_key):
    assert status_with(api_key) == 200
    ApiKey.objects.update(revoked_at=START)
    assert status_with(api_key) == 401


def test_a_key_of_a_store_that_is_switched_off_is_refused(api_key):
    assert status_with(api_key) == 200
    Store.objects.update(is_active=False)
    assert status_with(api_key) == 401


def test_its_use_is_noted_at_most_once_a_minute(api_key):
    assert ApiKey.objects.get().last_used_at is None
    with time_machine.travel(START, tick=False) as clock:
        status_with(api_key)
        assert ApiKey.objects.get().last_used_at == START
        clock.shift(60)
        status_with(api_key)
        assert ApiKey.objects.get().last_used_at == START
        clock.shift(1)
        status_with(api_key)
        assert ApiKey.objects.get().last_used_at == datetime(2026, 3, 1, 12, 1, 1, tzinfo=UTC)


def test_a_wrong_key_notes_no_use(api_key):
    assert status_with(api_key + "x") == 401
    assert ApiKey.objects.get().last_used_at is None

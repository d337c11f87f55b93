"""What Optoro is answered when a shopper wants to exchange something (contract §6)."""

import json
import sqlite3
import time
from contextlib import closing

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.catalog import missed
from apps.catalog.models import MissedLookup
from apps.stores.models import Store
from tests.conftest import WEBHOOK_API_KEY, basic
from tests.support.variants import ask, attributes, put, variant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", ["variants", "exchange_variants"])
def test_the_answer_is_the_contracts(api, name, slash):
    put(
        api,
        "96027",
        variant("TEE-S", image_url="https://shop.test/s.jpg"),
        variant("TEE-M", attributes=attributes(Size="M", Color="Black"), quantity_in_stock=1),
    )
    answer = ask("96027", name + slash)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {
        "variants": [
            {
                "attributes": [{"name": "Size", "value": "S"}],
                "unit_price_amount_cents": 12800,
                "quantity_in_stock": 5,
                "sku": "TEE-S",
                "title": "Black T-Shirt",
                "image_url": "https://shop.test/s.jpg",
            },
            {
                "attributes": [
                    {"name": "Size", "value": "M"},
                    {"name": "Color", "value": "Black"},
                ],
                "unit_price_amount_cents": 12800,
                "quantity_in_stock": 1,
                "sku": "TEE-M",
                "title": "Black T-Shirt",
            },
        ]
    }


def test_several_size_attributes_are_joined(api):
    sizes = attributes(Size="XL", Variant="PETITE", Length="32")
    other = attributes(Size="M", Color="Red")
    put(api, "96027", variant("A", attributes=sizes), variant("B", attributes=other))
    told = ask().json()["variants"]
    assert told[0]["attributes"] == [*sizes, {"name": "all_size", "value": "XL | PETITE | 32"}]
    assert told[1]["attributes"] == [*other, {"name": "all_size", "value": "M"}]


def test_what_is_sold_out_is_left_out_unless_the_store_offers_it(api, store):
    put(
        api,
        "96027",
        variant("A", quantity_in_stock=0, attributes=attributes(Size="S", Fit="Slim")),
        variant("B", attributes=attributes(Size="M")),
    )
    told = ask().json()["variants"]
    assert [v["sku"] for v in told] == ["B"]
    assert told[0]["attributes"][-1] == {"name": "all_size", "value": "M"}
    store.offers_out_of_stock_variants = True
    store.save()
    assert [v["sku"] for v in ask().json()["variants"]] == ["A", "B"]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("a%2Fb", "a%2Fb"),
        ("a%2Fb", "a/b"),
        ("a%20b%26c%3Fd%23e", "a%20b%26c%3Fd%23e"),
        ("%C3%A9%E2%82%AC", "%C3%A9%E2%82%AC"),
        ("x", "%20x%20"),
        ("variants", "variants"),
        ("a%2Fvariants", "a/variants"),
        ("..%2F..%2Fetc", "..%2F..%2Fetc"),
    ],
)
def test_identifiers_may_hold_odd_characters(api, stored, asked):
    assert put(api, stored, variant()).status_code == 201
    assert len(ask(asked).json()["variants"]) == 1
    assert len(ask(asked, "exchange_variants/").json()["variants"]) == 1


@pytest.mark.parametrize("asked", ["none", "%00", "a%00b", "x" * 5000, "%ff%fe", "a%0Ab", "%20"])
def test_an_unknown_id_has_no_variants(store, asked):
    answer = ask(asked)
    assert (answer.status_code, answer.json()) == (200, {"variants": []})
    assert MissedLookup.objects.count() == (asked != "%20")


# --- Who asks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": basic("optoro", "wrong")}, {"X-API-Key": "wrong"}],
)
def test_wrong_credentials_are_401(api, headers):
    put(api, "96027", variant())
    answer = Client().get("/optoro/sku/96027/variants", headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Basic realm="returns-desk", charset="UTF-8"'
    assert answer.json() == {"message": "Wrong or missing credentials"}
    key = {"X-API-Key": WEBHOOK_API_KEY}
    assert Client().get("/optoro/sku/96027/variants", headers=key).status_code == 200
    assert MissedLookup.objects.count() == 0


def test_a_store_is_answered_its_own_catalog(api, store):
    put(api, "96027", variant())
    other = Store.objects.create(
        identifier="two", name="Two", webhook_username="two", webhook_password="two"
    )
    theirs = basic("two", "two")
    mine = ask("96027", **{"X-Optiturn-Id": "store-one"})
    assert len(mine.json()["variants"]) == 1
    answer = ask("96027", Authorization=theirs)
    assert answer.json() == {"variants": []}
    assert answer["ETag"] != ask("96028")["ETag"]
    assert MissedLookup.objects.get(store=other).count == 1
    assert not MissedLookup.objects.filter(store=store, variant_identifier="96027").exists()


@pytest.mark.parametrize("tenant", ["two", "nobody"])
def test_a_tenant_that_is_not_served_is_403(api, tenant):
    put(api, "96027", variant())
    Store.objects.create(
        identifier="two", name="Two", webhook_username="two", webhook_password="two"
    )
    answer = ask("96027", **{"X-Optiturn-Id": tenant})
    assert answer.status_code == 403
    assert answer.json() == {
        "message": f"X-Optiturn-Id '{tenant}' names no store that these credentials serve; send "
        "the id of one of their stores, or ask the retailer to add the store to the desk"
    }
    assert answer["Cache-Control"] == "no-store"
    assert MissedLookup.objects.count() == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_405(store, method):
    headers = {"Authorization": basic()}
    answer = Client().generic(method, "/optoro/sku/1/variants", headers=headers)
    assert (answer.status_code, answer["Allow"]) == (405, "GET")


# --- Caching -----------------------------------------------------------------------------------


def test_an_answer_can_be_kept_for_a_minute_and_asked_for_again(api):
    put(api, "96027", variant())
    first = ask()
    assert first["Cache-Control"] == "private, max-age=60"
    assert {"Authorization", "X-API-Key", "X-Optiturn-Id"} <= set(first["Vary"].split(", "))
    again = ask(**{"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    put(api, "96027", variant(quantity_in_stock=4))
    changed = ask(**{"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_an_empty_answer_is_asked_for_again_each_time(store):
    answer = ask("none")
    assert answer["Cache-Control"] == "private, no-cache"
    assert ask("none", **{"If-None-Match": answer["ETag"]}).status_code == 304
    assert MissedLookup.objects.get().count == 2


def test_the_same_answer_of_two_stores_has_two_tags(api):
    put(api, "1", variant())
    other = Store.objects.create(
        identifier="two", name="Two", webhook_username="two", webhook_password="two"
    )
    assert ask("none")["ETag"] != ask("none", Authorization=basic("two", "two"))["ETag"]
    assert other.pk


# --- What it costs, and what goes wrong --------------------------------------------------------


def test_an_answer_costs_two_queries(api):
    """One for the stores, to tell who asks; one for the variants."""
    put(api, "96027", *(variant(f"SKU-{n}") for n in range(50)))
    with CaptureQueriesContext(connection) as queries:
        assert len(ask().json()["variants"]) == 50
    assert len(queries) == 2
    assert 'FROM "catalog_variant"' in queries[1]["sql"]


def test_the_variants_are_found_by_index(api):
    for number in range(20):
        put(api, f"p{number}", *(variant(f"{number}-{n}") for n in range(100)))
    with CaptureQueriesContext(connection) as queries:
        ask("p7")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + queries[1]["sql"])
        plan = json.dumps(cursor.fetchall())
    assert "catalog_variant_unique" in plan or "USING INDEX sqlite_autoindex" in plan


def test_a_database_that_is_down_is_503(store, monkeypatch):
    def fail(**_):
        raise OperationalError("gone")

    assert ask().status_code == 200
    monkeypatch.setattr("apps.inbox.variants_endpoint.variants_of", fail)
    answer = ask()
    assert answer.status_code == 503
    assert answer.json() == {"message": "The variants cannot be read at the moment; ask again"}


# --- Lookups without variants ------------------------------------------------------------------


def test_ids_without_variants_are_counted(store):
    for asked in ("a", "b", "a", "a"):
        ask(asked)
    rows = MissedLookup.objects.order_by("variant_identifier")
    assert [(row.variant_identifier, row.count) for row in rows] == [("a", 3), ("b", 1)]
    assert rows[0].first_asked_at < rows[0].last_asked_at
    ask("x" * 300)
    assert MissedLookup.objects.filter(variant_identifier="x" * 255).get().count == 1


def test_variants_that_come_close_the_count(api):
    ask("96027")
    ask("other")
    put(api, "96027")
    assert MissedLookup.objects.count() == 2
    put(api, "96027", variant())
    assert MissedLookup.objects.get().variant_identifier == "other"


def test_the_ids_not_asked_for_longest_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(missed, "MAX_PER_STORE", 3)
    for asked in ("a", "b", "c", "a", "d", "e"):
        ask(asked)
    names = MissedLookup.objects.values_list("variant_identifier", flat=True)
    assert sorted(names) == ["a", "d", "e"]


def test_counting_that_fails_does_not_fail_the_answer(store, monkeypatch, caplog):
    def fail(*_):
        raise OperationalError("database is locked")

    monkeypatch.setattr(missed, "_count", fail)
    answer = ask("a")
    assert (answer.status_code, answer.json()) == (200, {"variants": []})
    assert "a lookup without variants was not counted: database is locked" in caplog.text
    assert MissedLookup.objects.count() == 0
    monkeypatch.undo()
    ask("a")
    assert MissedLookup.objects.get().count == 1


@pytest.mark.django_db(transaction=True)
def test_a_locked_file_neither_fails_nor_delays_the_answer(store, is_postgresql):
    if is_postgresql:
        pytest.skip("SQLite locks the whole file; tests/concurrency has the rows of PostgreSQL")
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=1)) as blocker:
        blocker.isolation_level = None
        blocker.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert ask("a").json() == {"variants": []}
        assert time.monotonic() - started < 2
        blocker.execute("ROLLBACK")
    assert MissedLookup.objects.count() == 0
    ask("a")
    assert MissedLookup.objects.get().count == 1
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20000,)

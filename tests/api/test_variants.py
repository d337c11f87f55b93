"""The variants of a product, in from the shop system."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.services import create_api_key
from apps.catalog.models import Product, Variant
from apps.stores.models import Store
from tests.support import builders
from tests.support.variants import ask, attributes, put, variant

pytestmark = pytest.mark.django_db

PATH = "/api/v1/variants/96027"


def counts(answer):
    return {name: answer.json()[name] for name in ("created", "updated", "removed", "unchanged")}


def test_a_set_is_stored_and_answered(api):
    told = [
        variant(
            "A",
            attributes=attributes(Color="Black", Size="S"),
            image_url="https://shop.test/a.jpg",
            product_url="http://shop.test/a",
        ),
        variant("B", quantity_in_stock=0),
    ]
    answer = put(api, "96027", *told)
    assert answer.status_code == 201
    assert answer.json() == {
        "variant_identifier": "96027",
        "source": "api",
        "updated_at": answer.json()["updated_at"],
        "variants": told,
        "result": "created",
        "created": 2,
        "updated": 0,
        "removed": 0,
        "unchanged": 0,
    }
    assert answer.json()["updated_at"].endswith("Z")
    read = api.get(PATH)
    assert read.status_code == 200
    assert read.json() == {
        name: answer.json()[name]
        for name in ("variant_identifier", "source", "updated_at", "variants")
    }


def test_the_whole_set_is_replaced(api):
    put(api, "96027", variant("A"), variant("B"), variant("C"))
    answer = put(api, "96027", variant("A"), variant("C", quantity_in_stock=9), variant("D"))
    assert answer.status_code == 200
    assert answer.json()["result"] == "updated"
    # C has moved up a place, and has another stock.
    assert counts(answer) == {"created": 1, "updated": 1, "removed": 1, "unchanged": 1}
    assert [(v["sku"], v["quantity_in_stock"]) for v in api.get(PATH).json()["variants"]] == [
        ("A", 5),
        ("C", 9),
        ("D", 5),
    ]
    turned = put(api, "96027", variant("D"), variant("C", quantity_in_stock=9), variant("A"))
    assert [v["sku"] for v in turned.json()["variants"]] == ["D", "C", "A"]


def test_an_empty_set_removes_all_and_is_remembered(api):
    put(api, "96027", variant("A"))
    answer = put(api, "96027")
    assert (answer.status_code, counts(answer)["removed"]) == (200, 1)
    assert api.get(PATH).json()["variants"] == []
    assert ask().json() == {"variants": []}
    assert put(api, "96027", variant("A")).status_code == 200


def test_the_same_set_again_changes_nothing_and_is_quick(api):
    told = [variant(f"SKU-{n}") for n in range(300)]
    first = put(api, "96027", *told)
    rows = list(Variant.objects.values())
    with CaptureQueriesContext(connection) as queries:
        again = put(api, "96027", *told)
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")
    assert counts(again) == {"created": 0, "updated": 0, "removed": 0, "unchanged": 300}
    assert again.json()["updated_at"] == first.json()["updated_at"]
    assert list(Variant.objects.values()) == rows
    assert not [q for q in queries if 'UPDATE "catalog' in q["sql"]]
    assert len(queries) < 12


def test_other_products_are_left_alone(api):
    put(api, "other", variant("A"))
    put(api, "96027", variant("A"))
    put(api, "96027")
    assert [v["sku"] for v in api.get("/api/v1/variants/other").json()["variants"]] == ["A"]


def test_the_product_is_added_up(api):
    put(
        api,
        "96027",
        variant("A", unit_price_amount_cents=900),
        variant("B", unit_price_amount_cents=1500, quantity_in_stock=0),
    )
    product = Product.objects.get()
    assert (product.title, product.variant_count, product.in_stock_count) == ("Black T-Shirt", 2, 1)
    assert (product.lowest_price_amount_cents, product.highest_price_amount_cents) == (900, 1500)
    put(api, "96027")
    product.refresh_from_db()
    assert (product.title, product.variant_count, product.in_stock_count) == ("", 0, 0)
    assert product.lowest_price_amount_cents is None


def test_what_is_not_known_is_404(api):
    answer = api.get(PATH)
    assert answer.status_code == 404
    assert answer.json() == {"message": "There are no variants of 96027."}


# --- What is refused ---------------------------------------------------------------------------


def without(name):
    return {key: value for key, value in variant().items() if key != name}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ([], "", "invalid_type"),
        ({}, "variants", "missing_field"),
        ({"variants": {}}, "variants", "invalid_type"),
        ({"variants": ["A"]}, "variants[0]", "invalid_type"),
        ({"variants": [without("sku")]}, "variants[0].sku", "missing_field"),
        ({"variants": [without("title")]}, "variants[0].title", "missing_field"),
        ({"variants": [without("attributes")]}, "variants[0].attributes", "missing_field"),
        (
            {"variants": [without("unit_price_amount_cents")]},
            "variants[0].unit_price_amount_cents",
            "missing_field",
        ),
        (
            {"variants": [without("quantity_in_stock")]},
            "variants[0].quantity_in_stock",
            "missing_field",
        ),
        (
            {"variants": [variant(), variant("B", unit_price_amount_cents=-1)]},
            "variants[1].unit_price_amount_cents",
            "invalid",
        ),
        (
            {"variants": [variant(unit_price_amount_cents=12.5)]},
            "variants[0].unit_price_amount_cents",
            "invalid_type",
        ),
        ({"variants": [variant(quantity_in_stock=-1)]}, "variants[0].quantity_in_stock", "invalid"),
        (
            {"variants": [variant(quantity_in_stock=2**31)]},
            "variants[0].quantity_in_stock",
            "invalid",
        ),
        (
            {"variants": [variant(quantity_in_stock=True)]},
            "variants[0].quantity_in_stock",
            "invalid_type",
        ),
        ({"variants": [variant("A"), variant("A")]}, "variants[1].sku", "invalid"),
        ({"variants": [variant("x" * 256)]}, "variants[0].sku", "invalid"),
        (
            {"variants": [variant(attributes=[{"name": "Size"}])]},
            "variants[0].attributes[0].value",
            "missing_field",
        ),
        (
            {"variants": [variant(image_url="javascript:alert(1)")]},
            "variants[0].image_url",
            "invalid",
        ),
        ({"variants": [variant(title="a\0b")]}, "variants[0].title", "invalid"),
        ({"variants": [variant("\ud800")]}, "variants[0].sku", "invalid"),
        ({"variants": [variant(str(n)) for n in range(1001)]}, "variants", "invalid"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_changes(api, body, field, code):
    put(api, "96027", variant("OLD"))
    answer = api.put(PATH, json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["message"] == "The request is not valid."
    errors = [(e["field"], e["code"]) for e in answer.json()["errors"]]
    assert errors[0] == (field, code)
    assert len(errors) == 1 or field == "variants[0]"
    assert [v["sku"] for v in api.get(PATH).json()["variants"]] == ["OLD"]


def test_every_wrong_field_is_named(api):
    body = {"variants": [without("sku"), variant(title=""), variant("C", quantity_in_stock="5")]}
    answer = api.put(PATH, body, content_type="application/json")
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [
        ("variants[0].sku", "missing_field"),
        ("variants[1].title", "missing_field"),
        ("variants[2].quantity_in_stock", "invalid_type"),
    ]


def test_a_thousand_variants_fit(api):
    answer = put(api, "96027", *(variant(str(n)) for n in range(1000)))
    assert (answer.status_code, answer.json()["created"]) == (201, 1000)


def test_an_identifier_must_fit(api):
    answer = put(api, "x" * 256, variant())
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "variant_identifier",
            "code": "invalid",
            "message": "is 256 characters long; must be 1 to 255",
        }
    ]
    assert put(api, "%20", variant()).status_code == 422


def test_what_is_no_json_is_422(api):
    answer = api.put(PATH, b"{", content_type="application/json")
    assert answer.status_code == 422


# --- Who may -----------------------------------------------------------------------------------


def with_scopes(store, *scopes):
    key = create_api_key(store=store, name="x", scopes=list(scopes))
    return Client(headers={"X-API-Key": key})


def test_reading_and_replacing_need_their_scopes(store):
    reader, writer = with_scopes(store, "read"), with_scopes(store, "catalog:write")
    refused = put(reader, "96027", variant())
    assert refused.status_code == 403
    assert refused.json() == {"message": "This key does not have the scope 'catalog:write'."}
    assert Product.objects.count() == 0
    assert put(writer, "96027", variant()).status_code == 201
    assert reader.get(PATH).status_code == 200
    refused = writer.get(PATH)
    assert refused.json() == {"message": "This key does not have the scope 'read'."}
    orders = with_scopes(store, "orders:write")
    assert (put(orders, "96027").status_code, orders.get(PATH).status_code) == (403, 403)


def test_without_a_good_key_it_is_401(store):
    assert put(Client(), "96027", variant()).status_code == 401
    assert Client(headers={"X-API-Key": "wrong"}).get(PATH).status_code == 401


def test_each_store_has_its_own_set(api, store):
    other = Store.objects.create(identifier="two", name="Two")
    stranger = with_scopes(other, "read", "catalog:write")
    put(api, "96027", variant("MINE"))
    assert stranger.get(PATH).status_code == 404
    assert put(stranger, "96027", variant("THEIRS")).status_code == 201
    assert [v["sku"] for v in api.get(PATH).json()["variants"]] == ["MINE"]
    assert [v["sku"] for v in stranger.get(PATH).json()["variants"]] == ["THEIRS"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_other_methods_are_405(api, slash):
    put(api, "96027", variant())
    for method in ("POST", "PATCH", "DELETE"):
        assert api.generic(method, PATH + slash).status_code == 405
    assert api.get(PATH + slash).status_code == 200
    assert api.options(PATH + slash).status_code == 200


def test_the_schema_tells_of_it(client):
    schema = client.get("/api/schema/?format=json").json()
    path = schema["paths"]["/api/v1/variants/{variant_identifier}/"]
    assert set(path) == {"get", "put"}
    assert set(path["put"]["responses"]) == {"200", "201", "422"}
    told = schema["components"]["schemas"]["Variant"]
    assert set(told["required"]) == {
        "attributes",
        "unit_price_amount_cents",
        "quantity_in_stock",
        "sku",
        "title",
    }


# --- Variants in the items of orders (contract §8) -----------------------------------------------


def order_with(*variants, identifier="ORD-1", minute=0, **changes):
    line = builders.line(variants=list(variants), **changes)
    return builders.order(identifier, [line], updated_at=f"2026-01-23T13:{minute:02d}:00Z")


def skus(identifier="96027"):
    return [v["sku"] for v in ask(identifier).json()["variants"]]


def test_the_variants_of_an_item_fill_the_catalog(api, send_order):
    sent = send_order(order_with(variant("A"), variant("B")))
    assert sent.json()["results"] == [{"index": 0, "identifier": "ORD-1", "result": "created"}]
    assert skus() == ["A", "B"]
    assert api.get(PATH).json()["source"] == "order"
    send_order(order_with(variant("B"), variant("C"), identifier="ORD-2", minute=1))
    assert skus() == ["B", "C"]


def test_an_older_order_changes_nothing(send_order):
    send_order(order_with(variant("NEW"), minute=5))
    assert (
        send_order(order_with(variant("OLD"), minute=4)).json()["results"][0]["result"] == "stale"
    )
    assert skus() == ["NEW"]
    send_order(order_with(variant("OLD"), identifier="ORD-2", minute=4))
    assert skus() == ["NEW"]
    send_order(order_with(variant("NEW"), identifier="ORD-3", minute=7))
    send_order(order_with(variant("BETWEEN"), identifier="ORD-4", minute=6))
    assert skus() == ["NEW"]
    send_order(order_with(variant("NEWEST"), identifier="ORD-5", minute=8))
    assert skus() == ["NEWEST"]


def test_the_api_knows_better_than_an_order(api, send_order):
    send_order(order_with(variant("FROM-ORDER")))
    assert put(api, "96027", variant("FROM-API")).status_code == 200
    send_order(order_with(variant("FROM-ORDER"), minute=9))
    assert skus() == ["FROM-API"]
    put(api, "96027")
    send_order(order_with(variant("FROM-ORDER"), minute=10))
    assert skus() == []


def test_an_item_without_variants_says_nothing(send_order):
    send_order(order_with(variant("A")))
    send_order(order_with(minute=1))
    send_order(builders.order(updated_at="2026-01-23T14:00:00Z"))
    assert skus() == ["A"]


def test_several_items_fill_several_products(send_order):
    lines = [
        builders.line("1", variant_identifier="p2", variants=[variant("B")]),
        builders.line("2", variant_identifier="p1", variants=[variant("A")]),
        builders.line("3", variant_identifier="p1", variants=[variant("A"), variant("A2")]),
    ]
    send_order(builders.order(lines=lines))
    assert (skus("p1"), skus("p2")) == (["A", "A2"], ["B"])


@pytest.mark.parametrize(
    ("told", "field", "message"),
    [
        ("TEE-S", "items[0].variants", "must be a list, not text"),
        (["TEE-S"], "items[0].variants[0]", "must be an object"),
        ([{"sku": "A"}], "items[0].variants[0].title", "is required"),
        (
            [variant(), variant(quantity_in_stock=-3)],
            "items[0].variants[1].quantity_in_stock",
            "is -3: must be 0 to 2147483647",
        ),
    ],
)
def test_unusable_variants_do_not_cost_the_order(send_order, told, field, message):
    send_order(builders.order("ORD-0", [builders.line(variants=[variant("A")])]))
    line = builders.line(variants=told)
    answer = send_order(builders.order(lines=[line], updated_at="2026-03-01T00:00:00Z"))
    assert answer.status_code == 200
    result = answer.json()["results"][0]
    assert result["result"] == "created"
    assert {
        "field": field,
        "code": result["warnings"][0]["code"],
        "message": f"{message}; the variants of this item were ignored",
    } == result["warnings"][0]
    assert skus() == ["A"]


def test_what_goes_on_to_optoro_stays_as_it_came(send_order, drain, optoro):
    told = [variant("A", whatever="x"), variant("B")]
    send_order(order_with(*told))
    drain()
    assert optoro.last()["items"][0]["variants"] == told


def test_an_order_whose_products_are_known_asks_for_them_once(send_order):
    lines = [
        builders.line(str(n), variant_identifier=f"p{n}", variants=[variant()]) for n in range(9)
    ]
    put_by_order = builders.order("ORD-1", lines)
    send_order(put_by_order)
    Product.objects.update(source="api")
    with CaptureQueriesContext(connection) as queries:
        send_order({**put_by_order, "identifier": "ORD-2", "updated_at": "2026-05-01T00:00:00Z"})
    assert len([q for q in queries if "catalog_" in q["sql"]]) == 1

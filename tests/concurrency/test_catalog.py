"""On PostgreSQL, with real threads and real commits: the variants of a product are one set."""

import random
import time

import pytest
from django.db import transaction

from apps.catalog.imports import run_import, start_import
from apps.catalog.models import MissedLookup, Product, Variant
from apps.outbox.services import claim_next
from tests.support import builders
from tests.support.threads import in_parallel
from tests.support.variants import ask, put, variant

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def shown(api):
    return api.get("/api/v1/variants/96027").json()["variants"]


@pytest.mark.parametrize("is_known", [False, True])
def test_of_two_sets_at_once_one_wins_whole(api, is_known):
    sets = [
        [variant(f"{name}-{n}", title=name) for n in range(20)] + [variant("SHARED", title=name)]
        for name in ("one", "two", "three", "four")
    ]
    if is_known:
        put(api, "96027", variant("OLD"))
    for _ in range(5):
        answers = in_parallel(8, lambda number: put(api, "96027", *sets[number % 4]).status_code)
        assert set(answers) <= {200, 201}
        assert shown(api) in sets
        product = Product.objects.get()
        assert (product.variant_count, Variant.objects.count()) == (21, 21)
        if not is_known:
            Variant.objects.all().delete()
            Product.objects.all().delete()


def test_orders_with_the_same_products_do_not_lock_each_other_out(send_order):
    names = [f"p{n}" for n in range(6)]

    def order(number):
        shuffled = random.Random(number).sample(names, len(names))
        lines = [
            builders.line(
                str(n), variant_identifier=name, variants=[variant(f"{name}-{number}"), variant()]
            )
            for n, name in enumerate(shuffled)
        ]
        updated_at = f"2026-01-23T13:{number:02d}:00Z"
        return send_order(builders.order(f"ORD-{number}", lines, updated_at=updated_at)).status_code

    assert in_parallel(12, order) == [200] * 12
    for name in names:
        assert [v["sku"] for v in ask(name).json()["variants"]] == [f"{name}-11", "TEE-S"]


def test_an_import_and_sets_at_once_leave_what_adds_up(api, store, django_user_model):
    user = django_user_model.objects.create_user("ana")
    rows = "\n".join(f"p{n % 7},IN-{n},Tee,12.80,3" for n in range(400))
    head = "variant_identifier,sku,title,unit_price,quantity_in_stock\n"
    start_import(store_id=store.pk, user_id=user.pk, name="x.csv", content=(head + rows).encode())
    job = claim_next()

    def work(number):
        if number == 0:
            return run_import(job).outcome
        return [put(api, f"p{n}", variant(f"SET-{number}")).status_code for n in range(7)]

    assert in_parallel(4, work)[0] == "done"
    for product in Product.objects.all():
        rows = Variant.objects.filter(variant_identifier=product.variant_identifier)
        assert product.variant_count == rows.count()


def test_two_workers_with_one_import_write_each_row_once(store, django_user_model):
    user = django_user_model.objects.create_user("ana")
    rows = "\n".join(f"p{n},SKU,Tee,12.80,3" for n in range(600))
    head = "variant_identifier,sku,title,unit_price,quantity_in_stock\n"
    found = start_import(
        store_id=store.pk, user_id=user.pk, name="x.csv", content=(head + rows).encode()
    )
    job = claim_next()
    in_parallel(3, lambda number: run_import(job))
    found.refresh_from_db()
    assert (found.rows_done, found.created_count, found.state) == (600, 600, "done")


def test_a_locked_count_neither_fails_nor_delays_the_answer(store):
    ask("a")

    def work(number):
        if number == 0:
            with transaction.atomic():
                MissedLookup.objects.select_for_update().get()
                time.sleep(1.5)
            return 0.0
        time.sleep(0.3)
        started = time.monotonic()
        assert ask("a").json() == {"variants": []}
        return time.monotonic() - started

    assert max(in_parallel(2, work)) < 1
    assert MissedLookup.objects.get().count == 1


def test_an_id_asked_for_by_many_at_once_is_one_row(store):
    """Counts may be lost here: nobody waits for the row."""
    answers = in_parallel(8, lambda number: [ask("a").status_code for _ in range(3)])
    assert answers == [[200] * 3] * 8
    assert 1 <= MissedLookup.objects.get().count <= 24


def test_replacing_is_not_seen_half_done(api, store):
    put(api, "96027", *(variant(f"A-{n}") for n in range(30)))
    both = [{f"{name}-{n}" for n in range(30)} for name in "AB"]

    def work(number):
        if number == 0:
            for turn in range(10):
                put(api, "96027", *(variant(f"{'BA'[turn % 2]}-{n}") for n in range(30)))
            return True
        seen = [{v["sku"] for v in ask().json()["variants"]} for _ in range(40)]
        return all(skus in both for skus in seen)

    assert in_parallel(3, work) == [True] * 3

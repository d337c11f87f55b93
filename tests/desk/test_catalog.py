"""The catalog's pages: products, what Optoro is answered, what was asked for in vain, imports."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import Role
from apps.catalog.missed import count_missed
from apps.catalog.models import VariantImport
from apps.outbox.models import Job
from apps.stores.models import Store
from tests.desk.conftest import World, fill_catalog, take, upload_variants, work_off
from tests.support import builders
from tests.support.optoro import FakeOptoro
from tests.support.variants import ask

pytestmark = pytest.mark.django_db


def text_of(browser: Client, url: str) -> str:
    """The words of a page's main part."""
    page = browser.get(url).content.decode().split("<main")[1].split("<footer")[0]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_the_list_shows_each_product(store: Store, lead: Client) -> None:
    fill_catalog(store, "P-1", 3)
    fill_catalog(store, "P-2", 1)
    page = text_of(lead, "/catalog/")
    assert re.search(r"P-1 Black T-Shirt 3 2 128\.00 – 128\.02 API", page)
    assert re.search(r"P-2 Black T-Shirt 1 none 128\.00 API", page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=P-1", {"P-1"}),
        ("search=p-1-2", {"P-1"}),
        ("search=black", {"P-1", "P-2"}),
        ("search=nothing", set()),
        ("stock=some", {"P-1"}),
        ("stock=none", {"P-2"}),
        ("source=api&search=2", {"P-1", "P-2"}),
        ("source=file", set()),
    ],
)
def test_the_list_is_narrowed(store: Store, lead: Client, query: str, found: set[str]) -> None:
    fill_catalog(store, "P-1", 3)
    fill_catalog(store, "P-2", 1)
    page = lead.get(f"/catalog/?{query}").content.decode()
    assert set(re.findall(r'products/(P-\d)/"', page)) == found
    assert ("No results for this filter" in page) == (not found)


@pytest.mark.parametrize("sort", ["", "-updated", "identifier", "-variants", "stock", "x"])
def test_the_list_is_sorted(store: Store, lead: Client, sort: str) -> None:
    fill_catalog(store, "P-1", 3)
    fill_catalog(store, "P-2", 1)
    page = lead.get(f"/catalog/?sort={sort}").content.decode()
    order = re.findall(r'products/(P-\d)/"', page)
    assert order == (["P-1", "P-2"] if sort in ("identifier", "-variants") else ["P-2", "P-1"])


def test_the_page_of_a_product_shows_what_optoro_is_answered(store: Store, lead: Client) -> None:
    fill_catalog(store, "a/b c", 3)
    url = reverse("desk:catalog-product", args=["a/b c"])
    page = lead.get(url).content.decode()
    shown = unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1])
    answer = ask("a%2Fb%20c").json()
    assert json.loads(shown) == answer
    assert len(answer["variants"]) == 2
    words = text_of(lead, url)
    assert "Offered 2 of 3 variants" in words
    assert "all_size S2 | Slim" in words
    assert words.count("Left out: out of stock") == 1
    store.offers_out_of_stock_variants = True
    store.save()
    assert "Left out" not in text_of(lead, url)


def test_a_product_that_offers_nothing_says_so(store: Store, lead: Client) -> None:
    fill_catalog(store, "SOLD-OUT", 1)
    fill_catalog(store, "EMPTY", 0)
    assert "Every variant is out of stock." in text_of(lead, "/catalog/products/SOLD-OUT/")
    assert "This product has no variants." in text_of(lead, "/catalog/products/EMPTY/")
    assert lead.get("/catalog/products/NONE/").status_code == 404


def test_what_was_asked_for_in_vain_shows_its_order_lines(
    store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    lines = [builders.line("1", variant_identifier="GONE"), builders.line("2")]
    take(store, identifier="ORD-1", lines=lines)
    take(store, identifier="ORD-2", lines=[builders.line("1", variant_identifier="GONE")])
    for asked in ("GONE", "GONE", "NEVER-SOLD"):
        ask(asked)
    page = text_of(lead, "/catalog/missed/")
    assert re.search(r"GONE 2 times .* 2 lines, newest in order ORD-2 : Black T-Shirt", page)
    assert re.search(r"NEVER-SOLD 1 time .* none that the desk knows", page)
    assert "Asked for in vain 2" in text_of(lead, "/catalog/")
    narrowed = text_of(lead, "/catalog/missed/?variant_identifier=never")
    assert "NEVER-SOLD" in narrowed
    assert "GONE" not in narrowed
    fill_catalog(store, "GONE")
    assert "GONE" not in text_of(lead, "/catalog/missed/")


def test_empty_pages_tell_what_would_fill_them(store: Store, lead: Client) -> None:
    assert "No variants yet." in text_of(lead, "/catalog/")
    assert "Nothing was asked for in vain." in text_of(lead, "/catalog/missed/")
    assert "No file has been imported yet." in text_of(lead, "/catalog/imports/")


def test_who_may_not_import_is_told_why(world: World, person: Callable[..., Client]) -> None:
    browser = person((world.store, Role.AGENT))
    page = text_of(browser, "/catalog/")
    assert "Import a file" not in page
    reason = "Changing the catalog needs one of these roles: Lead, Administrator."
    assert reason in page
    answer = browser.get("/catalog/imports/")
    assert answer.status_code == 403
    assert reason in unescape(answer.content.decode())


def test_an_import_shows_how_far_it_is(store: Store, lead: Client) -> None:
    found = upload_variants(store)
    url = reverse("desk:catalog-import", args=[found.pk])
    page = lead.get(url).content.decode()
    assert f'hx-get="{url}"' in page
    assert f'<a href="{url}">Reload</a>' in page
    assert '<progress id="progress" max="3" value="0">' in page
    assert "Waits for a worker: 0 of 3 rows" in text_of(lead, url)
    work_off()
    page = lead.get(url).content.decode()
    assert f'hx-get="{url}"' not in page
    assert "Reload" not in page
    words = text_of(lead, url)
    assert "All rows are read: 3 of 3 rows" in words
    assert "New 2 Changed 0 As they were 0 Left out 1 1 error" in words
    assert "3 quantity_in_stock -5 must be from 0 to 2147483647" in words
    assert "IMPORT-1.csv Done 3 of 3 2 0 1" in text_of(lead, "/catalog/imports/")


def test_an_import_whose_worker_fails_says_so(store: Store, lead: Client) -> None:
    found = upload_variants(store)
    url = reverse("desk:catalog-import", args=[found.pk])
    assert "It stands still" not in text_of(lead, url)
    Job.objects.update(failures=2)
    assert "It stands still. The worker failed after row 0, and tries again there" in text_of(
        lead, url
    )
    job = Job.objects.get()
    assert f'href="{url}"' in lead.get(f"/outbound/{job.pk}/").content.decode()


def test_canceling_an_import(store: Store, lead: Client) -> None:
    found = upload_variants(store)
    url = reverse("desk:catalog-import-cancel", args=[found.pk])
    assert "Canceled. The rows read so far stay" in unescape(
        lead.post(url, follow=True).content.decode()
    )
    work_off()
    assert VariantImport.objects.get().rows_done == 0
    assert lead.get(url).status_code == 405


QUERIES = {
    "/catalog/": 7,
    "/catalog/missed/": 8,
    "/catalog/imports/": 6,
    "/catalog/products/P-1/": 6,
    "/catalog/imports/1/": 7,
}


@pytest.mark.parametrize("url", list(QUERIES))
def test_more_rows_cost_no_more_queries(
    url: str, store: Store, optoro: FakeOptoro, lead: Client
) -> None:
    def fill(number: int) -> int:
        fill_catalog(store, f"P-{number}", number + 1)
        take(
            store,
            identifier=f"ORD-{number}",
            lines=[builders.line(variant_identifier=f"MISSED-{number}")],
        )
        count_missed(store_id=store.pk, variant_identifier=f"MISSED-{number}")
        return upload_variants(store).pk

    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert lead.get(address).status_code == 200
        return len(queries)

    first = fill(1)
    one = count(url.replace("/imports/1/", f"/imports/{first}/"))
    fill(2)
    last = fill(3)
    wide = url.replace("P-1", "P-3").replace("/imports/1/", f"/imports/{last}/")
    assert count(wide) == one == QUERIES[url]

"""Reports on screen: who may, filters, totals, rows page by page, and their files."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role
from apps.reports.models import Export
from apps.reports.registry import all_reports
from tests.support import builders
from tests.support.refunds import raw_refund, utc

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_refund_report_shows_a_row_for_each_unit(finance, refunded):
    units = [builders.unit(cents=13056), builders.unit(cents=10000)]
    refund = refunded(units=units, paid=utc(2026, 2, 3, 12))
    page = finance.get("/reports/refunds/?since=2026-02-03&until=2026-02-03")
    assert page.status_code == 200
    text = text_of(page)
    assert text.count(refund.identifier) == 2
    assert "2 rows" in text
    assert "$230.56" in text
    assert "Totals in USD" in text
    empty = text_of(finance.get("/reports/refunds/?since=2026-02-04&until=2026-02-04"))
    assert "No rows for these filters" in empty
    assert refund.identifier not in empty


def test_the_index_lists_every_report(finance):
    page = finance.get("/reports/")
    for report in all_reports():
        assert f'href="/reports/{report.name}/"' in page.content.decode()
        assert finance.get(f"/reports/{report.name}/").status_code == 200
    assert finance.get("/reports/nothing/").status_code == 404


@pytest.mark.parametrize("role", Role)
def test_the_menu_leads_there_those_who_may(store, person, role):
    browser = person((store, role))
    has_link = 'href="/reports/"' in browser.get("/keys/").content.decode()
    assert has_link == (role in (Role.LEAD, Role.FINANCE, Role.ADMINISTRATOR))
    assert browser.get("/reports/").status_code == (200 if has_link else 403)


def test_totals_are_compared_with_the_period_before(finance, store):
    raw_refund(store, 1, [{}, {}, {}], paid_at=utc(2026, 2, 3))
    raw_refund(store, 2, [{}, {}], paid_at=utc(2026, 2, 2))
    text = text_of(finance.get("/reports/refunds/?since=2026-02-03&until=2026-02-03"))
    assert "Refunded total $30.00 $20.00 before (+50%)" in text
    assert "3 rows · Feb 3, 2026, beside Feb 2, 2026" in text
    text = text_of(finance.get("/reports/refunds/?since=2026-02-02&until=2026-02-02"))
    assert "Refunded total $20.00 $0.00 before" in text
    text = text_of(finance.get("/reports/refunds/?period=all"))
    assert "5 rows · All time" in text
    assert "before" not in text.partition("Totals in USD")[2].partition("Refunded in USD")[0]


def test_a_filter_that_cannot_be_used_shows_no_figures(finance, store):
    raw_refund(store, 1, paid_at=utc(2026, 2, 3))
    text = text_of(finance.get("/reports/refunds/?period=all&quantity=x"))
    assert "A filter cannot be used" in text
    assert "Enter a whole number" in text
    assert "$10.00" not in text
    answer = finance.get("/reports/refunds/rows.csv?period=all&quantity=x", follow=True)
    assert "No file: a filter cannot be used" in text_of(answer)


def test_filters_in_force_can_be_taken_away_one_by_one(finance, store):
    raw_refund(store, 1, [{"sku": "a"}, {"sku": "b"}], paid_at=utc(2026, 2, 3))
    page = finance.get("/reports/refunds/?period=all&sku=a&currency=usd").content.decode()
    assert "1 row<" in page
    assert 'href="/reports/refunds/?currency=usd&amp;period=all"' in page.replace(
        "period=all&amp;currency=usd", "currency=usd&amp;period=all"
    )
    nothing = text_of(finance.get("/reports/refunds/?period=all&sku=c"))
    assert "take the other filters away" in nothing


def test_pages_lead_to_the_last_row_and_back(finance, store):
    raw_refund(store, 1, [{"sku": f"sku-{n}-"} for n in range(120)], paid_at=utc(2026, 2, 3))
    url, seen, pages = "/reports/refunds/?period=all", [], 0
    while url:
        page = finance.get(url).content.decode()
        seen += re.findall(r">(sku-\d+-)<", page)
        pages += 1
        found = re.search(r'rel="next" href="([^"]+)"', page)
        url = unescape(found[1]) if found else ""
        assert ('rel="first"' in page) == (pages > 1)
    assert (pages, seen) == (3, [f"sku-{n}-" for n in range(120)])
    for odd in ("nonsense", "[1]", "[[[", "{}", '["2026-01-01",1,1]'):
        page = finance.get("/reports/refunds/", {"period": "all", "after": odd})
        assert ">sku-0-<" in page.content.decode()


def test_days_that_are_named_win_over_a_named_period(finance, store):
    raw_refund(store, 1, paid_at=utc(2026, 2, 3))
    page = finance.get("/reports/refunds/?period=last_year&since=2026-02-03").content.decode()
    assert "1 row<" in page
    assert "since Feb 3, 2026" in page
    assert 'aria-current="true">Last year' not in page
    named = finance.get("/reports/refunds/?period=last_year&sku=a").content.decode()
    assert 'aria-current="true">Last year' in named
    assert 'type="hidden" name="period" value="last_year"' in named


def test_an_export_is_asked_for_from_the_page(finance, store):
    raw_refund(store, 1, paid_at=utc(2026, 2, 3))
    page = finance.get("/reports/refunds/?period=all&currency=USD").content.decode()
    query = unescape(re.search(r'name="query" value="([^"]*)"', page)[1])
    assert parse_qs(query) == {"period": ["all"], "currency": ["USD"]}
    answer = finance.post("/reports/refunds/export/", {"format": "xlsx", "query": query})
    export = Export.objects.get()
    assert urlsplit(answer["Location"]).path == f"/reports/exports/{export.pk}/"
    assert parse_qs(export.query) == parse_qs(query)
    listed = text_of(finance.get("/reports/exports/"))
    assert "refunds-store-one-all.xlsx" in listed
    assert "Currency: USD" in listed


@pytest.mark.parametrize(
    ("url", "most"),
    [
        ("/reports/", 8),
        ("/reports/refunds/?period=all", 14),
        ("/reports/refunds/?since=2026-02-01&until=2026-02-28&currency=USD&sku=sku-1", 15),
        ("/reports/exports/", 10),
    ],
)
def test_more_rows_cost_no_more_queries(finance, store, url, most):
    def count():
        with CaptureQueriesContext(connection) as found:
            assert finance.get(url).status_code == 200
        return len(found)

    def one_more(number):
        raw_refund(store, number, [{}, {}], paid_at=utc(2026, 2, 3))
        query = {"format": "csv", "query": f"sku=sku-{number}"}
        finance.post("/reports/refunds/export/", query)

    one_more(1)
    one = count()
    one_more(2)
    one_more(3)
    assert count() == one
    assert one <= most


def test_an_export_costs_the_same_queries_with_one_and_with_three_downloads(finance, store, drain):
    raw_refund(store, 1, paid_at=utc(2026, 2, 3))
    finance.post("/reports/refunds/export/", {"format": "csv", "query": "period=all"})
    drain()
    url = f"/reports/exports/{Export.objects.get().pk}/"

    def count():
        b"".join(finance.get(f"{url}file/").streaming_content)
        with CaptureQueriesContext(connection) as found:
            assert finance.get(url).status_code == 200
        return len(found)

    assert count() == count() == count()


@pytest.mark.parametrize("name", ["refunds", "settlement", "exposure", "gift-cards", "journal"])
def test_a_currency_that_is_none_is_told_with_the_remedy(finance, store, name):
    page = finance.get(f"/reports/{name}/?currency=us+dollars").content.decode()
    assert "“US DOLLARS” is no currency: write its three letters, as in USD, or nothing." in page
    assert "A filter cannot be used." in page
    assert (
        "A filter cannot be used."
        not in finance.get(f"/reports/{name}/?currency=usd").content.decode()
    )

"""Closing a month on screen: figures before it, files after it, two people to open it again."""

import hashlib
import re
from datetime import UTC, datetime
from html import unescape

import pytest
import time_machine
from django.test import Client

from apps.accounts.models import Role
from apps.attention.models import Kind
from apps.attention.services import open_item
from apps.desk.reads.books import Figure, Totals
from apps.ledger.models import Books, PeriodEvent
from apps.ledger.queries import Balance
from apps.refunds.models import Refund
from apps.reports.models import Export, PeriodFile
from tests.support import builders
from tests.support.people import person, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("optoro")]
IN_MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
IN_APRIL = datetime(2026, 4, 2, 12, tzinfo=UTC)


def at(moment):
    return time_machine.travel(moment, tick=True)


def browser_of(name, role=Role.FINANCE):
    browser = Client()
    sign_in(browser, person(name, role))
    return browser


def text_of(answer):
    return " ".join(unescape(answer.content.decode()).split())


@pytest.fixture
def march(send_order, send_rma, drain, store):
    """A refund of March, and the clock in April."""
    with at(IN_MARCH):
        send_order(builders.order())
        send_rma(builders.rma(units=[builders.unit()], tracking="TRANSIT"))
        drain()
    with at(IN_APRIL):
        yield


def close(browser, note="checked with the bank"):
    return browser.post("/books/2026-3/close/", {"note": note}, follow=True)


def files():
    rows = PeriodFile.objects.order_by("pk").values_list("export__report", "export__format")
    return list(rows)


def bytes_of(browser, export):
    return b"".join(browser.get(f"/reports/exports/{export.pk}/file/").streaming_content)


@pytest.mark.usefixtures("march")
def test_a_month_is_closed_with_its_figures_in_view_and_its_files_are_kept(drain, store):
    fin = browser_of("fin")
    page = text_of(fin.get("/books/2026-3/close/"))
    assert "Close March 2026?" in page
    assert "Sales returns" in page
    assert "$128.00" in page
    answer = close(fin)
    assert "March 2026 is closed" in text_of(answer)
    assert str(Books.objects.get().closed_through) == "2026-03-31"
    assert ("refunds", "csv") in files()
    assert ("refunds", "xlsx") in files()
    drain()
    assert set(Export.objects.values_list("state", "expires_at")) == {("done", None)}
    assert "refunds-store-one-2026-03-01-2026-03-31.csv" in text_of(fin.get("/books/"))
    again = text_of(close(fin))
    assert "It cannot be closed:</strong> March 2026 is closed already." in again


@pytest.mark.usefixtures("march")
def test_the_files_of_a_closed_month_are_the_same_byte_for_byte_whatever_comes_later(
    send_rma, drain, store
):
    fin = browser_of("fin")
    close(fin)
    drain()
    export = Export.objects.get(report="refunds", format="csv")
    before = bytes_of(fin, export)
    assert b"RMA-1" in before
    with at(datetime(2026, 6, 1, tzinfo=UTC)):
        fin = browser_of("fin")
        send_rma(
            builders.rma(units=[builders.unit()], tracking="DELIVERED", status="REFUNDED", minute=9)
        )
        drain()
        assert bytes_of(fin, export) == before
        assert hashlib.sha256(before).hexdigest() == Export.objects.get(pk=export.pk).sha256
        fresh = fin.get("/reports/refunds/rows.csv?by=paid&since=2026-03-01&until=2026-03-31")
        assert fresh.status_code == 200
        assert b"".join(fresh.streaming_content) != before


def decide(client, request, decision):
    url = f"/books/requests/{request.pk}/decide/"
    return client.post(url, {"decision": decision}, follow=True)


@pytest.mark.usefixtures("march")
def test_opening_a_month_again_takes_two_people_on_screen():
    fin, otto = browser_of("fin"), browser_of("otto", Role.ADMINISTRATOR)
    close(fin)
    assert fin.post("/books/2026-3/reopen/", {"reason": ""}).status_code == 422
    answer = fin.post("/books/2026-3/reopen/", {"reason": "a late bank file"}, follow=True)
    assert "Asked for. Somebody else decides on it" in text_of(answer)
    request = PeriodEvent.objects.get(kind="reopening_asked")
    own = text_of(fin.get("/books/"))
    agent = browser_of("ann", Role.AGENT)
    seen = [
        "asks to open March 2026 again" in text_of(browser.get("/"))
        for browser in (otto, fin, agent)
    ]
    assert seen == [True, False, False]
    again = text_of(fin.get("/books/2026-3/reopen/", follow=True))
    assert "It is asked for already: a second person decides on it here." in again
    assert "You asked for it: a second person decides." in own
    decide(fin, request, "refuse")
    assert "Request to open again withdrawn" in text_of(fin.get("/books/"))
    fin.post("/books/2026-3/reopen/", {"reason": "a late bank file, after all"})
    request = PeriodEvent.objects.filter(kind="reopening_asked").latest("pk")
    refused = decide(fin, request, "open")
    assert "takes a second person" in text_of(refused)
    assert str(Books.objects.get().closed_through) == "2026-03-31"
    other = decide(otto, request, "open")
    assert "March 2026 is open again." in text_of(other)
    assert str(Books.objects.get().closed_through) == "2026-02-28"
    late = decide(otto, request, "open")
    assert "It was decided on already." in text_of(late)
    close(fin)
    fin.post("/books/2026-3/reopen/", {"reason": "once more"})
    decide(otto, PeriodEvent.objects.filter(kind="reopening_asked").latest("pk"), "refuse")
    assert "Opening again refused" in text_of(fin.get("/books/"))


@pytest.mark.usefixtures("march")
def test_a_lead_sees_the_books_and_may_not_close_them():
    lead = browser_of("lea", Role.LEAD)
    page = text_of(lead.get("/books/"))
    assert "Your role in" in page
    assert lead.post("/books/2026-3/close/", {"note": ""}).status_code == 403
    assert not Books.objects.exists()
    assert browser_of("amy", Role.AGENT).get("/books/").status_code == 403


@pytest.mark.usefixtures("march")
def test_closing_asks_who_it_is_once_more(settings):
    fin = Client()
    sign_in(fin, person("fin", Role.FINANCE), seconds_ago=settings.SUDO_MINUTES * 60 + 60)
    answer = fin.post("/books/2026-3/close/", {"note": "x"})
    assert answer.status_code == 403
    assert "close March 2026" in text_of(answer)
    assert not Books.objects.exists()


@pytest.mark.usefixtures("march")
def test_a_file_that_was_not_made_can_be_asked_for_again(drain):
    fin = browser_of("fin")
    close(fin)
    drain()
    count = Export.objects.count()
    Export.objects.filter(report="refunds", format="csv").update(state="failed")
    closing = PeriodEvent.objects.get()
    assert "Make the missing files" in text_of(fin.get("/books/"))
    fin.post(f"/books/closings/{closing.pk}/files/")
    drain()
    assert Export.objects.count() == count + 1
    assert Export.objects.filter(report="refunds", format="csv", state="done").count() == 1
    assert "Make the missing files" not in text_of(fin.get("/books/"))
    fin.post(f"/books/closings/{closing.pk}/files/")
    assert Export.objects.count() == count + 1


@pytest.mark.parametrize("address", ["/books/2026-13/close/", "/books/0-1/reopen/"])
def test_odd_months_are_not_there(address, store):
    assert browser_of("fin").get(address).status_code == 404


@pytest.mark.usefixtures("march")
def test_the_page_costs_the_same_with_more_months(django_assert_num_queries, drain):
    fin = browser_of("fin")
    fin.post("/books/2026-1/close/", {"note": ""})
    drain()
    with django_assert_num_queries(9):
        assert text_of(fin.get("/books/")).count(">Closed<") == 1
    for month in (2, 3):
        fin.post(f"/books/2026-{month}/close/", {"note": ""})
    drain()
    with django_assert_num_queries(9):
        assert text_of(fin.get("/books/")).count(">Closed<") == 3


@pytest.mark.usefixtures("march")
def test_the_files_of_a_closing_are_read_after_it(store, drain):
    fin = browser_of("fin")
    days = "since=2026-03-01&until=2026-03-31"
    early = {"format": "csv", "query": f"by=paid&{days}"}
    fin.post("/reports/refunds/export/", early)
    before = Export.objects.get()
    close(fin)
    assert not PeriodFile.objects.filter(export=before).exists()
    assert Export.objects.filter(report="refunds", format="csv").count() == 2


@pytest.mark.usefixtures("march")
def test_a_lead_cannot_cancel_the_files_of_a_closed_month():
    close(browser_of("fin"))
    export = Export.objects.get(report="refunds", format="csv")
    address = f"/reports/exports/{export.pk}/cancel/"
    assert browser_of("lea", Role.LEAD).post(address).status_code == 403
    export.refresh_from_db()
    assert export.state == "waiting"
    assert browser_of("fin").post(address).status_code == 302
    export.refresh_from_db()
    assert export.state == "canceled"


@pytest.mark.usefixtures("march")
def test_a_month_that_was_opened_again_gets_no_files():
    fin, otto = browser_of("fin"), browser_of("otto", Role.ADMINISTRATOR)
    close(fin)
    closing = PeriodEvent.objects.get()
    Export.objects.update(state="failed")
    fin.post("/books/2026-3/reopen/", {"reason": "a late file"})
    request = PeriodEvent.objects.get(kind="reopening_asked")
    otto.post(f"/books/requests/{request.pk}/decide/", {"decision": "open"})
    count = Export.objects.count()
    answer = fin.post(f"/books/closings/{closing.pk}/files/", follow=True)
    assert "March 2026 was opened again" in text_of(answer)
    assert Export.objects.count() == count


@pytest.mark.usefixtures("march")
def test_what_is_not_done_stands_beside_the_figures_and_leads_to_it(send_rma, drain, store, client):
    fin = browser_of("fin")
    page = text_of(fin.get("/books/2026-3/close/"))
    assert "Nothing: no refund of these days waits for approval or for the outcome" in page
    assert (
        '<th scope="row">Together</th><td class="num" data-label="Debit">$261.12</td>'
        '<td class="num" data-label="Credit">$261.12</td>' in page
    )
    with at(IN_MARCH):
        refund = Refund.objects.get()
        Refund.objects.update(status="unknown")
        open_item(
            store_id=store.pk, kind=Kind.STATEMENT_TWICE, subject="1", detail="One payment twice."
        )
    with at(IN_APRIL):
        # Set aside after the end of March: not March's.
        send_rma({"rma_identifier": "RMA-9"})
        drain()
    page = text_of(fin.get("/books/2026-3/close/"))
    found = dict(re.findall(r'<a href="([^"]+)">([^<]+: 1)</a>', page))
    assert set(found.values()) == {
        "Refunds whose payment has no outcome yet: 1",
        "Open exceptions about declined payments, payout files and the books: 1",
    }
    assert "None of it keeps the month from being closed" in page
    shown = {label: text_of(fin.get(href)) for href, label in found.items()}
    assert refund.identifier in shown["Refunds whose payment has no outcome yet: 1"]
    assert (
        "One payment twice."
        in shown["Open exceptions about declined payments, payout files and the books: 1"]
    )
    with at(datetime(2026, 5, 2, tzinfo=UTC)):
        fin = browser_of("fay")
        page = text_of(fin.get("/books/2026-4/close/"))
        [href] = re.findall(r'<a href="([^"]+)">Messages set aside: 1</a>', page)
        assert "RMA-9" in text_of(fin.get(href))


def test_totals_say_what_they_add_up_to():
    even = Balance("shopper_payable", "USD", 500, 300)
    assert Totals("USD", [Figure("Owed", even)]).balance_cents == 200


@pytest.mark.usefixtures("march")
def test_files_of_a_month_that_is_closed_again_are_told_from_the_first_ones():
    fin, otto = browser_of("fin"), browser_of("otto", Role.ADMINISTRATOR)
    close(fin)
    fin.post("/books/2026-3/reopen/", {"reason": "a late bank file"})
    decide(otto, PeriodEvent.objects.get(kind="reopening_asked"), "open")
    close(fin)
    first, second = PeriodEvent.objects.filter(kind="closed").order_by("pk")
    names = [
        [file.export.name for file in PeriodFile.objects.filter(closing=closing).order_by("pk")]
        for closing in (first, second)
    ]
    assert "refunds-store-one-2026-03-01-2026-03-31.csv" in names[0]
    page = text_of(fin.get("/books/"))
    assert all(f">{name}</a>" in page for name in [*names[0], *names[1]])
    assert names[1] == [
        f"{stem}-closing-2.{extension}"
        for stem, _, extension in (name.rpartition(".") for name in names[0])
    ]

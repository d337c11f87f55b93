"""One box finds anything, in one's own store only."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.desk.likeness import likeness
from apps.desk.models import RecentSearch
from apps.desk.reads import search as reads
from apps.desk.reads import similar
from apps.refunds.models import Payout, Refund
from apps.stores.models import Store
from tests.desk.conftest import PARCEL, World, deliver, exchange, open_payout, take, work_off
from tests.support import builders
from tests.support.exchange_requests import item

pytestmark = pytest.mark.django_db


def find(browser: Client, text: str) -> str:
    """Returns where a search leads, or the page it answers with."""
    answer = browser.get("/search/", {"q": text})
    return answer["Location"] if answer.status_code == 302 else answer.content.decode()


@pytest.fixture
def goods(store: Store, optoro: object) -> Store:
    """Two orders; the second one has an RMA for a gift, and a refund."""
    take(store, identifier="A-100", lines=[builders.line(tracking_number="1ZFIRST")])
    take(
        store,
        identifier="A-200",
        secondary_identifier="WEB-9",
        customer={**builders.order()["customer"], "email": "Bea@Example.com"},
        lines=[builders.line(tracking_number="1ZSECOND")],
    )
    deliver(
        store,
        builders.rma(
            "R-77",
            units=[builders.unit("A-200")],
            tracking="TRANSIT",
            gift_refund_only=True,
            giftee_email="gift@example.com",
        ),
    )
    work_off()
    return store


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("A-100", "/orders/A-100/"),
        ("  a-100  ", "/orders/A-100/"),
        ("#A-100", "/orders/A-100/"),
        ("WEB-9", "/orders/A-200/"),
        ("ada@example.com", "/orders/A-100/"),
        ("Bea@Example.com", "/orders/A-200/"),
        ("1ZFIRST", "/orders/A-100/"),
        ("R-77", "/returns/R-77/"),
        ("GIFT@example.com", "/returns/R-77/"),
        (PARCEL, "/returns/R-77/"),
    ],
)
def test_each_key_leads_to_its_page(text: str, address: str, goods: Store, lead: Client) -> None:
    assert find(lead, text) == address


def test_refunds_are_found_in_small_letters(goods: Store, lead: Client) -> None:
    refund = Refund.objects.get()
    assert find(lead, refund.identifier.lower()) == f"/refunds/{refund.identifier}/"


def test_a_beginning_finds_all_that_begin_so(goods: Store, lead: Client) -> None:
    page = find(lead, "1ZF")
    assert page == "/orders/A-100/"
    page = find(lead, "A-1")
    assert page == "/orders/A-100/"
    take(goods, identifier="A-101")
    page = find(lead, "A-10")
    assert "/orders/A-100/" in page
    assert "/orders/A-101/" in page


def test_an_exact_hit_wins_over_beginnings(goods: Store, lead: Client) -> None:
    take(goods, identifier="A-1000")
    assert find(lead, "A-100") == "/orders/A-100/"


def test_several_exact_hits_are_listed_by_kind(goods: Store, lead: Client) -> None:
    take(goods, identifier="R-77", customer={**builders.order()["customer"], "email": "x@x.y"})
    page = find(lead, "R-77")
    assert "/orders/R-77/" in page
    assert "/returns/R-77/" in page


def test_two_letters_find_no_beginnings(goods: Store, lead: Client) -> None:
    assert "is called that" in find(lead, "A-")


def test_an_rma_is_found_by_an_order_that_is_not_known_yet(goods: Store, lead: Client) -> None:
    deliver(goods, builders.rma("R-88", units=[builders.unit("A-999")]))
    work_off()
    assert find(lead, "A-999") == "/returns/R-88/"


@pytest.mark.parametrize("text", ["", "   ", "%", "nothing", "x" * 5000, "a\x00b", "'; --"])
def test_nothing_found_says_what_can_be_searched(text: str, goods: Store, lead: Client) -> None:
    page = find(lead, text)
    assert "RMA identifier" in page
    assert "tracking number" in page


def test_nothing_leaks_from_the_store_next_door(
    goods: Store, other_store: Store, lead: Client
) -> None:
    take(other_store, identifier="B-500", lines=[builders.line(tracking_number="1ZOTHER")])
    deliver(
        other_store,
        builders.rma("R-B5", units=[builders.unit("B-500")], tracking="TRANSIT"),
    )
    work_off()
    refund = Refund.objects.get(store=other_store)
    for text in ("B-500", "B-5", "1ZOTHER", "R-B5", refund.identifier, refund.identifier[:6]):
        found = find(lead, text)
        for address in ("/orders/B-500/", "/returns/R-B5/", f"/refunds/{refund.identifier}/"):
            assert address not in found


def test_what_was_typed_is_shown_escaped(goods: Store, lead: Client) -> None:
    page = find(lead, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_hit_keeps_odd_identifiers_whole(world: World, lead: Client) -> None:
    take(world.store, identifier="shop/10 #7?x=%41")
    address = find(lead, "shop/10 #7?x=%41")
    assert address == "/orders/shop/10%20%237%3Fx=%2541/"
    assert "shop/10 #7?x=%41" in lead.get(address).content.decode()


@pytest.fixture
def parcel(store: Store, optoro: object) -> Store:
    """Order P-1 of a customer with accents, its return R-1, its exchange order and its refund."""
    person = {
        **builders.order()["customer"],
        "first_name": "José",
        "last_name": "O'Neill-Garcia",
        "email": "Jose.Oneill@Example.com",
        "phone": "+1 (555) 010-4477",
    }
    payment = {
        "identifier": "pi_Ab12",
        "type": "Capture",
        "status": "Success",
        "amount_cents": 52224,
        "gateway": "card",
    }
    line = builders.line(sku="Tee-Black-S", upc="0885909950805", tracking_number="1z 999-aa1")
    take(
        store,
        identifier="P-1",
        secondary_identifier="Web-77",
        customer=person,
        lines=[line],
        transactions=[payment],
    )
    unit = builders.unit("P-1", sku="Ret-Sku-1", upc="0990001112223")
    deliver(store, builders.rma("Rma-Q1", units=[unit], tracking="TRANSIT"))
    work_off()
    exchange(store, "P-1", [item("EXC-SKU", quantity=1)], rma_identifier="Rma-Q1")
    return store


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("p-1", "/orders/P-1/"),
        ("web-77", "/orders/P-1/"),
        ("#WEB-77", "/orders/P-1/"),
        ("rma-q1", "/returns/Rma-Q1/"),
        ("p-1-x", "/exchanges/P-1-X/"),
        ("1Z999AA1", "/orders/P-1/"),
        ("1z-999 aa1", "/orders/P-1/"),
        (" ".join([PARCEL[:8], PARCEL[8:]]), "/returns/Rma-Q1/"),
        ("jose.oneill@example.COM", "/orders/P-1/"),
        ("555 010 4477", "/orders/P-1/"),
        ("15550104477", "/orders/P-1/"),
        ("001-555-010-4477", "/orders/P-1/"),
        ("+1 (555) 010-4477", "/orders/P-1/"),
        ("José O'Neill-Garcia", "/orders/P-1/"),
        ("tee-black-s", "/orders/P-1/"),
        ("0885909950805", "/orders/P-1/"),
        ("ret-sku-1", "/returns/Rma-Q1/"),
        ("0990001112223", "/returns/Rma-Q1/"),
        ("exc-sku", "/exchanges/P-1-X/"),
        ("PI_AB12", "/orders/P-1/"),
        ("8ef05fb8-283e-4edd-a3d7-47f9fe520cfe", "/exchanges/P-1-X/"),
    ],
)
def test_anything_on_the_parcel_or_in_the_mail_opens_its_page(
    text: str, address: str, parcel: Store, lead: Client
) -> None:
    assert find(lead, text) == address


def test_what_the_gateway_knows_leads_to_the_refund(goods: Store, lead: Client) -> None:
    refund = Refund.objects.get()
    payout = open_payout(refund)
    Payout.objects.filter(pk=payout.pk).update(
        gateway_reference="re_Zz9", transaction_identifier="pi_Back"
    )
    assert find(lead, "RE_ZZ9") == f"/refunds/{refund.identifier}/"
    assert find(lead, "pi_back") == f"/refunds/{refund.identifier}/"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("o'neill", "word in the customer’s name begins so"),
        ("tee-bl", "SKU begins so"),
        ("jose oneil", "similar name"),
        ("jose.oneil@exmaple.com", "similar e-mail"),
        ("Garzia", "similar name"),
    ],
)
def test_what_is_not_certain_is_shown_and_never_opened(
    text: str, why: str, parcel: Store, lead: Client
) -> None:
    page = find(lead, text)
    assert 'href="/orders/P-1/"' in page
    assert why in page


@pytest.mark.parametrize("text", ["_-1", "%-1", "P_1", "555_010_4477", "'", '"', "\\", "oneill%"])
def test_signs_of_patterns_are_only_signs(text: str, parcel: Store, lead: Client) -> None:
    page = find(lead, text)
    assert "is called that" in page or "are similar" in page or "is similar" in page


def test_similar_words_stay_in_the_store(
    parcel: Store, other_store: Store, person: Callable[..., Client]
) -> None:
    browser = person((other_store, "lead"), name="bo")
    for text in ("garzia", "o'neill", "5550104477", "tee-black-s", "pi_ab12", "P-1-X"):
        assert "is called that" in find(browser, text), text


def test_a_search_that_takes_too_long_says_so(
    parcel: Store, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = similar.Similar([], is_cut=True)
    monkeypatch.setattr(reads, "similar_orders", lambda **_: cut)
    assert "Not all similar names were looked through" in find(lead, "garzia")
    assert find(lead, "p-1") == "/orders/P-1/"


def test_looking_for_similar_names_changes_nothing_of_the_connection(
    parcel: Store, lead: Client, is_postgresql: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_postgresql:
        pytest.skip("only PostgreSQL has such settings")
    monkeypatch.setitem(similar._ALLOWED, "statement_timeout", 1)

    def settings() -> list[str]:
        with connection.cursor() as cursor:
            values = []
            for name in ("statement_timeout", "enable_seqscan", "enable_indexscan"):
                cursor.execute(f"SHOW {name}")
                values.append(cursor.fetchone()[0])
        return values

    before = settings()
    find(lead, "garzia")
    assert settings() == before


def test_a_search_costs_the_same_whatever_there_is(parcel: Store, lead: Client) -> None:
    def count(text: str) -> int:
        lead.get("/search/", {"q": text})
        with CaptureQueriesContext(connection) as queries:
            lead.get("/search/", {"q": text})
        return len(queries)

    take(parcel, identifier="MORE", lines=[builders.line(sku="Tee-Black-S")])
    before = {text: count(text) for text in ("tee-black-s", "tee-bl", "nothing")}
    for number in range(3):
        take(parcel, identifier=f"MORE-{number}", lines=[builders.line(sku="Tee-Black-S")])
    assert {text: count(text) for text in before} == before
    assert before["tee-black-s"] < 45
    assert before["nothing"] <= 60


def test_likeness_knows_no_case_accents_or_order_of_words() -> None:
    assert likeness("garcia JOSE", "José García") == 1
    assert likeness("jose", "José García") == 1
    assert likeness("smiht", "Ann Smith") == 0.5
    assert likeness("bob", "Ann Smith") == 0
    assert likeness("", "Ann") == likeness("Ann", "") == 0


def test_recent_searches_are_ones_own_newest_first_and_ten(
    goods: Store, other_store: Store, person: Callable[..., Client], lead: Client
) -> None:
    for number in range(12):
        find(lead, f"nothing {number}")
    find(lead, "nothing 5")
    find(lead, "a\x00b")
    kept = list(RecentSearch.objects.values_list("text", flat=True))
    assert kept == ["nothing 5", *(f"nothing {n}" for n in (11, 10, 9, 8, 7, 6, 4, 3, 2))]
    part = lead.get("/search/recent/", headers={"HX-Request": "true"}).content.decode()
    assert part.index("nothing 5") < part.index("nothing 11")
    assert "<html" not in part
    bo = person((goods, "lead"), (other_store, "lead"), name="bo")
    assert "nothing 5" not in bo.get("/search/").content.decode()
    bo.get("/search/", {"q": "mine of store one"})
    bo.post("/store/", {"store": str(other_store.pk)})
    assert "mine of store one" not in bo.get("/search/").content.decode()
    assert lead.post("/search/forget/")["Location"] == "/search/"
    assert [row.text for row in RecentSearch.objects.all()] == ["mine of store one"]


def test_no_log_tells_what_was_searched(
    goods: Store, lead: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="apps")
    caplog.set_level("DEBUG", logger="django.request")
    find(lead, "Secret Person")
    find(lead, "a-100")
    assert "Secret" not in caplog.text
    assert "a-100" not in caplog.text

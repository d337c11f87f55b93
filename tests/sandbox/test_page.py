"""The page: it shows what there is, escapes all of it, and fetches nothing from elsewhere."""

import re

import pytest

from tests.sandbox.helpers import eventually, order, refund, wrapped

EVIL = '<script>alert("x")</script>&\'"'


def test_an_empty_page_says_that_there_is_nothing(caller):
    answer = caller.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert re.search(
        r'Violations <span class="count">0</span></h2>\s*<p class="none">none', answer.text
    )
    assert "No orders yet" in answer.text


def test_the_page_is_self_contained(caller):
    text = caller.client.get("/").text
    assert "<script" not in text
    assert " style=" not in text
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["/style.css", "/state"]
    assert '<meta http-equiv="refresh"' in text
    policy = caller.client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    style = caller.client.get("/style.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in style.text
    assert "url(" not in style.text


@pytest.fixture
def evil_page(caller, optoro):
    """A page on which everything that came from outside tries to be HTML."""
    item = order()["items"][0] | {"identifier": EVIL, "title": EVIL, "sku": EVIL}
    document = order(EVIL, items=[item], refunds=[refund(EVIL, quantity=1, line=EVIL)])
    assert optoro.receive_orders(wrapped(document)) == []
    older = document | {"updated_at": "2023-01-01T00:00:00Z"}
    assert optoro.receive_orders(wrapped(older)) == []
    optoro.start_return(EVIL, {EVIL: 1}, return_reason=EVIL)
    optoro.send_webhook(b"x", what=EVIL)
    optoro.faults.change({"duplicates": 0.25})
    optoro.play_report = {
        "orders_made": EVIL,
        "orders_posted": 0,
        "orders_wanted": 0,
        "stories_open": 0,
        "stories_over": 0,
        "trouble": EVIL,
    }
    for message in optoro.pending_webhooks():
        optoro.deliver(message)
    caller.client.get("/<script>alert(1)</script>")
    return caller.client.get("/").text


def test_everything_is_escaped(evil_page):
    assert "<script" not in evil_page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#x27;&quot;" in evil_page


def test_the_page_shows_what_happened(evil_page):
    assert "older_snapshot" in evil_page
    assert 'class="alarm"' in evil_page
    assert "1 × no label yet" in evil_page
    assert "130.56" in evil_page
    assert "duplicates" in evil_page
    assert "ConnectError" in evil_page


def test_tags_are_balanced(evil_page):
    for tag in ("section", "table", "tr", "td", "th", "span", "dl", "div", "p", "time"):
        opened = len(re.findall(rf"<{tag}[ >]", evil_page))
        assert opened == evil_page.count(f"</{tag}>"), tag


def test_looking_at_the_page_is_not_logged(caller, optoro):
    caller.client.get("/")
    caller.client.get("/state")
    assert len(optoro.books.requests) == 0
    caller.client.get("/nowhere")
    eventually(lambda: len(optoro.books.requests) == 1)


def test_what_the_shop_asked_for_is_shown_with_its_story(caller, optoro):
    story = {
        "plot": "goodwill",
        "order_identifier": "ORD1",
        "exchange_order_identifier": None,
        "rmas": [],
        "statuses": [],
        "should_end": "REFUNDED",
        "is_over": True,
        "is_as_it_should": True,
        "asked": [
            {"what": "ask_cancellation", "identifier": EVIL, "status": "taken"},
            {"what": "goodwill", "identifier": "RF1", "status": "approved"},
        ],
        "note": "",
    }
    optoro.play_report = {
        "orders_made": 1,
        "orders_posted": 1,
        "orders_wanted": 1,
        "stories_open": 0,
        "stories_over": 1,
        "trouble": "",
        "stories": [story],
    }
    text = caller.client.get("/").text
    assert "<script" not in text
    assert "ask cancellation &lt;script&gt;" in text
    assert ": taken; goodwill RF1: approved</td>" in text

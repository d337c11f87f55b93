"""The shop as the retailer's own system: what it asks, and what it makes of the answers."""

import json
import random

import pytest

from apps.sandbox.desk_calls import DeskFailed, NotKnownYet
from apps.sandbox.plots import (
    ASK_CANCELLATION,
    GATEWAY_PLOTS,
    GOODWILL,
    GOODWILL_AGAIN,
    GOODWILL_OTHER,
    PLOTS,
    REFUND_EVERYTHING,
    REFUND_ONE,
    RETAILER_PLOTS,
    Deck,
    Plot,
    on_all,
)
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.retailer import MOST_UNKNOWN, Retailer
from apps.sandbox.server import simulated_optoro
from apps.sandbox.shop import ShopOrder
from apps.sandbox.storefront import Storefront
from apps.sandbox.story import Story
from tests.sandbox.helpers import ITEM, order
from tests.sandbox.small_desk import SmallDesk
from tests.sandbox.test_player import play

UNSHIPPED = ITEM | {"identifier": "3", "quantity_shipped": 0}
SECOND = ITEM | {"identifier": "2", "quantity": 3, "quantity_shipped": 2}
GOODWILL_BODY = {
    "order_identifier": "ORD1",
    "goodwill_amount_cents": 500,
    "reason": "delivered late",
}


class Script:
    """Answers each request with the next status and body; the last one comes again."""

    def __init__(self, desk):
        self.answers = []
        desk.on_request = self.take

    def take(self, delivery):
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        delivery.answer = body if isinstance(body, bytes) else json.dumps(body).encode()
        return status


@pytest.fixture
def script(desk):
    return Script(desk)


@pytest.fixture
def optoro(desk):
    with simulated_optoro(desk_url=desk.url, workers=0, seed=1) as running:
        yield running


@pytest.fixture
def retailer(optoro):
    storefront = Storefront(optoro.options, "shop-key")
    yield Retailer(optoro.books, storefront)
    storefront.close()


@pytest.fixture
def story():
    made = ShopOrder("ORD1", [order(items=[ITEM, SECOND, UNSHIPPED])])
    plot = Plot("goodwill", steps=on_all(GOODWILL))
    return Story(plot, made, post_at=0.0, steps=plot.steps, rmas=["R/1"])


def answer(**changes):
    return {"identifier": "RF1", "status": "approved", "total_refund_amount_cents": 500} | changes


def violations(optoro):
    return [(one.kind, one.subject) for one in optoro.books.violations]


def asked_of(desk):
    return [
        (one.path, one.headers.get("idempotency-key"), json.loads(one.body)) for one in desk.got
    ]


def test_goodwill_is_asked_for_with_a_key(desk, script, retailer, optoro, story):
    script.answers = [(201, answer())]
    retailer.do(story, GOODWILL)
    assert asked_of(desk) == [("/api/v1/refunds", "ORD1-goodwill", GOODWILL_BODY)]
    assert desk.got[0].headers["authorization"] == "Api-Key shop-key"
    assert story.asked == [{"what": "goodwill", "identifier": "RF1", "status": "approved"}]
    (question,) = optoro.state()["questions"]
    assert (question["path"], question["of"], question["status"]) == (
        "/api/v1/refunds",
        "ORD1",
        201,
    )


@pytest.mark.parametrize(
    ("event", "lines", "reason"),
    [
        (REFUND_ONE, [("1", 1)], "lost in the post"),
        (
            REFUND_EVERYTHING,
            [("1", 4), ("2", 2)],
            "the whole delivery was lost in the post",
        ),
    ],
)
def test_units_that_are_in_no_return(desk, script, retailer, story, event, lines, reason):
    script.answers = [(201, answer(status="proposed"))]
    retailer.do(story, event)
    body = {
        "order_identifier": "ORD1",
        "lines": [{"order_item_identifier": line, "quantity": count} for line, count in lines],
        "reason": reason,
    }
    assert asked_of(desk) == [("/api/v1/refunds", f"ORD1-{event}", body)]
    assert story.asked == [{"what": event, "identifier": "RF1", "status": "proposed"}]


def test_the_same_request_again_gets_the_same_answer(desk, script, retailer, optoro, story):
    script.answers = [(201, answer()), (200, answer())]
    retailer.do(story, GOODWILL)
    retailer.do(story, GOODWILL_AGAIN)
    first, second = asked_of(desk)
    assert first == second
    assert len(story.asked) == 1
    assert violations(optoro) == []


@pytest.mark.parametrize(
    "second", [(201, answer(identifier="RF2")), (200, answer(status="paid")), (201, answer())]
)
def test_another_answer_to_the_same_request_is_a_violation(script, retailer, optoro, story, second):
    script.answers = [(201, answer()), second]
    retailer.do(story, GOODWILL)
    retailer.do(story, GOODWILL_AGAIN)
    assert violations(optoro) == [("refund_answer_differs", "ORD1")]


@pytest.mark.parametrize(
    ("status", "found"),
    [(409, []), (200, [("key_reused", "ORD1")]), (201, [("key_reused", "ORD1")])],
)
def test_a_key_is_for_one_refund_only(desk, script, retailer, optoro, story, status, found):
    script.answers = [(201, answer()), (status, answer())]
    retailer.do(story, GOODWILL)
    retailer.do(story, GOODWILL_OTHER)
    (_, key, first), (_, other_key, other) = asked_of(desk)
    assert key == other_key
    assert (first["goodwill_amount_cents"], other["goodwill_amount_cents"]) == (500, 700)
    assert violations(optoro) == found


def test_an_answer_that_was_lost_comes_with_the_next_try(desk, script, retailer, optoro, story):
    script.answers = [(503, b""), (200, answer())]
    with pytest.raises(DeskFailed):
        retailer.do(story, GOODWILL)
    retailer.do(story, GOODWILL)
    first, second = asked_of(desk)
    assert first == second
    assert [one["status"] for one in story.asked] == ["approved"]
    assert violations(optoro) == []


@pytest.mark.parametrize(
    "body",
    [b"no", b"[]", answer(identifier=""), answer(status=None), answer(total_refund_amount_cents=1)],
)
def test_an_answer_of_no_use_is_a_violation(script, retailer, optoro, story, body):
    script.answers = [(201, body)]
    with pytest.raises(ReturnRefused):
        retailer.do(story, GOODWILL)
    assert violations(optoro) == [("refund_answer_wrong", "ORD1")]
    assert story.was_refused


def test_a_refund_that_the_desk_refuses(script, retailer, optoro, story):
    script.answers = [(422, {"message": "only $1.00 is left"})]
    with pytest.raises(ReturnRefused, match=r"422 .*only \$1.00 is left"):
        retailer.do(story, GOODWILL)
    story.is_over = True
    assert story.as_json(optoro.books)["is_as_it_should"] is False
    assert violations(optoro) == []


def test_a_cancellation_is_asked_for(desk, script, retailer, story):
    script.answers = [(202, {})]
    retailer.do(story, ASK_CANCELLATION)
    assert asked_of(desk) == [
        ("/api/v1/rmas/R%2F1/cancel", None, {"reason": "the shopper keeps it"})
    ]
    assert story.asked == [{"what": "ask_cancellation", "identifier": "R/1", "status": "taken"}]


def test_a_cancellation_that_comes_too_late(script, retailer, story):
    script.answers = [(409, {"message": "refund RF1 is paid"})]
    with pytest.raises(ReturnRefused, match=r"409 .*refund RF1 is paid"):
        retailer.do(story, ASK_CANCELLATION)
    assert story.was_refused


def test_a_return_that_the_desk_has_not_heard_of_yet(script, retailer, story):
    script.answers = [(404, {}), (404, {}), (202, {})]
    for _ in range(2):
        with pytest.raises(NotKnownYet):
            retailer.do(story, ASK_CANCELLATION)
    retailer.do(story, ASK_CANCELLATION)
    assert not story.was_refused


def test_a_desk_that_never_hears_of_it_is_not_asked_for_ever(script, retailer, story):
    script.answers = [(404, {})]
    for _ in range(MOST_UNKNOWN):
        with pytest.raises(DeskFailed):
            retailer.do(story, ASK_CANCELLATION)
    with pytest.raises(ReturnRefused, match="404"):
        retailer.do(story, ASK_CANCELLATION)


def test_a_desk_that_cannot_be_reached(story):
    with simulated_optoro(desk_url="http://127.0.0.1:9", workers=0) as optoro:
        retailer = Retailer(optoro.books, Storefront(optoro.options, "shop-key"))
        with pytest.raises(DeskFailed, match="ConnectError"):
            retailer.do(story, GOODWILL)


def test_a_desk_that_needs_a_moment_is_no_trouble(desk, monkeypatch):
    monkeypatch.setattr("apps.sandbox.player.TICK_SECONDS", 0.002)
    monkeypatch.setattr("apps.sandbox.player._growing", lambda failures: 0.01)
    plot = next(one for one in RETAILER_PLOTS if one.ends == "CANCELED")
    monkeypatch.setattr("apps.sandbox.plots.PLOTS", (plot,))
    small_desk, seen = SmallDesk(desk), []
    original = small_desk.take_cancellation

    def take_cancellation(delivery, body):
        seen.append(delivery.path)
        return 404 if len(seen) < 3 else original(delivery, body)

    small_desk.take_cancellation = take_cancellation
    with simulated_optoro(desk_url=desk.url, seed=1) as optoro:
        small_desk.connect(optoro)
        player = play(optoro, 1)
    (story,) = player.report()["stories"]
    assert len(seen) == 3
    assert (story["statuses"], story["is_as_it_should"]) == (["CANCELED"], True)
    assert player.report()["trouble"] == ""


def test_those_stories_come_soon():
    deck = Deck(random.Random(2))
    soon = {plot.name for plot in (*GATEWAY_PLOTS, *RETAILER_PLOTS)}
    count = len(soon) + sum(plot.is_early for plot in PLOTS)
    assert len(soon) == 10
    assert count < 40
    assert soon < {deck.deal().name for _ in range(count)}


def test_what_the_shop_asks_for_in_a_play(desk, monkeypatch):
    monkeypatch.setattr("apps.sandbox.player.TICK_SECONDS", 0.002)
    small_desk = SmallDesk(desk)
    with simulated_optoro(desk_url=desk.url, seed=11) as optoro:
        small_desk.connect(optoro)
        player = play(optoro, len(PLOTS))
        state = optoro.state()
    stories = {story["plot"]: story for story in player.report()["stories"]}
    asked = {
        name: [(one["what"], one["status"]) for one in story["asked"]]
        for name, story in stories.items()
        if story["asked"]
    }
    assert asked == {
        "goodwill, asked for twice alike and once otherwise": [("goodwill", "approved")],
        "goodwill beside a return": [("goodwill", "approved")],
        "one unit lost in the post, another returned": [("refund_one", "approved")],
        "all lost in the post, above the limit of machines": [("refund_everything", "proposed")],
        "cancellation asked for and confirmed": [("ask_cancellation", "taken")],
        "cancellation asked for and never confirmed": [("ask_cancellation", "taken")],
    }
    assert [body.get("goodwill_amount_cents") for body in small_desk.refund_requests].count(
        500
    ) == 3
    refunds = {name: state["orders"][story["order_identifier"]]["refunds"]
               for name, story in stories.items()}  # fmt: skip
    (goodwill,) = refunds["goodwill, asked for twice alike and once otherwise"]
    assert (goodwill["tags"], goodwill["refund_line_items"]) == (["ignore_refund"], [])
    assert refunds["all lost in the post, above the limit of machines"] == []
    assert refunds["the gateway declines the refund"] == []
    assert len(refunds["one unit lost in the post, another returned"]) == 2
    for name in ("confirmed", "never confirmed"):
        story = stories[f"cancellation asked for and {name}"]
        assert refunds[story["plot"]] == []
        assert small_desk.cancellations.count(story["rmas"][0]) == 1
    assert stories["cancellation asked for and confirmed"]["statuses"] == ["CANCELED"]
    assert stories["cancellation asked for and never confirmed"]["statuses"] == ["CREATED"]
    assert state["violations"] == []

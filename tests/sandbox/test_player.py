"""The player against a small desk that pays at the usual moment, and against one that fails."""

import json
import random

import pytest

from apps.sandbox.catalogue import BY_API, PRODUCTS
from apps.sandbox.player import Player
from apps.sandbox.plots import PLOTS, Deck
from apps.sandbox.returns import RETURN_METHODS
from apps.sandbox.server import simulated_optoro
from apps.sandbox.state import REFUND_TYPES
from tests.sandbox.helpers import eventually
from tests.sandbox.small_desk import SmallDesk


@pytest.fixture
def small_desk(desk, monkeypatch):
    monkeypatch.setattr("apps.sandbox.player.TICK_SECONDS", 0.002)
    return SmallDesk(desk)


def play(optoro, orders):
    player = Player(optoro, "shop-key", pace=0, orders=orders)
    player.start()
    eventually(lambda: player.is_done, 15)
    assert optoro.wait_until_idle(5, quiet=0.1)
    return player


def test_every_story_is_played_to_its_end(desk, small_desk):
    with simulated_optoro(desk_url=desk.url, seed=11) as optoro:
        small_desk.connect(optoro)
        player = play(optoro, len(PLOTS))
        state = optoro.state()
        assert player.report()["orders_posted"] == len(PLOTS)
        assert player.report()["trouble"] == ""
    assert state["violations"] == []
    assert state["counters"].get("lost", 0) == 0
    assert set(state["orders"]) == set(small_desk.orders)
    stories = player.report()["stories"]
    assert {story["plot"] for story in stories} == {plot.name for plot in PLOTS}
    assert [story for story in stories if not story["is_as_it_should"]] == []
    (without,) = (story for story in stories if story["note"])
    assert without["plot"] == "no exchange on offer, so refunded"
    assert "no exchange is on offer" in without["note"]


def test_every_kind_of_return_is_among_them(desk, small_desk):
    with simulated_optoro(desk_url=desk.url, seed=11) as optoro:
        small_desk.connect(optoro)
        play(optoro, len(PLOTS))
        state = optoro.state()
    rmas, sent = state["rmas"], small_desk.rmas
    units = [unit for rma in rmas for unit in rma["items"]]
    assert {rma["return_method"] for rma in rmas} == set(RETURN_METHODS)
    assert {rma["status"] for rma in rmas} == {"CREATED", "REFUNDED", "PARTIAL_REFUND", "CANCELED"}
    named = [(rma["version"], unit["refund_type"]) for rma in rmas for unit in rma["items"]]
    assert {kind for version, kind in named if version > 3} == set(REFUND_TYPES)
    older = {kind for version, kind in named if version == 3}
    assert older == {"REFUND", "EVEN_EXCHANGE", "UNEVEN_EXCHANGE", "UNEVEN_GC"}
    assert {rma["version"] for rma in rmas} == {3, 4, 5}
    assert {"FAILURE", "RETURNED", "NOT_DROPPED_OFF", "DELIVERED"} <= {
        unit["package_tracking_status"] for unit in units
    }
    assert {"RECEIVED", "NOT_RECEIVED"} <= {unit["receiving_status"] for unit in units}
    assert {"A", "C", "X"} <= {unit.get("warehouse_receipt_condition") for unit in units}
    assert any(unit["original_order_identifier"] for unit in units)
    figures = [unit["refund_financials"] for unit in units]
    assert any(one["shopper_refund_amount_cents"] and one["optoro_refund_amount_cents"]
               for one in figures)  # fmt: skip
    assert any(isinstance(message["items"], dict) for message in sent)
    assert any(message["status"] == "PENDING_EXCHANGE" for message in sent)
    assert any(message.get("bonus_credit_amount_cents") for message in sent)
    assert {type(message.get("warehouse_id")) for message in sent} == {str, int, type(None)}
    assert len({message["concept"] for message in sent}) == 3
    assert any(request["is_gift"] for request in small_desk.exchange_requests)
    assert any("zip_code" in request["shipping_address"]
               for request in small_desk.exchange_requests)  # fmt: skip


def test_the_first_dozen_shows_most_kinds():
    deck = Deck(random.Random(2))
    first = [deck.deal() for _ in range(12)]
    assert all(plot.is_early for plot in first)
    assert len({plot.kind for plot in first}) == 4


def test_the_shop_tells_its_variants_before_what_needs_them(desk, small_desk):
    with simulated_optoro(desk_url=desk.url, seed=1) as optoro:
        small_desk.connect(optoro)
        play(optoro, 3)
        player_products = {product.variant_identifier for product in PRODUCTS
                           if product.variants_are_told == BY_API}  # fmt: skip
    assert set(small_desk.variants) <= {product.variant_identifier for product in PRODUCTS}
    first_order = next(n for n, got in enumerate(desk.got) if got.path == "/api/v1/orders")
    order = json.loads(desk.got[first_order].body)["returns_portal_order"]["orders"][0]
    told = {got.path.rsplit("/", 1)[1] for got in desk.got[:first_order] if got.method == "PUT"}
    named = {item["variant_identifier"] for item in order["items"]}
    assert named & player_products <= told


def test_a_return_may_come_before_its_order(desk, small_desk):
    seen = []
    with simulated_optoro(desk_url=desk.url, seed=11) as optoro:
        small_desk.connect(optoro)
        original = small_desk.take

        def take(delivery):
            if delivery.path == "/optoro/rmas":
                items = json.loads(delivery.body)["items"]
                unit = items[0] if isinstance(items, list) else items
                seen.append(unit["order_identifier"] not in small_desk.orders)
            return original(delivery)

        desk.on_request = take
        player = Player(optoro, "shop-key", pace=0.02, orders=len(PLOTS))
        player.start()
        eventually(lambda: player.is_done, 15)
        assert optoro.wait_until_idle(5, quiet=0.1)
    assert any(seen)


def test_a_desk_that_fails_now_and_then_loses_nothing(desk, small_desk, monkeypatch):
    monkeypatch.setattr("apps.sandbox.player._growing", lambda failures: 0.01)
    dice, original = random.Random(3), small_desk.take

    def take(delivery):
        if dice.random() < 0.3:
            is_order = delivery.path == "/api/v1/orders"
            return dice.choice((500, 503, 422 if is_order else 502))
        return original(delivery)

    desk.on_request = take
    options = {"retry_base": 0.01, "retry_cap": 0.05, "seed": 12}
    with simulated_optoro(desk_url=desk.url, **options) as optoro:
        small_desk.connect(optoro)
        optoro.faults.change({"duplicates": 0.3, "reorder": 0.3, "hold_seconds": 0.1})
        player = play(optoro, 20)
        state = optoro.state()
    exchanged = {name for name in state["orders"] if name.endswith("-X")}
    assert set(small_desk.orders) == set(state["orders"])
    assert len(small_desk.orders) == 20 + len(exchanged)
    assert len(exchanged) > 3
    assert state["violations"] == []
    stories = player.report()["stories"]
    assert [story for story in stories if not story["is_as_it_should"]] == []
    assert state["counters"].get("lost", 0) == 0
    got = {rma["rma_identifier"]: {} for rma in small_desk.rmas}
    assert got.keys() == {rma["rma_identifier"] for rma in state["rmas"]}


def test_the_shop_tells_what_is_wrong(desk):
    desk.script = [422]
    with simulated_optoro(desk_url=desk.url, seed=1) as optoro:
        player = Player(optoro, "shop-key", pace=0, orders=1)
        eventually(lambda: player.tick() or not desk.script)
        assert "the desk answered 422" in player.report()["trouble"]
        assert "the desk answered 422" in optoro.state()["play"]["trouble"]
        eventually(lambda: player.tick() or player.report()["orders_posted"] == 1)
        assert player.report()["trouble"] == ""


def test_no_end_goes_on(desk, small_desk):
    with simulated_optoro(desk_url=desk.url, seed=1) as optoro:
        small_desk.connect(optoro)
        player = Player(optoro, "shop-key", pace=0, orders=0)
        for _ in range(45):
            player.tick()
        assert player.report()["orders_made"] == 45
        assert not player.is_done


def test_two_runs_with_one_seed_do_not_share_identifiers(desk):
    names = []
    for _ in range(2):
        desk.got.clear()
        with simulated_optoro(desk_url=desk.url, seed=1) as optoro:
            player = Player(optoro, "shop-key", pace=0, orders=3)
            eventually(lambda player=player: player.tick() or len(desk.got) >= 3)
            bodies = [json.loads(d.body) for d in desk.got if d.path == "/api/v1/orders"]
        orders = [body["returns_portal_order"]["orders"][0] for body in bodies]
        names.append({order["identifier"] for order in orders})
    assert not names[0] & names[1]

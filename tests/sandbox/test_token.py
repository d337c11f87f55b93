"""Tokens: given out, refused, expired."""

import time

import pytest

from apps.sandbox.faults import Faults
from apps.sandbox.server import simulated_optoro
from apps.sandbox.tokens import Tokens, WrongClient
from tests.sandbox.helpers import Caller, order, wrapped

REQUEST = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "mine"}


def test_the_answer_is_that_of_the_contract(caller):
    answer = caller.mint().json()
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 90_000
    assert answer["scope"] == "read write"
    assert abs(answer["created_at"] - time.time()) < 5
    assert caller.optoro.tokens.minted == 1


def test_a_form_is_accepted_too(caller, optoro):
    fields = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    answer = caller.client.post("/oauth/token", data=fields)
    assert answer.status_code == 200
    assert answer.json()["access_token"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "other"}, "invalid_client"),
        ({"client_secret": "other"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_client_is_refused(caller, changes, error):
    answer = caller.mint(**changes)
    assert answer.status_code == 401
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]
    assert caller.optoro.tokens.minted == 0


def test_malformed_json_is_400(caller):
    assert caller.client.post("/oauth/token", content=b"{").status_code == 400


@pytest.mark.parametrize("header", ["", "bearer nonsense", "Basic abc"])
def test_calls_without_a_good_token_are_401(caller, header):
    answer = caller.send(wrapped(order()), headers={"Authorization": header})
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "error_description"}
    assert caller.optoro.books.orders == {}


@pytest.mark.parametrize("scheme", ["bearer", "Bearer"])
def test_the_scheme_may_be_in_any_case(caller, scheme):
    caller.mint()
    headers = {"Authorization": f"{scheme} {caller.token}"}
    assert caller.send(wrapped(order()), headers=headers).status_code == 202


def test_tokens_expire():
    moment = 1000.0
    tokens = Tokens("me", "mine", Faults(), 60, clock=lambda: moment)
    header = f"Bearer {tokens.mint(REQUEST)['access_token']}"
    assert tokens.is_good(header)
    moment = 1059.9
    assert tokens.is_good(header)
    moment = 1060.0
    assert not tokens.is_good(header)
    assert tokens.alive == 0


def test_a_wrong_client_counts_as_refused():
    tokens = Tokens("me", "mine", Faults())
    with pytest.raises(WrongClient):
        tokens.mint(REQUEST | {"client_id": "you"})
    assert (tokens.minted, tokens.refused) == (0, 1)


def test_a_short_lifetime_makes_a_call_401_until_a_new_token_is_minted():
    with simulated_optoro(workers=0, token_lifetime=0.05) as optoro:
        caller = Caller(optoro)
        caller.mint()
        time.sleep(0.06)
        assert caller.send_orders(order()).status_code == 401
        optoro.faults.change({"token_lifetime": 600})
        caller.mint()
        assert caller.send_orders(order()).status_code == 202
        assert optoro.tokens.minted == 2


def test_all_tokens_can_be_killed(caller):
    caller.mint()
    caller.optoro.tokens.kill_all()
    assert caller.send_orders(order()).status_code == 401

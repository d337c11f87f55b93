"""Each answer carries an id that a person can quote."""

import re

import pytest


@pytest.mark.parametrize("given", ["abc-1", "A.b_c", "x" * 64])
def test_a_usable_id_of_the_caller_is_taken_over(client, given):
    assert client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<script>", "é", "a\n"])
def test_anything_else_is_replaced(client, given):
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert answer.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{16}", answer["X-Request-ID"])


def test_every_request_gets_its_own(client):
    assert client.get("/healthz")["X-Request-ID"] != client.get("/healthz")["X-Request-ID"]


def test_errors_carry_it_too(client):
    answer = client.get("/no-such-page", headers={"X-Request-ID": "abc-2"})
    assert answer.status_code == 404
    assert answer["X-Request-ID"] == "abc-2"

"""Calls to the outside: never inside a transaction, never redirected, made in one module only."""

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from apps.common.http import MockTransport, OpenTransaction, Response, make_client

APPS = Path(settings.BASE_DIR) / "apps"


def client_of(seen):
    def answer(request):
        seen.append(request.url.path)
        return Response(302, headers={"Location": "http://elsewhere.test/other"})

    return make_client(base_url="http://optoro.test", transport=MockTransport(answer))


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_refused_and_never_sent():
    seen = []
    with client_of(seen) as client:
        assert client.get("/free").status_code == 302
        with (
            transaction.atomic(),
            pytest.raises(OpenTransaction, match=r"GET optoro\.test inside an open transaction"),
        ):
            client.get("/held")
        client.get("/free-again")
    assert seen == ["/free", "/free-again"]


@pytest.mark.django_db
def test_the_transaction_around_a_test_does_not_count_but_one_inside_it_does():
    seen = []
    with client_of(seen) as client:
        client.get("/free")
        with transaction.atomic(), pytest.raises(OpenTransaction):
            client.get("/held")
    assert seen == ["/free"]


def test_redirects_are_not_followed():
    seen = []
    with client_of(seen) as client:
        assert client.get("/here").status_code == 302
    assert seen == ["/here"]


def test_proxies_in_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    with make_client(base_url="http://optoro.test") as client:
        assert client.trust_env is False
        assert not client._mounts


def test_httpx_is_imported_in_one_module_only():
    importers = set()
    for path in APPS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.split(".")[0] in ("httpx", "requests", "urllib3") for name in names):
                importers.add(path.relative_to(APPS).as_posix())
    assert importers == {"common/http.py"}

"""Every address of the whole project has an owner: who may go there, and what others get."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import Role
from apps.stores.queries import default_store
from tests.support.people import person, sign_in

pytestmark = pytest.mark.django_db

OPTORO = {
    "optoro-rmas": "post",
    "optoro-exchange-orders": "post",
    "optoro-orders": "post",
    "optoro-variants": "get",
    "optoro-exchange-variants": "get",
}
KEY = {
    "api-orders",
    "api-order",
    "api-rmas",
    "api-rma",
    "api-rma-cancel",
    "api-exchange-orders",
    "api-exchange-order",
    "api-refunds",
    "api-refund",
    "api-transactions",
    "api-transaction",
    "api-deliveries",
    "api-delivery-replay",
    "api-variants",
}
EVERYBODY = {"api-schema", "api-docs", "healthz", "readyz", "metrics"}
# Their own tables: the desk's in tests/desk/test_permissions.py, the configuration's below.
NAMESPACES = {"desk", "admin"}
# For who has no session yet, or wants none any more.
OPEN_IN_THE_CONFIGURATION = {"login"}


def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    """Yields the name of every address; one that has none by its pattern, so that it is missed."""
    for entry in patterns:
        if isinstance(entry, URLPattern):
            yield entry.name or str(entry.pattern)
        elif entry.namespace:
            yield entry.namespace
        else:
            yield from walk(entry.url_patterns)


def address(name: str) -> str:
    """The address of a name, with something for each of its arguments."""
    for arguments in ([], ["1"]):
        try:
            return reverse(name, args=arguments)
        except Exception:
            continue
    raise AssertionError(name)


def test_every_address_has_an_owner() -> None:
    names = set(walk(get_resolver().url_patterns))
    assert names == set(OPTORO) | KEY | EVERYBODY | NAMESPACES


@pytest.mark.parametrize(("name", "method"), OPTORO.items())
def test_optoro_needs_its_credentials(name: str, method: str) -> None:
    default_store()
    assert getattr(Client(), method)(address(name)).status_code == 401


@pytest.mark.parametrize("name", sorted(KEY))
def test_machines_need_a_key(name: str) -> None:
    browser = Client()
    sign_in(browser, person(role=Role.ADMINISTRATOR))
    assert browser.get(address(name)).status_code == 401


@pytest.mark.parametrize("name", sorted(EVERYBODY))
def test_everybody_may(name: str) -> None:
    assert Client().get(address(name)).status_code == 200


def configuration() -> Iterator[str]:
    """Yields an address for every page of the configuration that can be asked for."""
    resolvers = [e for e in get_resolver().url_patterns if isinstance(e, URLResolver)]
    admin = next(e for e in resolvers if e.namespace == "admin")

    def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from names(entry.url_patterns)
            elif entry.name:
                yield entry.name

    for name in sorted(set(names(admin.url_patterns)) - OPEN_IN_THE_CONFIGURATION):
        if name == "view_on_site":
            yield reverse("admin:view_on_site", args=[1, 1])
        elif name == "app_list":
            yield reverse("admin:app_list", args=["accounts"])
        else:
            yield address(f"admin:{name}")


def test_the_configuration_is_for_staff() -> None:
    stranger, administrator = Client(), Client()
    sign_in(administrator, person(role=Role.ADMINISTRATOR))
    addresses = list(configuration())
    assert len(addresses) > 60
    for url in addresses:
        answer = stranger.get(url, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/login/?next="), url
        if url == reverse("admin:logout"):
            continue
        assert administrator.get(url, follow=True).status_code in (403, 404), url


def test_the_configuration_has_no_sign_in_of_its_own() -> None:
    user = person()
    user.is_staff = True
    user.set_password("correct horse battery")
    user.save()
    browser = Client()
    said = {"username": user.username, "password": "correct horse battery"}
    answer = browser.post("/admin/login/?next=/admin/", said)
    assert answer["Location"] == "/login/?next=%2Fadmin%2F"
    assert browser.get("/admin/")["Location"].startswith("/admin/login/")

"""Saved views: a person's own and shared ones, and nobody else's."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.desk.models import SavedView
from apps.stores.models import Store

pytestmark = pytest.mark.django_db


def tabs(browser: Client, url: str = "/refunds/") -> list[tuple[str, str, bool]]:
    """The views above a list: name, address, whether it is the one looked at."""
    page = browser.get(url).content.decode()
    if 'aria-label="Views"' not in page:
        return []
    part = page.split('aria-label="Views"')[1].split("</nav>")[0]
    found = re.findall(r'<a href="([^"]+)"([^>]*)>([^<]+)', part)
    return [(name.strip(), unescape(url), "aria-current" in rest) for url, rest, name in found]


def save(browser: Client, name: str, query: str, **data: str) -> str:
    """Saves a view and returns what the page says."""
    answer = browser.post("/lists/refunds/views/", {"name": name, "query": query, **data})
    page = browser.get(answer["Location"]).content.decode()
    told = page.split('<div class="flash"')[1].split("</div>")[0]
    return " ".join(re.findall(r'<p class="note [^"]*">([^<]*)', told))


def test_a_view_keeps_filters_sorting_and_columns(store: Store, lead: Client) -> None:
    query = "status=paid&status=unknown&sort=paid&columns=order,total&page=3&nonsense=1"
    assert save(lead, " Paid  first ", query) == "Saved: Paid first."
    view = SavedView.objects.get()
    kept = "status=paid&status=unknown&sort=paid&columns=identifier%2Corder%2Ctotal"
    assert (view.name, view.query, view.list_name) == ("Paid first", kept, "refunds")
    url = f"/refunds/?{kept}"
    assert tabs(lead, url) == [("All", "/refunds/", False), ("Paid first", url, True)]
    assert tabs(lead)[0] == ("All", "/refunds/", True)
    assert tabs(lead, "/orders/") == []


def test_what_cannot_be_saved_says_why(store: Store, lead: Client) -> None:
    assert "plain list" in save(lead, "Nothing", "page=2")
    assert "write what the view is called" in unescape(save(lead, " ", "status=paid"))
    assert "81 characters, 80 are the most" in save(lead, "x" * 81, "status=paid")
    assert save(lead, "Paid", "status=paid") == "Saved: Paid."
    assert "is taken by another view" in save(lead, "Paid", "status=unknown")
    assert SavedView.objects.count() == 1


def test_a_refused_name_stays_with_its_error_beside_it(store: Store, lead: Client) -> None:
    def field(page: str, key: str) -> str:
        return unescape(page.split(f'<p class="field-error" id="view-{key}-error">')[1][:400])

    save(lead, "Paid", "status=paid")
    save(lead, "Open", "status=proposed")
    lead.post("/lists/refunds/views/", {"name": "Paid", "query": "status=unknown"})
    assert "view-name-error" not in lead.get("/orders/").content.decode()
    lead.post("/lists/refunds/views/", {"name": "Paid", "query": "status=unknown"})
    page = lead.get("/refunds/?status=unknown").content.decode()
    shown = field(page, "name")
    assert shown.startswith("Name: “Paid” is taken by another view")
    assert 'value="Paid" aria-invalid="true" aria-describedby="view-name-error"' in shown
    assert "field-error" not in lead.get("/refunds/?status=unknown").content.decode()
    pk = SavedView.objects.get(name="Open").pk
    lead.post(f"/lists/views/{pk}/rename/", {"name": "Paid"})
    shown = field(lead.get("/refunds/").content.decode(), str(pk))
    assert shown.startswith("Name: “Paid” is taken")
    assert 'name="name" value="Paid"' in shown


def test_only_shared_views_are_seen_by_others(
    store: Store, other_store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    save(lead, "Mine", "status=paid")
    assert "for everybody" in save(lead, "Ours", "status=unknown", is_shared="yes")
    agent = person((store, Role.AGENT), name="bo")
    assert [name for name, _, _ in tabs(agent)] == ["All", "Ours"]
    stranger = person((other_store, Role.ADMINISTRATOR), name="cy")
    assert tabs(stranger) == []
    for view in SavedView.objects.all():
        for verb in ("rename", "delete"):
            url = f"/lists/views/{view.pk}/{verb}/"
            assert stranger.post(url, {"name": "x"}).status_code == 404
            if view.name == "Mine":
                assert agent.post(url, {"name": "x"}).status_code == 404
            else:
                agent.post(url, {"name": "x"})
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["Mine", "Ours"]
    assert "needs one of these roles" in save(agent, "No", "status=paid", is_shared="yes")
    assert not SavedView.objects.filter(name="No").exists()


def test_views_are_renamed_and_deleted(
    store: Store, lead: Client, person: Callable[..., Client]
) -> None:
    save(lead, "Ours", "status=unknown", is_shared="yes")
    view = SavedView.objects.get()
    other_lead = person((store, Role.LEAD), name="bo")
    other_lead.post(f"/lists/views/{view.pk}/rename/", {"name": "Everybody's"})
    assert [name for name, _, _ in tabs(lead)] == ["All", "Everybody&#x27;s"]
    lead.post(f"/lists/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()

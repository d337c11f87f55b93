"""Who works in a store: administrators give, change and take roles, and leave a trail."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import caches
from django.test import Client

from apps.accounts.models import AccessChange, Membership, Role, User
from apps.accounts.people import change_role
from apps.common.errors import Refused
from apps.stores.models import Store
from tests.desk.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def colleague(store: Store) -> User:
    """An agent of the store."""
    user = User.objects.create_user("colleague", first_name="Co", last_name="League")
    Membership.objects.create(user=user, store=store, role=Role.AGENT)
    return user


def role_of(user: User, store: Store) -> str | None:
    found = Membership.objects.filter(user=user, store=store).first()
    return found.role if found else None


def trail() -> list[tuple[str, str, str]]:
    rows = AccessChange.objects.order_by("pk")
    return [(row.kind, row.actor.username, row.summary) for row in rows]


def test_the_page_shows_this_stores_people_only(
    admin: Client, colleague: User, store: Store, other_store: Store
) -> None:
    stranger = User.objects.create_user("stranger")
    Membership.objects.create(user=stranger, store=other_store, role=Role.LEAD)
    page = admin.get("/people/").content.decode()
    assert "colleague" in page
    assert "Co League" in page
    assert "stranger" not in page
    assert admin.get(f"/people/{stranger.pk}/take-out/").status_code == 404
    assert admin.post(f"/people/{stranger.pk}/role/", {"role": "agent"}).status_code == 404


@pytest.mark.parametrize("what", ["take-out/", "second-factor/", "role/"])
@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**20])
def test_a_number_that_nobody_has(admin: Client, number: int, what: str) -> None:
    answer = admin.post(f"/people/{number}/{what}", {"role": "agent"})
    assert answer.status_code == 404


def test_how_people_of_other_stores_sign_in_is_not_told(
    admin: Client, colleague: User, store: Store, other_store: Store
) -> None:
    User.objects.filter(pk=colleague.pk).update(last_login=datetime(2026, 2, 3, 9, 5, tzinfo=UTC))
    protect(colleague)
    page = admin.get("/people/").content.decode()
    assert page.count(">On</span>") == 1
    assert "2026-02-03" in page
    assert "works in another store, too" not in page
    Membership.objects.create(user=colleague, store=other_store, role=Role.LEAD)
    page = admin.get("/people/").content.decode()
    assert page.count("works in another store, too") == 1
    assert ">On</span>" not in page
    assert "2026-02-03" not in page


def test_a_role_is_changed_and_the_trail_says_by_whom(
    admin: Client, colleague: User, store: Store
) -> None:
    assert admin.post(f"/people/{colleague.pk}/role/", {"role": "lead"}).status_code == 302
    assert role_of(colleague, store) == Role.LEAD
    assert trail() == [("role_changed", "admin", "colleague: Agent → Lead")]
    assert "colleague: Agent → Lead, by admin" in admin.get("/people/").content.decode()
    admin.post(f"/people/{colleague.pk}/role/", {"role": "owner"})
    assert role_of(colleague, store) == Role.LEAD


def test_a_person_is_added_by_name_and_taken_out(
    admin: Client, store: Store, other_store: Store
) -> None:
    known = User.objects.create_user("Known")
    Membership.objects.create(user=known, store=other_store, role=Role.LEAD)
    assert admin.post("/people/", {"username": " known ", "role": "finance"}).status_code == 302
    assert role_of(known, store) == Role.FINANCE
    again = admin.post("/people/", {"username": "known", "role": "lead"})
    assert again.status_code == 422
    assert "Known is in this store already" in again.content.decode()
    page = admin.get(f"/people/{known.pk}/take-out/").content.decode()
    assert "Take Known out of" in page
    assert role_of(known, store) == Role.FINANCE
    admin.post(f"/people/{known.pk}/take-out/")
    assert role_of(known, store) is None
    assert role_of(known, other_store) == Role.LEAD
    assert [kind for kind, _, _ in trail()] == ["role_given", "role_taken"]


def test_nobody_of_that_name_or_retired(admin: Client) -> None:
    User.objects.create_user("retired", is_active=False)
    for name in ("nobody", "retired"):
        answer = admin.post("/people/", {"username": name, "role": "agent"})
        assert answer.status_code == 422
        assert f"Nobody is called &#x27;{name}&#x27;" in answer.content.decode()
    assert trail() == []


def test_ones_own_role_stays(admin: Client, store: Store) -> None:
    me = User.objects.get(username="admin")
    for url, said in (
        (f"/people/{me.pk}/role/", {"role": "agent"}),
        (f"/people/{me.pk}/take-out/", {}),
    ):
        page = admin.post(url, said, follow=True).content.decode()
        assert "another administrator has to do it" in page
    assert role_of(me, store) == Role.ADMINISTRATOR


def test_a_demoted_administrator_demotes_nobody(admin: Client, store: Store) -> None:
    me = User.objects.get(username="admin")
    other = User.objects.create_user("other")
    Membership.objects.create(user=other, store=store, role=Role.ADMINISTRATOR)
    change_role(store_id=store.pk, actor_id=me.pk, person_id=other.pk, role=Role.LEAD)
    with pytest.raises(Refused, match="no administrator of this store any more"):
        change_role(store_id=store.pk, actor_id=other.pk, person_id=me.pk, role=Role.LEAD)
    assert role_of(me, store) == Role.ADMINISTRATOR


def test_the_last_administrator_who_can_sign_in_stays(store: Store) -> None:
    one, two = (User.objects.create_user(name) for name in ("one", "two"))
    for user in (one, two):
        Membership.objects.create(user=user, store=store, role=Role.ADMINISTRATOR)
    User.objects.filter(pk=one.pk).update(is_active=False)
    with pytest.raises(Refused, match="two is the last administrator"):
        change_role(store_id=store.pk, actor_id=one.pk, person_id=two.pk, role=Role.LEAD)


def protect(user: User) -> None:
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)


def test_a_lost_second_factor_is_taken_away(admin: Client, colleague: User) -> None:
    protect(colleague)
    assert "Lost factor" in admin.get("/people/").content.decode()
    admin.post(f"/people/{colleague.pk}/second-factor/")
    assert not Authenticator.objects.filter(user=colleague).exists()
    assert trail() == [
        ("factors_taken", "admin", "Second factor of colleague taken away (1)"),
    ]


@pytest.mark.parametrize("reach", ["elsewhere", "staff"])
def test_but_not_of_who_reaches_further(
    admin: Client, colleague: User, other_store: Store, reach: str
) -> None:
    protect(colleague)
    if reach == "elsewhere":
        Membership.objects.create(user=colleague, store=other_store, role=Role.LEAD)
    else:
        User.objects.filter(pk=colleague.pk).update(is_staff=True)
    page = admin.post(f"/people/{colleague.pk}/second-factor/", follow=True).content.decode()
    assert "a superuser has to do it" in page
    assert Authenticator.objects.filter(user=colleague).count() == 2


def test_the_trail_is_append_only(admin: Client, colleague: User) -> None:
    admin.post(f"/people/{colleague.pk}/role/", {"role": "lead"})
    row = AccessChange.objects.get()
    with pytest.raises(TypeError):
        row.delete()
    with pytest.raises(TypeError):
        row.save()


def test_a_store_may_require_a_second_factor(world: World, lead: Client, admin: Client) -> None:
    world.store.requires_second_factor = True
    world.store.save()
    assert lead.get("/orders/")["Location"] == "/account/"
    page = lead.get("/account/").content.decode()
    assert "asks for a second factor" in page
    assert "in quarantine" not in page
    assert 'class="badge' not in page
    live = lead.get("/", headers={"HX-Request": "true"})
    assert live["HX-Redirect"] == "/account/"
    assert lead.get("/account/app/").status_code == 200
    protect(User.objects.get(username="ana"))
    assert lead.get("/orders/").status_code == 200
    page = lead.get("/account/").content.decode()
    assert "in quarantine" in page
    assert 'class="badge' in page
    assert admin.get("/people/")["Location"] == "/account/"


def test_the_people_page_costs_the_same_for_one_and_for_three(
    admin: Client, store: Store, django_assert_num_queries: Callable[..., object]
) -> None:
    def measured() -> int:
        with django_assert_num_queries(PEOPLE_QUERIES):
            return admin.get("/people/").content.count(b"/take-out/")

    for number in range(3):
        user = User.objects.create_user(f"p{number}")
        Membership.objects.create(user=user, store=store, role=Role.AGENT)
        protect(user)
        if number in (0, 2):
            assert measured() == number + 1


PEOPLE_QUERIES = 8


def test_a_person_of_two_stores_finds_each_ones_objects_in_it_alone(
    world: World, other_store: Store, person: Callable[..., Client]
) -> None:
    browser = person((world.store, Role.LEAD), (other_store, Role.LEAD), name="both")
    pages = [
        "/orders/ORD-1/",
        "/returns/RMA-1/",
        f"/refunds/{world.refund.identifier}/",
        f"/messages/{world.delivery.pk}/",
        f"/outbound/{world.job.pk}/",
        f"/attention/{world.item.pk}/",
        f"/exchanges/{world.exchange.order_identifier}/",
        "/catalog/products/PRODUCT-1/",
        f"/catalog/imports/{world.variant_import.pk}/",
        f"/raw/delivery/{world.delivery.pk}/",
    ]
    browser.post("/store/", {"store": world.store.pk})
    assert [browser.get(url).status_code for url in pages] == [200] * len(pages)
    browser.post("/store/", {"store": other_store.pk})
    assert [browser.get(url).status_code for url in pages] == [404] * len(pages)
    Membership.objects.filter(store=world.store, user__username="both").delete()
    browser.post("/store/", {"store": world.store.pk})
    assert browser.get("/orders/ORD-1/").status_code == 404


def test_names_cannot_be_guessed_one_after_another(
    admin: Client, store: Store, other_store: Store, settings: object
) -> None:
    caches["attempts"].clear()
    settings.SIGN_IN_TRIES_PER_NAME = 3
    stranger = User.objects.create_user("stranger")
    Membership.objects.create(user=stranger, store=other_store, role=Role.LEAD)
    User.objects.create_user("retired", is_active=False)

    def add(name: str) -> object:
        return admin.post("/people/", {"username": name, "role": "agent"})

    for name in ("nobody", "retired", "stranger2"):
        answer = add(name)
        assert answer.status_code == 422
        assert f"Nobody is called &#x27;{name}&#x27;" in answer.content.decode()
    answer = add("stranger")
    assert (answer.status_code, answer.has_header("Retry-After")) == (429, True)
    assert "Too many user names that could not be added." in answer.content.decode()
    assert role_of(stranger, store) is None
    caches["attempts"].clear()
    assert add("Stranger")["Location"] == "/people/"
    assert role_of(stranger, store) == "agent"
    assert trail()[-1][2] == "stranger added as Agent"

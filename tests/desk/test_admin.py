"""The configuration pages: history cannot be changed there, secrets cannot be read there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.accounts.models import ApiKey, Membership, User
from apps.accounts.services import create_api_key, find_api_key
from apps.stores.models import Store
from tests.desk.conftest import World
from tests.support.people import sign_in

pytestmark = pytest.mark.django_db

CONFIGURATION = {
    "auth.group",
    "stores.store",
    "accounts.user",
    "accounts.membership",
    "payments.paymentaccount",
}
READ_ONLY = sorted(
    (model for model in admin.site._registry if model._meta.label_lower not in CONFIGURATION),
    key=lambda model: model._meta.label_lower,
)


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's browser."""
    browser = Client()
    sign_in(browser, User.objects.create_superuser("root", "", "pw"))
    return browser


def admin_url(model: type, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.label_lower)
def test_history_is_read_only(model: type, world: World, root: Client) -> None:
    assert root.get(admin_url(model, "changelist")).status_code == 200
    assert root.get(admin_url(model, "changelist"), {"q": "x"}).status_code == 200
    assert root.get(admin_url(model, "add")).status_code == 403
    row = model._default_manager.first()
    if row is None:
        return
    page = root.get(admin_url(model, "change", row.pk))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert root.post(admin_url(model, "change", row.pk), {}).status_code == 403
    assert root.get(admin_url(model, "delete", row.pk)).status_code == 403
    assert root.post(admin_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_every_model_of_the_desk_is_registered() -> None:
    from django.apps import apps

    ours = {m for m in apps.get_models() if m.__module__.startswith("apps.")}
    missing = ours - set(admin.site._registry) - {inline_only("refunds.RefundLine")}
    missing -= {inline_only("orders.OrderLine")}
    assert not missing


def inline_only(label: str) -> type:
    from django.apps import apps

    return apps.get_model(label)


def test_lists_are_kept_cheap() -> None:
    for model in READ_ONLY:
        model_admin = admin.site._registry[model]
        assert model_admin.show_full_result_count is False
        keys = {f.name for f in model._meta.get_fields() if f.many_to_one and f.concrete}
        shown = keys & set(model_admin.list_display)
        assert not shown or set(shown) <= set(model_admin.list_select_related), model


def form_of(root: Client, store: Store, **changes: str) -> dict[str, str]:
    form = {
        "identifier": store.identifier,
        "name": "Renamed",
        "is_active": "on",
        "time_zone": "UTC",
        "gift_card_sku": "OPTOROGIFTCARD",
        "exchange_shipping_amount_cents": "0",
        "exchange_tax_service": "original_rate",
        "optoro_client_secret": "",
        "webhook_password": "",
        "webhook_api_key": "",
    }
    return form | changes


SECRETS = {
    "optoro_client_secret": "tell-nobody-1",
    "webhook_password": "tell-nobody-2",
    "webhook_api_key": "tell-nobody-3",
}


@pytest.fixture
def secretive(db: None) -> Store:
    """A store with secrets."""
    return Store.objects.create(identifier="sec", name="Secretive", **SECRETS)


def test_secrets_never_come_out(secretive: Store, root: Client) -> None:
    url = admin_url(Store, "change", secretive.pk)
    pages = [
        root.get(url),
        root.get(admin_url(Store, "changelist")),
        root.post(url, form_of(root, secretive, time_zone="nonsense")),
        root.post(url, form_of(root, secretive), follow=True),
        root.get(admin_url(Store, "history", secretive.pk)),
    ]
    for page in pages:
        assert page.status_code == 200
        assert b"tell-nobody" not in page.content
    assert pages[0].content.count(b'type="password"') == 3
    assert b"Stored. Leave blank to keep it." in pages[0].content


def test_a_blank_secret_keeps_what_is_stored(secretive: Store, root: Client) -> None:
    url = admin_url(Store, "change", secretive.pk)
    root.post(url, form_of(root, secretive))
    secretive.refresh_from_db()
    assert secretive.name == "Renamed"
    assert {name: getattr(secretive, name) for name in SECRETS} == SECRETS
    root.post(url, form_of(root, secretive, webhook_password="new", forget_webhook_api_key="on"))
    secretive.refresh_from_db()
    assert secretive.webhook_password == "new"
    assert secretive.webhook_api_key == ""
    assert secretive.optoro_client_secret == "tell-nobody-1"


def test_an_unknown_time_zone_is_refused(secretive: Store, root: Client) -> None:
    page = root.post(
        admin_url(Store, "change", secretive.pk), form_of(root, secretive, time_zone="Mars")
    )
    assert b"Write a name such as America/New_York" in page.content


def test_keys_can_be_revoked_and_nothing_else(store: Store, root: Client) -> None:
    key = create_api_key(store=store, name="oms", scopes=["read"])
    row = ApiKey.objects.get()
    url = admin_url(ApiKey, "changelist")
    assert row.digest not in root.get(admin_url(ApiKey, "change", row.pk)).content.decode()
    root.post(url, {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert find_api_key(key) is None


def test_only_those_with_the_right_revoke_keys(store: Store) -> None:
    from django.contrib.auth.models import Permission

    key = create_api_key(store=store, name="oms", scopes=["read"])
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    browser = Client()
    sign_in(browser, user)
    chosen = {"action": "revoke", "_selected_action": [str(ApiKey.objects.get().pk)]}
    browser.post(admin_url(ApiKey, "changelist"), chosen)
    assert find_api_key(key) is not None


def test_people_get_memberships_and_are_never_deleted(store: Store, root: Client) -> None:
    user = User.objects.create_user("ana")
    Membership.objects.create(user=user, store=store, role="agent")
    assert root.get(admin_url(User, "change", user.pk)).status_code == 200
    assert root.get(admin_url(User, "delete", user.pk)).status_code == 403
    assert root.get(admin_url(Membership, "changelist")).status_code == 200


def test_the_admin_is_for_staff_only(store: Store, lead: Client) -> None:
    answer = lead.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "The configuration is for people who have the right" in answer.content.decode()

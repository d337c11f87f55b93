"""Every address of the desk: who gets in, who is refused, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from html import unescape

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role
from apps.accounts.rules import Action, may, roles_that_may
from apps.attention.models import Item
from apps.desk.urls import urlpatterns
from apps.stores.models import Store
from tests.desk.conftest import World, open_payout


@dataclass(frozen=True)
class Address:
    """How one address behaves. `args` makes its arguments; `is_object` tells that others' answer
    404; `action` is what its method needs; `expected` is the status for those who may."""

    args: Callable[[World], list[object]] = lambda world: []
    method: str = "get"
    is_public: bool = False
    is_object: bool = False
    action: Action = Action.VIEW
    expected: int = 200
    data: tuple[tuple[str, str], ...] = ()


def _order(w: World) -> list[object]:
    return [w.order.identifier]


def _refund(w: World) -> list[object]:
    return [w.refund.identifier]


def _payout(w: World) -> list[object]:
    return [w.refund.identifier, open_payout(w.refund).pk]


MAKE, SETTLE, CANCEL_RMA = Action.MAKE_REFUND, Action.SETTLE_PAYOUT, Action.CANCEL_RMA
DECIDE, REPLAY, RESOLVE = Action.DECIDE_REFUND, Action.REPLAY_MESSAGE, Action.RESOLVE_ATTENTION

EDIT, POLICY = Action.EDIT_CATALOG, Action.EDIT_POLICY


def _import(w: World) -> list[object]:
    return [w.variant_import.pk]


TABLE: dict[str, list[Address]] = {
    "home": [Address()],
    "login": [Address(is_public=True, expected=302)],
    "logout": [Address(method="post", is_public=True, expected=302)],
    "preferences": [Address(method="post", is_public=True, expected=302)],
    "switch-store": [Address(method="post", expected=302)],
    "keys": [Address()],
    "search": [Address()],
    "attention": [Address()],
    "attention-item": [
        Address(lambda w: [w.item.pk], is_object=True),
        Address(
            lambda w: [w.item.pk],
            method="post",
            is_object=True,
            action=RESOLVE,
            expected=302,
            data=(("note", "asked Optoro"),),
        ),
    ],
    "attention-take": [
        Address(lambda w: [w.item.pk], method="post", is_object=True, action=RESOLVE, expected=302),
    ],
    "attention-give-back": [
        Address(lambda w: [w.item.pk], method="post", is_object=True, action=RESOLVE, expected=302),
    ],
    "attention-act": [
        Address(
            lambda w: [Item.objects.get(kind="snapshot_held").pk, "send-snapshot"],
            method="post",
            is_object=True,
            action=REPLAY,
            expected=302,
        ),
    ],
    "settlement": [Address()],
    "orders": [Address()],
    "order": [Address(_order, is_object=True)],
    "rmas": [Address()],
    "rma": [Address(lambda w: [w.rma.rma_identifier], is_object=True)],
    "exchanges": [Address()],
    "exchange": [Address(lambda w: [w.exchange.order_identifier], is_object=True)],
    "refunds": [Address()],
    "refund": [Address(_refund, is_object=True)],
    "refund-approve": [
        Address(_refund, is_object=True, action=DECIDE),
        Address(_refund, method="post", is_object=True, action=DECIDE, expected=302),
    ],
    "refund-cancel": [
        Address(_refund, is_object=True, action=DECIDE),
        Address(
            _refund,
            method="post",
            is_object=True,
            action=DECIDE,
            expected=302,
            data=(("reason", "called"),),
        ),
    ],
    "refund-take-back": [
        Address(_refund, method="post", is_object=True, action=MAKE, expected=302)
    ],
    "refund-new": [
        Address(_order, is_object=True, action=MAKE),
        Address(_order, method="post", is_object=True, action=MAKE, expected=422),
    ],
    "payout": [
        Address(_payout, is_object=True, action=SETTLE),
        Address(_payout, method="post", is_object=True, action=SETTLE, expected=422),
    ],
    "rma-cancel": [
        Address(lambda w: [w.rma.rma_identifier], is_object=True, action=CANCEL_RMA),
        Address(
            lambda w: [w.rma.rma_identifier],
            method="post",
            is_object=True,
            action=CANCEL_RMA,
            expected=302,
            data=(("reason", "called"),),
        ),
    ],
    "rma-cancel-withdraw": [
        Address(
            lambda w: [w.rma.rma_identifier],
            method="post",
            is_object=True,
            action=CANCEL_RMA,
            expected=302,
            data=(("reason", "called"),),
        ),
    ],
    "approvals": [Address()],
    "approval-policy": [
        Address(),
        Address(method="post", action=Action.EDIT_APPROVALS, expected=422),
    ],
    "policies": [Address()],
    "policy": [Address()],
    "policy-edit": [
        Address(action=POLICY),
        Address(method="post", action=POLICY, expected=422),
    ],
    "policy-renew": [
        Address(action=POLICY),
        Address(method="post", action=POLICY, expected=302),
    ],
    "catalog": [Address()],
    "catalog-product": [Address(lambda w: ["PRODUCT-1"], is_object=True)],
    "catalog-missed": [Address()],
    "catalog-imports": [
        Address(action=EDIT),
        Address(method="post", action=EDIT, expected=422),
    ],
    "catalog-sample": [Address(action=EDIT)],
    "catalog-import": [Address(_import, is_object=True, action=EDIT)],
    "catalog-import-errors": [Address(_import, is_object=True, action=EDIT)],
    "catalog-import-cancel": [
        Address(_import, method="post", is_object=True, action=EDIT, expected=302)
    ],
    "deliveries": [Address()],
    "delivery": [Address(lambda w: [w.delivery.pk], is_object=True)],
    "delivery-replay": [
        Address(
            lambda w: [w.delivery.pk], method="post", is_object=True, action=REPLAY, expected=302
        )
    ],
    "jobs": [Address()],
    "job": [Address(lambda w: [w.job.pk], is_object=True)],
    "job-resend": [
        Address(lambda w: [w.job.pk], method="post", is_object=True, action=REPLAY, expected=302)
    ],
    "raw": [
        Address(lambda w: ["delivery", w.delivery.pk], is_object=True),
        Address(lambda w: ["order_message", w.order_message.pk], is_object=True),
        Address(lambda w: ["attempt", w.attempt.pk], is_object=True),
    ],
}
CASES = [
    pytest.param(name, address, id=f"{address.method}-{name}-{n}")
    for name, addresses in TABLE.items()
    for n, address in enumerate(addresses)
]


def ask(browser: Client, name: str, address: Address, world: World) -> object:
    url = reverse(f"desk:{name}", args=address.args(world))
    return getattr(browser, address.method)(url, dict(address.data))


def test_no_address_is_missing_from_the_table() -> None:
    assert {pattern.name for pattern in urlpatterns if pattern.name} == set(TABLE)


@pytest.mark.parametrize(("name", "address"), CASES)
def test_strangers_are_sent_to_sign_in(name: str, address: Address, world: World) -> None:
    answer = ask(Client(), name, address, world)
    if address.is_public:
        assert answer.status_code in (200, 302)
        return
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


@pytest.mark.parametrize(("name", "address"), CASES)
def test_people_of_another_store_find_nothing(
    name: str,
    address: Address,
    world: World,
    other_store: Store,
    person: Callable[..., Client],
) -> None:
    browser = person((other_store, Role.ADMINISTRATOR), is_superuser=True, is_staff=True)
    answer = ask(browser, name, address, world)
    if address.is_object:
        assert answer.status_code == 404
        return
    assert answer.status_code == address.expected
    for secret in ("ORD-1", "RMA-1", "RMA-BAD", "PRODUCT-1", "MISSED-1", "IMPORT-1"):
        assert secret.encode() not in answer.content
    for secret in (world.refund.identifier, world.store.name):
        assert secret.encode() not in answer.content


@pytest.mark.parametrize(("name", "address"), CASES)
def test_each_role_may_do_what_the_rules_say(
    name: str, address: Address, world: World, person: Callable[..., Client]
) -> None:
    for role in Role:
        browser = person((world.store, role), name=role.value)
        with transaction.atomic():
            answer = ask(browser, name, address, world)
            transaction.set_rollback(True)
        if may(role, address.action):
            assert answer.status_code == address.expected, role
            continue
        assert answer.status_code == 403, role
        assert f"Your role in {world.store.name} is {role.label}." in unescape(
            answer.content.decode()
        )
        assert roles_that_may(address.action) in answer.content.decode()


def test_people_without_a_store_are_told_so(world: World, person: Callable[..., Client]) -> None:
    browser = person(is_superuser=True)
    for name, addresses in TABLE.items():
        for address in addresses:
            if address.is_public or name in ("keys", "switch-store"):
                continue
            answer = ask(browser, name, address, world)
            assert answer.status_code == 403
            assert "You have no store yet" in answer.content.decode()


def test_a_forbidden_button_is_disabled_and_says_why(
    world: World, person: Callable[..., Client]
) -> None:
    browser = person((world.store, Role.FINANCE))
    for url in (
        reverse("desk:refund", args=[world.refund.identifier]),
        reverse("desk:delivery", args=[world.delivery.pk]),
        reverse("desk:job", args=[world.job.pk]),
        reverse("desk:attention-item", args=[world.item.pk]),
        reverse("desk:policies"),
        reverse("desk:policy"),
        reverse("desk:approval-policy"),
        reverse("desk:approvals"),
        reverse("desk:order", args=[world.order.identifier]),
        reverse("desk:rma", args=[world.rma.rma_identifier]),
    ):
        page = browser.get(url).content.decode()
        assert " disabled" in page
        assert "Your role in" in page


def test_actions_are_not_done_by_get(world: World, lead: Client) -> None:
    for name, pk in (("delivery-replay", world.delivery.pk), ("job-resend", world.job.pk)):
        assert lead.get(reverse(f"desk:{name}", args=[pk])).status_code == 405


def test_forms_need_their_token(world: World, lead: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = lead.cookies
    answer = strict.post(reverse("desk:refund-approve", args=[world.refund.identifier]))
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()
    world.refund.refresh_from_db()
    assert world.refund.status == "proposed"

"""Every address of the desk: who gets in, who is refused, and how."""

import zlib
from collections.abc import Callable
from html import unescape
from uuid import UUID

import pytest
from django.core.cache import caches
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role, User
from apps.accounts.rules import Action, may, roles_that_may
from apps.attention.models import Item
from apps.desk.models import BulkRun, SavedView
from apps.desk.urls import urlpatterns
from apps.reports.models import Export
from apps.stores.models import Store
from tests.desk.addresses import ACCOUNTS, Address
from tests.desk.conftest import World, open_payout
from tests.desk.schedule_addresses import SCHEDULES
from tests.desk.statement_addresses import STATEMENTS


def _order(w: World) -> list[object]:
    return [w.order.identifier]


def _refund(w: World) -> list[object]:
    return [w.refund.identifier]


def _payout_of(w: World) -> list[object]:
    return [open_payout(w.refund).refund.identifier]


def _payout(w: World) -> list[object]:
    return [w.refund.identifier, open_payout(w.refund).pk]


MAKE, SETTLE, CANCEL_RMA = Action.MAKE_REFUND, Action.SETTLE_PAYOUT, Action.CANCEL_RMA
DECIDE, REPLAY, RESOLVE = Action.DECIDE_REFUND, Action.REPLAY_MESSAGE, Action.RESOLVE_ATTENTION

LISTS = ["orders", "rmas", "exchanges", "refunds", "attention", "deliveries", "jobs"]


def _bulk_run(w: World) -> list[object]:
    """A run of the person who asks for it: nobody else may go on with it."""
    newest = User.objects.order_by("-pk").first()
    assert newest
    run, _ = BulkRun.objects.get_or_create(
        token=UUID(int=7),
        defaults={"store": w.store, "person": newest, "list_name": "orders", "action": "assign"},
    )
    return [run.token]


def _view(w: World) -> list[object]:
    """A shared view of the person who is asked for: others see it, and may not change it."""
    newest = User.objects.order_by("-pk").first()
    assert newest
    view, _ = SavedView.objects.get_or_create(
        store=w.store,
        owner=newest,
        list_name="orders",
        name="Kept",
        defaults={"query": "status=Shipped"},
    )
    return [view.pk]


EDIT, POLICY = Action.EDIT_CATALOG, Action.EDIT_POLICY


def _rma(w: World) -> list[object]:
    return [w.rma.rma_identifier]


def _unit(w: World) -> list[object]:
    return [w.rma.rma_identifier, w.rma.units.order_by("pk")[0].pk]


def _case_work(subject: Callable[[World], list[object]]) -> list[Address]:
    """What can be done with the case of an order or a return. The form that is left empty is
    refused, and lifting a flag that is not there."""

    def at(verb: str) -> Callable[[World], list[object]]:
        return lambda w: [*subject(w), verb]

    def post(verb: str, action: Action, expected: int = 302, **data: str) -> Address:
        return Address(
            at(verb),
            method="post",
            is_object=True,
            action=action,
            expected=expected,
            data=tuple(data.items()),
        )

    work = Action.WORK_CASE
    return [
        Address(at("note"), is_object=True, expected=302),
        post("note", Action.WRITE_NOTE, text="called"),
        post("note", Action.WRITE_NOTE, expected=422),
        post("assign", work, assignee="", seen=""),
        post("due", work, due_on="2999-01-31"),
        post("flag", work, reason="fraud?"),
        post("unflag", work, expected=409),
    ]


def _import(w: World) -> list[object]:
    return [w.variant_import.pk]


def _export(w: World) -> list[object]:
    """A file that was made."""
    export, is_new = Export.objects.get_or_create(
        store=w.store,
        report="refunds",
        defaults={"format": "csv", "zone": "UTC", "name": "r.csv", "state": "done", "size": 1},
    )
    if is_new:
        export.chunks.create(part="rows", number=0, content=zlib.compress(b"x"))
    return [export.pk]


FINANCE = Action.VIEW_FINANCE


TABLE: dict[str, list[Address]] = {
    **ACCOUNTS,
    **STATEMENTS,
    **SCHEDULES,
    "home": [Address()],
    "login": [Address(is_public=True, expected=302)],
    "logout": [Address(method="post", is_public=True, expected=302)],
    "preferences": [Address(method="post", is_public=True, expected=302)],
    "switch-store": [Address(method="post", expected=302)],
    "keys": [Address()],
    "search": [Address()],
    "recent-searches": [Address(expected=302)],
    "search-forget": [Address(method="post", expected=302)],
    "mentions": [Address()],
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
    "list-csv": [Address(lambda w, name=name: [name]) for name in LISTS],
    "list-bulk": [
        Address(
            lambda w: ["orders"],
            method="post",
            action=Action.WORK_CASE,
            expected=302,
            data=(("action", "assign"),),
        ),
        Address(
            lambda w: ["refunds"],
            method="post",
            action=DECIDE,
            expected=302,
            data=(("action", "approve"),),
        ),
        Address(
            lambda w: ["deliveries"],
            method="post",
            action=REPLAY,
            expected=302,
            data=(("action", "replay"),),
        ),
    ],
    "bulk-run": [
        Address(_bulk_run, is_object=True),
        Address(_bulk_run, method="post", is_object=True, action=Action.WORK_CASE, expected=302),
    ],
    "view-save": [
        Address(lambda w: ["orders"], method="post", expected=302, data=(("name", "Mine"),))
    ],
    "view-rename": [
        Address(_view, method="post", is_object=True, expected=302, data=(("name", "New"),))
    ],
    "view-delete": [Address(_view, method="post", is_object=True, expected=302)],
    "settlement": [Address()],
    "books": [Address(action=Action.VIEW_FINANCE)],
    "books-close": [
        Address(lambda w: [2026, 1], action=Action.CLOSE_BOOKS),
        Address(lambda w: [2026, 1], method="post", action=Action.CLOSE_BOOKS, expected=302),
    ],
    "books-reopen": [
        Address(lambda w: [2026, 1], action=Action.CLOSE_BOOKS),
        Address(lambda w: [2026, 1], method="post", action=Action.CLOSE_BOOKS, expected=422),
    ],
    "books-decide": [
        Address(lambda w: [10**6], method="post", action=Action.CLOSE_BOOKS, expected=302)
    ],
    "books-files": [
        Address(
            lambda w: [10**6],
            method="post",
            is_object=True,
            action=Action.CLOSE_BOOKS,
            expected=404,
        )
    ],
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
    "refund-ask-gateway": [
        Address(
            _payout_of, method="post", is_object=True, action=Action.RESOLVE_MONEY, expected=302
        )
    ],
    "refund-queue-payment": [
        Address(_refund, method="post", is_object=True, action=RESOLVE, expected=302)
    ],
    "refund-receipt": [Address(_refund, is_object=True)],
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
    "rma-convert": [
        Address(_rma, is_object=True, action=CANCEL_RMA),
        Address(
            _rma,
            method="post",
            is_object=True,
            action=CANCEL_RMA,
            expected=409,
            data=(("reason", "called"),),
        ),
    ],
    "rma-convert-withdraw": [
        Address(
            _rma,
            method="post",
            is_object=True,
            action=CANCEL_RMA,
            expected=302,
            data=(("reason", "called"),),
        ),
    ],
    "rma-decide": [
        Address(_rma, is_object=True, action=Action.WORK_CASE),
        Address(_rma, method="post", is_object=True, action=Action.WORK_CASE, expected=302),
    ],
    "unit-exclude": [
        Address(_unit, is_object=True, action=Action.WORK_CASE),
        Address(
            _unit,
            method="post",
            is_object=True,
            action=Action.WORK_CASE,
            expected=302,
            data=(("reason", "worn"),),
        ),
    ],
    "unit-include": [
        Address(_unit, method="post", is_object=True, action=Action.WORK_CASE, expected=302)
    ],
    "order-case": _case_work(_order),
    "rma-case": _case_work(_rma),
    "reports": [Address(action=FINANCE)],
    "report": [Address(lambda w: ["refunds"], action=FINANCE)],
    "report-csv": [Address(lambda w: ["refunds"], action=FINANCE)],
    "report-export": [
        Address(
            lambda w: ["refunds"],
            method="post",
            action=FINANCE,
            expected=302,
            data=(("format", "csv"),),
        )
    ],
    "exports": [Address(action=FINANCE)],
    "export": [Address(_export, is_object=True, action=FINANCE)],
    "export-file": [Address(_export, is_object=True, action=FINANCE)],
    "export-cancel": [
        Address(_export, method="post", is_object=True, action=FINANCE, expected=302)
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


def for_each_address(subtests: pytest.Subtests, check: Callable[[str, Address], None]) -> None:
    """Checks every address with the world as it was before: to build one for each takes minutes."""
    for name, addresses in TABLE.items():
        for address in addresses:
            with subtests.test(f"{address.method} {name}"), transaction.atomic():
                for cache in caches.all():
                    cache.clear()
                try:
                    check(name, address)
                finally:
                    transaction.set_rollback(True)


def ask(browser: Client, name: str, address: Address, world: World) -> object:
    url = reverse(f"desk:{name}", args=address.args(world))
    return getattr(browser, address.method)(url, dict(address.data))


def test_no_address_is_missing_from_the_table() -> None:
    assert {pattern.name for pattern in urlpatterns if pattern.name} == set(TABLE)


def test_strangers_are_sent_to_sign_in(world: World, subtests: pytest.Subtests) -> None:
    def check(name: str, address: Address) -> None:
        answer = ask(Client(), name, address, world)
        if address.is_public:
            assert answer.status_code in (200, 302)
            return
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=")

    for_each_address(subtests, check)


def _body(answer: object) -> bytes:
    """What an answer holds, streamed or not."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_people_of_another_store_find_nothing(
    world: World, other_store: Store, person: Callable[..., Client], subtests: pytest.Subtests
) -> None:
    secrets = ("ORD-1", "RMA-1", "RMA-BAD", "PRODUCT-1", "MISSED-1", "IMPORT-1")
    secrets += (world.refund.identifier, world.store.name)

    def check(name: str, address: Address) -> None:
        browser = person((other_store, Role.ADMINISTRATOR), is_superuser=True, is_staff=True)
        answer = ask(browser, name, address, world)
        if address.is_object:
            assert answer.status_code == 404
            return
        assert answer.status_code == address.expected
        shown = _body(answer)
        assert [secret for secret in secrets if secret.encode() in shown] == []

    for_each_address(subtests, check)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_rules_say(
    role: Role, world: World, person: Callable[..., Client], subtests: pytest.Subtests
) -> None:
    def check(name: str, address: Address) -> None:
        answer = ask(person((world.store, role), name=role.value), name, address, world)
        if may(role, address.action):
            assert answer.status_code == address.expected
            return
        assert answer.status_code == 403
        page = answer.content.decode()
        assert f"Your role in {world.store.name} is {role.label}." in unescape(page)
        assert roles_that_may(address.action) in page

    for_each_address(subtests, check)


def test_people_without_a_store_are_told_so(world: World, person: Callable[..., Client]) -> None:
    browser = person(is_superuser=True)
    for name, addresses in TABLE.items():
        for address in addresses:
            if address.is_public or not address.needs_store or name in ("keys", "switch-store"):
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

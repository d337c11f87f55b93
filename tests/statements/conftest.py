"""Refunds that the desk has paid, people of finance, and a way to bring a file in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Membership, Role, User
from apps.inbox.services import take_order
from apps.optoro import order_message
from apps.orders.models import Order
from apps.refunds.models import Payout, Refund
from apps.statements.models import Statement, StatementRow
from apps.stores.models import Store
from tests.support import builders

HEAD = "id,type,source,amount,fee,currency,created (UTC),desk_key"
PAID_AT = datetime(2026, 1, 15, 12, tzinfo=UTC)

Pay = Callable[..., Payout]


@pytest.fixture
def pay(store: Store) -> Pay:
    """Makes a refund with a payout, paid on January 15 unless said otherwise."""
    return payer_of(store)


def payer_of(store: Store) -> Pay:
    """The same for any store."""

    def make(number: int = 1, cents: int = 1000, **changes: Any) -> Payout:
        order = Order.objects.filter(store=store, identifier="ORD-1").first()
        if order is None:
            taken = take_order(store=store, wire=order_message.parse(builders.order()))
            order = Order.objects.get(pk=taken.order_id)
        currency = changes.pop("currency", "USD")
        refund, _ = Refund.objects.get_or_create(
            store=store,
            identifier=f"REF-{number}",
            defaults={
                "order": order,
                "paid_order": order,
                "status": "paid",
                "source": "staff",
                "destination": "original_payment",
                "reason": "test",
                "currency": currency,
                "total_refund_amount_cents": cents,
                "shopper_amount_cents": cents,
                "created_at": PAID_AT,
                "paid_at": PAID_AT,
            },
        )
        return Payout.objects.create(
            **{
                "refund": refund,
                "store": refund.store,
                "gateway": "simulated",
                "idempotency_key": UUID(int=number),
                "amount_cents": cents,
                "currency": currency,
                "status": "paid",
                "gateway_reference": f"sim_{number}",
                "finished_at": PAID_AT,
                **changes,
            }
        )

    return make


def browser_of(store: Store, role: Role, name: str) -> Client:
    """Someone of that role, signed in."""
    user = User.objects.create_user(name)
    Membership.objects.create(user=user, store=store, role=role)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def finance(store: Store) -> Client:
    """Somebody of finance."""
    return browser_of(store, Role.FINANCE, "fay")


def line(number: int = 1, amount: str = "-10.00", **changes: str) -> str:
    """A row as the simulated gateway writes it."""
    cells = {
        "id": f"txn_{number}",
        "type": "refund",
        "source": f"sim_{number}",
        "amount": amount,
        "fee": "0.00",
        "currency": "usd",
        "created": "2026-01-15 12:00:00",
        "key": "",
        **changes,
    }
    return ",".join(cells.values())


def content_of(*lines: str, head: str = HEAD) -> bytes:
    """A file of these rows."""
    return ("\n".join((head, *lines)) + "\n").encode()


@pytest.fixture
def upload(finance: Client) -> Callable[..., Any]:
    """Uploads a file and returns the answer."""

    def send(content: bytes, name: str = "payouts.csv") -> Any:
        file = SimpleUploadedFile(name, content)
        return finance.post(reverse("desk:statements"), {"file": file})

    return send


def form_of(page: str) -> dict[str, str]:
    """What a page's form of columns would send: what is chosen in it."""
    form = page.split('id="columns-form"')[1].split("</form>")[0]
    said = {}
    for name, body in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        said[name] = chosen[1] if chosen else ""
    for name, value in re.findall(r'<input type="\w+" name="(\w+)"(?: value="([^"]*)")?', form):
        said[name] = value
    for name, value in re.findall(r'<textarea name="(\w+)".*?>(.*?)</textarea>', form, re.DOTALL):
        said[name] = value.strip()
    said.pop("csrfmiddlewaretoken", None)
    return said


@pytest.fixture
def compared(finance: Client, upload: Any, drain: Any) -> Callable[..., Statement]:
    """Uploads a file, takes the columns as the page offers them (with changes), works it off."""

    def send(*lines: str | bytes, head: str = HEAD, **changes: str) -> Statement:
        first = lines[0] if lines else b""
        content = first if isinstance(first, bytes) else content_of(*lines, head=head)  # type: ignore[arg-type]
        answer = upload(content)
        assert answer.status_code == 302, answer.content.decode()
        found = Statement.objects.latest("pk")
        url = reverse("desk:statement-columns", args=[found.pk])
        assert answer["Location"] == url
        said = form_of(finance.get(url).content.decode())
        answer = finance.post(url, {**said, **changes, "step": "save"})
        assert answer.status_code == 302, answer.content.decode()
        drain()
        return Statement.objects.get(pk=found.pk)

    return send


def standings(found: Statement) -> list[tuple[int, str, int | None]]:
    """Line, standing and payout of each row."""
    return list(
        StatementRow.objects.filter(statement=found)
        .order_by("line")
        .values_list("line", "standing", "payout_id")
    )


def page_of(browser: Client, found: Statement, tab: str = "") -> str:
    """A statement's page."""
    query = {"tab": tab} if tab else {}
    answer = browser.get(reverse("desk:statement", args=[found.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()

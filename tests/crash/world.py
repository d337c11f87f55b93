"""The world of the crash tests: what is there before, what everybody does, what the books say."""

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from apps.accounts.models import ApiKey, Role
from apps.accounts.services import create_api_key
from apps.attention.models import Item
from apps.common import http
from apps.inbox.models import Delivery, DeliveryState
from apps.inbox.processing import process_due
from apps.optoro import client
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.outbox.runner import run_due
from apps.payments.models import SimulatedPayment
from apps.refunds.cancellation import request_cancellation
from apps.refunds.models import (
    ApprovalPolicy,
    Payout,
    PayoutStatus,
    Refund,
    RefundStatus,
    RefundUnit,
)
from apps.refunds.services import approve_refund
from apps.rmas.models import Rma
from apps.stores.queries import default_store
from tests.crash.driver import Json, Record
from tests.support import builders
from tests.support.optoro import FakeOptoro
from tests.support.people import actor
from tests.support.wishes import by_staff, transaction, wish

UNIT = 13056
RETURNED = ("SCAN", "ONE-DECLINE", "CANCEL")
# What stays unknown for ever is asked for again for ever.
LOST = "-LOST"


class Optoro(FakeOptoro):
    """Optoro's memory is a file: it goes on where the desk dies."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.record = Record(folder / "optoro.jsonl")
        self.valid_tokens = {seen["token"] for seen in self.record.all() if "token" in seen}
        self.tokens_minted = len(self.valid_tokens)

    def handle(self, request: http.Request) -> http.Response:
        tokens, snapshots = self.tokens_minted, len(self.snapshots)
        response = super().handle(request)
        if self.tokens_minted > tokens:
            self.record.add({"token": f"token-{self.tokens_minted}"})
        if len(self.snapshots) > snapshots:
            self.record.add({"snapshot": self.snapshots[-1]})
        return response


@contextlib.contextmanager
def outside(folder: Path) -> Iterator[None]:
    """Everything the desk calls."""
    make_client = http.make_client
    optoro = http.MockTransport(Optoro(folder).handle)

    def stand_in(*, transport: Any = None, **options: Any) -> Any:
        return make_client(transport=transport or optoro, **options)

    client.make_client = stand_in
    try:
        yield
    finally:
        client.make_client = make_client


def _order(name: str, **changes: Any) -> Json:
    line = builders.line(quantity=2, tax_amount_cents=512)
    return builders.order(name, [line], **changes)


def _rma(name: str, tracking: str | None, minute: int) -> Json:
    units = [builders.unit(name, cents=UNIT) for _ in range(2)]
    return builders.rma(f"RMA-{name}", units, tracking=tracking, minute=minute)


def prepare(folder: Path) -> None:
    """Orders shipped, returns announced, nothing scanned; nobody waits for a hold."""
    store = default_store()
    ApprovalPolicy.objects.create(
        store=store,
        agent_limit_cents=20_000,
        goodwill_limit_cents=5000,
        staff_hold_minutes=0,
        api_hold_minutes=0,
    )
    paid = [transaction("CARD", 16_112), transaction("GIFT", 10_000, gateway="gift_card")]
    orders = [_order(name) for name in ("API-TIMEOUT", "ONE-LOST", *RETURNED)]
    orders.append(_order("MIXED", transactions=paid))
    key = create_api_key(store=store, name="oms", scopes=list(ApiKey.SCOPES))
    (folder / "key.txt").write_text(key)
    caller = _caller(folder)
    answer = caller.post("/api/v1/orders", {"orders": orders}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    for name in RETURNED:
        assert _send(_rma(name, None, 0)) == 200
    drain()
    assert not Job.objects.exclude(state=JobState.DONE).exists()


def _caller(folder: Path) -> Client:
    return Client(headers={"Authorization": f"Api-Key {(folder / 'key.txt').read_text()}"})


def _send(message: Json) -> int:
    configured = settings.DEFAULT_STORE
    pair = f"{configured['webhook_username']}:{configured['webhook_password']}"
    return (
        Client()
        .post(
            "/optoro/rmas",
            builders.body(message),
            content_type="application/json",
            headers={"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()},
        )
        .status_code
    )


def act(folder: Path) -> None:
    """What people, machines and Optoro do. Requests are repeated with their keys whatever was
    answered before, messages until they are answered."""
    answers = Record(folder / "answers.jsonl")

    def ask_as_person(key: str, **wanted: Any) -> Refund:
        made = by_staff(wish(("1", 2), **wanted), key=key, name="ana", role=Role.AGENT)
        answers.add([key, made.refund.identifier])
        return made.refund

    def ask_as_machine(key: str, **wanted: Any) -> None:
        caller = _caller(folder)
        answer = caller.post(
            "/api/v1/refunds",
            {"reason": "the shopper called", **wanted},
            content_type="application/json",
            headers={"Idempotency-Key": key},
        )
        assert answer.status_code in (200, 201), answer.content
        answers.add([key, answer.content.decode()])

    ask_as_person("to-cancel", order="CANCEL", rma="RMA-CANCEL")
    waiting = ask_as_person("to-approve", order="MIXED")
    if waiting.status == RefundStatus.PROPOSED:
        approve_refund(refund=waiting, actor=actor("lea", Role.LEAD))
    one = {"order_item_identifier": "1", "quantity": 1}
    ask_as_machine("goods", order_identifier="API-TIMEOUT", lines=[one])
    ask_as_machine("goodwill", order_identifier="API-TIMEOUT", goodwill_amount_cents=1000)
    ask_as_machine("lost", order_identifier="ONE-LOST", goodwill_amount_cents=500)
    request_cancellation(
        rma=Rma.objects.get(rma_identifier="RMA-CANCEL"),
        reason="kept after all",
        actor=actor("lea", Role.LEAD),
        requester="lea",
    )
    answered = Record(folder / "answered.jsonl")
    for name in RETURNED:
        if name not in answered.all() and _send(_rma(name, "TRANSIT", 1)) == 200:
            answered.add(name)


def drain() -> None:
    """Works off what is due now."""
    while process_due() + run_due():
        pass


def is_at_rest() -> bool:
    """Nothing waits but what is lost for ever."""
    open_jobs = Job.objects.exclude(state__in=[JobState.DONE, JobState.HELD])
    lost = Payout.objects.filter(
        refund__order__identifier__endswith=LOST, status=PayoutStatus.UNKNOWN
    )
    keys = [str(key) for key in lost.values_list("pk", flat=True)]
    asking = open_jobs.filter(topic=topics.PAY_REFUND, key__in=keys, state=JobState.WAITING)
    waiting = [DeliveryState.RECEIVED, DeliveryState.FAILED]
    return (
        not open_jobs.exclude(pk__in=asking.values("pk")).exists()
        and not Delivery.objects.filter(state__in=waiting).exists()
    )


def books() -> Json:
    """What is written down, as plain data."""
    return {
        "payments": _rows(
            SimulatedPayment, "key", "outcome", "amount_cents", "order_identifier", "destination"
        ),
        "refunds": _rows(
            Refund,
            "identifier",
            "order__identifier",
            "rma_identifier",
            "kind",
            "source",
            "status",
            "total_refund_amount_cents",
            "shopper_amount_cents",
            "reported_at",
        ),
        "payouts": _rows(
            Payout,
            "idempotency_key",
            "refund__identifier",
            "transaction_identifier",
            "amount_cents",
            "status",
        ),
        "units": _rows(
            RefundUnit,
            "rma_unit",
            "rma_unit__rma__rma_identifier",
            "line__refund__identifier",
            "amount_cents",
            "is_live",
        ),
        "deliveries": _rows(Delivery, "subject", "state", "copies"),
        "jobs": _rows(Job, "topic", "label", "state", "error"),
        "items": _rows(Item, "kind", "subject", "resolved_at"),
    }


def _rows(model: Any, *columns: str) -> list[Json]:
    return list(model.objects.order_by("pk").values(*columns))

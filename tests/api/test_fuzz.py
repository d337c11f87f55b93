"""Whatever is sent to any address of the schema, nothing breaks: requests drawn from the schema,
and good ones with something wrong in them, about what is known and what is not."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from apps.inbox.models import Delivery
from apps.refunds.models import Refund
from tests.api.calls import open_payment
from tests.conftest import WEBHOOK_API_KEY
from tests.optoro.mutations import mutations
from tests.support import builders, exchange_requests, variants
from tests.support.rollback import rolled_back

pytestmark = pytest.mark.django_db

# Credentials are sent by the tests themselves: none are made up.
CONFIG = SchemathesisConfig.from_dict(
    {"generation": {"with-security-parameters": False}, "cache": {"enabled": False}}
)
EVERY_ADDRESS = {
    "GET /api/v1/deliveries/",
    "POST /api/v1/deliveries/{id}/replay/",
    "GET /api/v1/exchange_orders/",
    "GET /api/v1/exchange_orders/{order_identifier}/",
    "POST /api/v1/orders/",
    "GET /api/v1/orders/{identifier}/",
    "GET /api/v1/refunds/",
    "GET /api/v1/refunds/{identifier}/",
    "POST /api/v1/refunds/",
    "GET /api/v1/rmas/",
    "GET /api/v1/rmas/{rma_identifier}/",
    "POST /api/v1/rmas/{rma_identifier}/cancel/",
    "DELETE /api/v1/rmas/{rma_identifier}/cancel/",
    "GET /api/v1/transactions/",
    "GET /api/v1/transactions/{id}/",
    "PUT /api/v1/transactions/{id}/",
    "GET /api/v1/variants/{variant_identifier}/",
    "PUT /api/v1/variants/{variant_identifier}/",
    "POST /optoro/rmas",
    "POST /optoro/exchange_orders",
    "POST /optoro/orders",
    "GET /optoro/sku/{variant_identifier}/variants",
    "GET /optoro/sku/{variant_identifier}/exchange_variants",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
}
OPEN = {"GET /healthz", "GET /readyz", "GET /metrics"}
PATIENCE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    """Every address of the schema, called in this process."""
    content = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(content, config=CONFIG)
    schema.app = get_wsgi_application()
    return [found.ok() for found in schema.get_all_operations()]


@contextlib.contextmanager
def in_this_transaction() -> Iterator[None]:
    """The application answers on the connection of the test, as with Django's own test client, and
    what it did is undone."""
    both = (request_started, request_finished)
    for signal in both:
        signal.disconnect(close_old_connections)
    try:
        with rolled_back():
            yield
    finally:
        for signal in both:
            signal.connect(close_old_connections)


@pytest.fixture
def known(settings, send_order, send_rma, api, drain, optoro) -> dict[str, list[Any]]:
    """A desk that knows something of everything; the identifiers, by the names of parameters."""
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    variants.put(api, "96027", variants.variant(), variants.variant("TEE-M"))
    variants.put(api, "shoe/42", variants.variant("SHOE"))
    send_order(builders.order(secondary_identifier="RO-1"))
    assert exchange_requests.post(exchange_requests.request()).status_code == 200
    send_order(builders.order("ORD-1-X", [builders.line(quantity=1)]), builders.order("ORD-2"))
    exchanged = {"exchange_order_identifier": "ORD-1-X", "refund_type": "EVEN_EXCHANGE"}
    send_rma(builders.rma(units=[builders.unit(), builders.unit(**exchanged)], tracking="TRANSIT"))
    send_rma(b"nonsense")
    drain()
    send_order(builders.order("ORD-3", [builders.line(identifier="3")]))
    for name in ("RMA-3", "RMA-4"):
        send_rma(builders.rma(name, units=[builders.unit("ORD-3", "3")]))
    drain()
    reason = {"reason": "the shopper keeps it"}
    asked = api.post("/api/v1/rmas/RMA-4/cancel", reason, content_type="application/json")
    assert asked.status_code == 202
    by_hand = open_payment(api, drain, "ORD-2")
    return {
        "identifier": ["ORD-1", "RO-1", "ORD-1-X", *Refund.objects.values_list("identifier")[0]],
        "order_identifier": ["ORD-1-X", "ORD-1"],
        "order": ["ORD-1"],
        "Idempotency-Key": ["one", '"two"'],
        "X-Optiturn-Id": ["store-one"],
        "original_order_id": ["ORD-1", "RO-1"],
        "rma_identifier": ["RMA-1", "RMA-3", "RMA-4"],
        "variant_identifier": ["96027", "shoe/42", " 96027"],
        "subject": ["RMA-1"],
        "id": [*Delivery.objects.values_list("pk", flat=True), *[str(by_hand)] * 6],
    }


def good_bodies(label: str) -> list[Any]:
    """Bodies that are taken: of what is known, and of what is new."""
    if label == "POST /optoro/rmas":
        return [
            builders.rma(),
            builders.rma("RMA-9", minute=3, tracking="DELIVERED", giftee_email="g@example.com"),
        ]
    if label == "POST /api/v1/orders/":
        line = builders.line(variants=[variants.variant()])
        orders = [builders.order(), builders.order("ORD-9", [line])]
        return [{"orders": orders}, {"returns_portal_order": {"orders": orders[1:]}}]
    if label == "PUT /api/v1/variants/{variant_identifier}/":
        return [{"variants": [variants.variant(), variants.variant("TEE-M")]}, {"variants": []}]
    if label in ("POST /optoro/exchange_orders", "POST /optoro/orders"):
        mixed = [exchange_requests.item(), exchange_requests.gift_card()]
        return [exchange_requests.request("ORD-2", mixed), exchange_requests.request()]
    return good_machine_bodies().get(label, [])


def good_machine_bodies() -> dict[str, list[Any]]:
    """The same for refunds, cancellations and payments."""
    reason = {"reason": "the shopper keeps it"}
    refund = {
        "order_identifier": "ORD-3",
        "lines": [{"order_item_identifier": "3", "quantity": 1, "amount_cents": 100}],
        "destination": "gift_card",
        "recipient_email": "g@example.com",
        "reason": "arrived broken",
        "note": "Ticket 4711",
    }
    of_return = {**refund, "rma_identifier": "RMA-3"}
    goodwill = {
        "order_identifier": "RO-1",
        "goodwill_amount_cents": 500,
        "reason": "delivered late",
    }
    return {
        "POST /api/v1/refunds/": [refund, of_return, goodwill],
        "POST /api/v1/rmas/{rma_identifier}/cancel/": [reason],
        "DELETE /api/v1/rmas/{rma_identifier}/cancel/": [reason],
        "PUT /api/v1/transactions/{id}/": [
            {"status": "paid", "reference": "BANK-77", "note": "by bank"},
            {"status": "declined"},
        ],
    }


@st.composite
def cases(draw: st.DrawFn, operation: Any, known: dict[str, list[Any]]) -> Any:
    """A request as the schema has it, or as it must not be; often about something known, and often
    a good body, or one with something wrong in it."""
    mode = draw(st.sampled_from(list(schemathesis.GenerationMode)))
    case = draw(operation.as_strategy(generation_mode=mode))
    for parameters in (case.path_parameters, case.query, case.headers):
        for name in set(parameters or {}) & known.keys():
            if draw(st.booleans()):
                parameters[name] = draw(st.sampled_from(known[name]))
    bodies = good_bodies(operation.label)
    if bodies and draw(st.integers(0, 3)):
        good = draw(st.sampled_from(bodies))
        case.media_type = "application/json"
        case.body = draw(st.just(good) | mutations(good) | mutations(good))
    # The library that checks bodies cannot read half characters; test_refund_bodies.py sends them.
    assume(_is_whole_text(case.body))
    return case


def good_cases(operation: Any, known: dict[str, list[Any]]) -> list[Any]:
    """Requests with nothing wrong in them, about each known thing and with each good body: what is
    drawn depends on the modules that happen to be loaded, so that it alone proves nothing taken."""

    def needed(parameters: Any, index: int) -> dict[str, Any]:
        return {
            one.name: known[one.name][index % len(known[one.name])]
            for one in parameters
            if one.is_required
        }

    bodies = good_bodies(operation.label)
    names = [one.name for one in operation.path_parameters]
    rounds = max([len(known[name]) for name in names], default=1)
    return [
        operation.Case(
            path_parameters={name: str(value) for name, value in in_path.items()},
            headers=needed(operation.headers, number),
            **({"body": body, "media_type": "application/json"} if bodies else {}),
        )
        for number in range(rounds)
        for in_path in [needed(operation.path_parameters, number)]
        for body in bodies or [None]
    ]


def _is_whole_text(body: Any) -> bool:
    try:
        json.dumps(body, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def answers(
    operation: Any, known: dict[str, list[Any]], headers: dict[str, str], count: int
) -> Counter[int]:
    """Sends the good requests and `count` drawn ones, each to the desk as it was; returns how they
    were answered."""
    found: Counter[int] = Counter()
    checks = [not_a_server_error]
    if operation.definition.raw["tags"] != ["v1"]:
        checks += [response_schema_conformance, status_code_conformance]

    def send(case: Any) -> None:
        with in_this_transaction():
            response = case.call(headers=headers)
        case.validate_response(response, checks=checks)
        found[response.status_code] += 1

    for case in good_cases(operation, known):
        send(case)
    settings(PATIENCE, max_examples=count)(given(case=cases(operation, known))(send))()
    return found


def test_the_schema_names_every_address_that_machines_call(operations):
    assert {operation.label for operation in operations} == EVERY_ADDRESS


def test_nothing_that_a_known_caller_sends_breaks_anything(operations, known, api_key):
    for operation in operations:
        is_optoro = operation.definition.raw["tags"] == ["Optoro"]
        key = WEBHOOK_API_KEY if is_optoro else api_key
        found = answers(operation, known, {"X-API-Key": key}, 4 if operation.label in OPEN else 40)
        assert found.keys() & {200, 201, 202}, f"{operation.label} was never taken: {found}"
        assert not found.keys() & {401}, f"{operation.label}: {found}"


def test_nothing_that_a_stranger_sends_breaks_or_reaches_anything(operations, known):
    for operation in operations:
        found = answers(operation, known, {}, 8)
        expected = {200} if operation.label in OPEN else {401, 404, 405}
        assert found.keys() <= expected, f"{operation.label}: {found}"
        assert found.keys() & {200, 401}


@pytest.mark.parametrize("path", ["rmas", "exchange_orders"])
@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-01-01T00:00:00-17:44", 200),
        ("0001-01-01T00:00:00+13:59", 400),
        ("9999-12-31T23:59:59-14:00", 400),
    ],
)
def test_a_moment_that_a_database_would_refuse_is_none_of_its_business(api, path, moment, status):
    answer = api.get(f"/api/v1/{path}", {"created_after": moment})
    assert answer.status_code == status
    if status == 400:
        [error] = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("created_after", "invalid")

"""Health, readiness, metrics, and the page that explains the API."""

import re
from datetime import UTC, datetime
from io import StringIO
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from apps.api import operations
from apps.outbox.models import Job
from tests.support import builders

pytestmark = pytest.mark.django_db


class Down:
    def __call__(self, execute, sql, params, many, context):
        raise OperationalError("postgres://desk:s3cret@db is down")


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_the_process_is_alive_even_without_a_database(client, path):
    with connection.execute_wrapper(Down()):
        answer = client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_the_desk_is_ready_with_its_database(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_without_its_database_it_is_not_ready_and_says_so(client):
    with connection.execute_wrapper(Down()):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failing",
        "check": "database",
        "why": "the database does not answer",
    }


def test_with_migrations_to_come_it_is_not_ready(client, monkeypatch):
    plan = operations.MigrationExecutor.migration_plan
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(operations.MigrationExecutor, "migration_plan", lambda *_: [plan])
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["check"], answer.json()["why"]) == (
        "database",
        "migrations are not applied",
    )


def test_without_its_redis_it_is_not_ready_and_says_so(client, settings):
    assert client.get("/readyz").status_code == 200
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": settings.REDIS_URL,
        }
    }
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["check"], answer.json()["why"]) == ("cache", "Redis does not answer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_only_read(client, path):
    assert client.head(path).status_code == 200
    for method in (client.post, client.put, client.delete):
        assert method(path).status_code == 405


def metrics(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return dict(re.findall(r"^([a-z_]+\{.*?\}) (\S+)$", answer.content.decode(), re.MULTILINE))


def test_metrics_count_the_queues_and_tell_their_age(client, send_rma, send_order, drain, optoro):
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        empty = metrics(client)
        assert set(empty.values()) == {"0.0"}
        send_rma(b"nonsense")
        drain()
        send_rma(builders.rma())
        send_rma(builders.rma("RMA-2"))
        send_order(builders.order())
        clock.shift(90)
        assert metrics(client) == {
            **empty,
            'inbox_deliveries{state="received"}': "2.0",
            'inbox_deliveries{state="quarantined"}': "1.0",
            'outbox_jobs{state="waiting"}': "2.0",
            'queue_oldest_due_seconds{queue="inbox"}': "90.0",
            'queue_oldest_due_seconds{queue="outbox"}': "90.0",
        }
        Job.objects.update(state="held")
        drain()
        shown = metrics(client)
        assert shown['outbox_jobs{state="held"}'] == "2.0"
        assert shown['queue_oldest_due_seconds{queue="inbox"}'] == "0.0"


# --- The schema --------------------------------------------------------------------------------


def test_the_schema_is_valid_and_complete():
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    for path in (
        "/api/v1/orders:",
        "/api/v1/orders/{identifier}:",
        "/api/v1/rmas:",
        "/api/v1/rmas/{rma_identifier}:",
        "/api/v1/refunds:",
        "/api/v1/refunds/{identifier}:",
        "/api/v1/deliveries:",
        "/api/v1/deliveries/{id}/replay:",
    ):
        assert path in re.sub(r"/:$", ":", out.getvalue(), flags=re.MULTILINE), path
    assert "X-API-Key" in out.getvalue()


@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/", "/api/docs", "/api/docs/"])
def test_the_schema_and_its_page_need_no_key(path):
    assert Client().get(path).status_code == 200


def test_the_page_loads_nothing_from_other_hosts_and_nothing_inline(client):
    page = client.get("/api/docs/")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(addresses) >= 3
    scripts = [address for address in addresses if "script" in address or address.endswith(".js")]
    assert scripts
    bodies = [client.get(script) for script in scripts]
    for address in addresses:
        assert urlsplit(address).netloc == "", address
    for body in bodies:
        text = b"".join(body) if body.streaming else body.content
        assert body.status_code == 200
        if len(text) < 20_000:  # what this project makes, not the library itself
            assert not re.search(rb"https?://(?!testserver)", text)
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*src=)", page.content.decode())

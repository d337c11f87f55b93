"""Credentials never get into logs, rows or answers."""

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.logs import RedactingFormatter, RequestIdFilter, request_id
from apps.common.redaction import HIDDEN, hide_secrets, kept_headers, storable


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t",
        "authorization: s3cr3t",
        "Authorization: Basic s3cr3t",
        "Authorization=Api-Key s3cr3t",
        "{'Authorization': 'Bearer s3cr3t'}",
        "{'authorization': 'bearer s3cr3t', 'Accept': '*/*'}",
        "[(b'Authorization', b'Bearer s3cr3t')]",
        "HTTP_AUTHORIZATION='Basic s3cr3t'",
        "sent bearer s3cr3t-and-more",
        "X-API-Key: s3cr3t",
        "{'X-API-Key': 's3cr3t'}",
        "HTTP_X_API_KEY=s3cr3t",
        '{"client_secret": "s3cr3t"}',
        '{"client_secret": "is, s3cr3t; {really}"}',
        r'{"client_secret": "a \" s3cr3t"}',
        r'"{\"access_token\": \"s3cr3t\"}"',
        '{"access_token":"s3cr3t","token_type":"Bearer"}',
        "client_id=a&client_secret=s3cr3t&grant_type=b",
        "password='s3cr3t'",
        "webhook_password: s3cr3t",
        "postgres://desk:s3cr3t@db:5432/desk",
        "postgres://desk:p@s3cr3t@db:5432/desk",
        "redis://:s3cr3t@redis:6379/0",
        "https://user:s3cr3t@orders.example/returns_portal_orders",
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text):
    hidden = hide_secrets(text)
    assert "s3cr3t" not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "Validation failed", "errors": [{"field": "password", "code": "invalid"}]}',
        "a basic idea",
        "see https://example.org:8443/path then write to a@example.org",
        "the authorization was refused",
        "amount 12800, order ORD-1",
    ],
)
def test_what_is_no_secret_stays(text):
    assert hide_secrets(text) == text


def test_what_stands_around_a_secret_stays():
    assert (
        hide_secrets('POST {"client_id": "a", "client_secret": "s3", "grant_type": "c"} failed')
        == f'POST {{"client_id": "a", "client_secret": "{HIDDEN}", "grant_type": "c"}} failed'
    )
    assert hide_secrets("redis://:s3@redis:6379/0") == f"redis://:{HIDDEN}@redis:6379/0"


@given(st.text(max_size=300))
def test_hiding_never_fails_and_hides_once_for_all(text):
    once = hide_secrets(text)
    assert hide_secrets(once) == once


@pytest.mark.parametrize(
    "piece", ["a", "password", "bearer ", "'bearer ", "://a:", "\\", "password: '", " ", "_"]
)
def test_hiding_takes_no_longer_than_the_text_is_long(piece):
    """An answer of a megabyte must not hold a worker up: with a square law this would run for
    minutes, and the test runner would show it."""
    text = (piece * (1_000_000 // len(piece)))[:1_000_000]
    assert len(hide_secrets(text)) > 0


def test_only_headers_on_the_list_are_kept():
    headers = {
        "Authorization": "Basic abc",
        "X-API-Key": "key",
        "Cookie": "sessionid=1",
        "Proxy-Authorization": "Basic abc",
        "X-Forwarded-For": "10.0.0.1",
        "Content-Type": "application/json",
        "X-Optiturn-Id": "Modrno",
        "x-optiturn-api-version": "3",
        "User-Agent": "u" * 600,
    }
    assert kept_headers(headers) == {
        "content-type": "application/json",
        "x-optiturn-id": "Modrno",
        "x-optiturn-api-version": "3",
        "user-agent": "u" * 500,
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [("plain é €", "plain é €"), ("a\x00b", "a\\x00b"), ("a\ud800b", "a\\ud800b"), ("", "")],
)
def test_text_is_made_storable_and_stays_readable(text, kept):
    assert storable(text) == kept


def formatted(**options):
    record = logging.LogRecord("apps.x", logging.ERROR, "x.py", 1, "it failed", (), **options)
    RequestIdFilter().filter(record)
    return RedactingFormatter().format(record)


def test_tracebacks_in_logs_show_no_secrets():
    try:
        raise ValueError("Authorization: Bearer s3cr3t-token")
    except ValueError:
        line = formatted(exc_info=sys.exc_info())
    assert "Traceback (most recent call last)" in line
    assert "ValueError: Authorization: Bearer [hidden]" in line
    assert "s3cr3t" not in line


def test_log_lines_carry_the_requests_id():
    assert "ERROR apps.x [-] it failed" in formatted(exc_info=None)
    token = request_id.set("abc-1")
    try:
        assert "ERROR apps.x [abc-1] it failed" in formatted(exc_info=None)
    finally:
        request_id.reset(token)

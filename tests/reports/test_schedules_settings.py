"""Mail as the environment sets it, and what the checks say where it does not."""

import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import run_checks

from tests.project.files import ROOT, plain_environment

SHOW = (
    "from django.conf import settings as s; print(s.EMAIL_BACKEND.split('.')[-2], s.EMAIL_HOST, "
    "s.EMAIL_PORT, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD, s.EMAIL_USE_TLS, s.EMAIL_USE_SSL, "
    "s.EMAIL_IS_MISSING, s.EMAIL_GOES_TO_FILES, s.DESK_URL)"
)
KEYS = {
    "SECRET_KEY": "x" * 60,
    "FIELD_ENCRYPTION_KEYS": "c" * 43 + "=",
    "ALLOWED_HOSTS": ".example.com,desk.example.com",
}


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env=plain_environment(DJANGO_SETTINGS_MODULE="returnsdesk.settings", **variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        (
            {"DEBUG": "1", "PORT": "9601"},
            "filebased localhost 25   False False False True http://127.0.0.1:9601",
        ),
        (KEYS, "filebased localhost 25   False False True False https://desk.example.com"),
        (
            {**KEYS, "EMAIL_URL": "smtps://me:p%40ss@mail.example.com"},
            "smtp mail.example.com 587 me p@ss True False False False https://desk.example.com",
        ),
        (
            {**KEYS, "EMAIL_URL": "smtp+ssl://mail.example.com", "DESK_URL": "https://d.example/"},
            "smtp mail.example.com 465   False True False False https://d.example",
        ),
    ],
)
def test_mail_is_set_by_the_environment(variables: dict[str, str], shown: str) -> None:
    answer = start(**variables)
    assert (answer.returncode, answer.stdout.strip()) == (0, shown), answer.stderr


def test_an_address_that_is_none_stops_the_start_and_shows_no_password() -> None:
    answer = start(**KEYS, EMAIL_URL="mail://me:hunter22@mail.example.com")
    assert answer.returncode != 0
    assert "EMAIL_URL: Invalid email schema mail; write smtps://" in answer.stderr
    assert "hunter22" not in answer.stderr


@pytest.mark.parametrize(
    ("url", "sender", "ids"),
    [
        ("", "desk@example.com", ["returnsdesk.W005"]),
        ("smtp://mail", "Returns Desk <returnsdesk@localhost>", ["returnsdesk.W006"]),
        ("smtp://mail", "Returns Desk <desk@example.com>", []),
    ],
)
def test_the_deployment_check_names_what_is_missing(
    settings: Any, url: str, sender: str, ids: list[str]
) -> None:
    settings.EMAIL_URL, settings.DEFAULT_FROM_EMAIL = url, sender
    found = run_checks(tags=["reports"], include_deployment_checks=True)
    assert [check.id for check in found] == ids

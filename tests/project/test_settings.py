"""Settings refuse what is missing, default or misspelt, and say what to write instead."""

import shutil
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from tests.project.files import ROOT, plain_environment

PRODUCTION = {
    "SECRET_KEY": "x" * 60,
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "ALLOWED_HOSTS": "desk.example.com",
}


@pytest.fixture
def start(tmp_path):
    """Loads the settings in a process of their own, away from any .env file."""
    shutil.copytree(ROOT / "returnsdesk", tmp_path / "returnsdesk")

    def run(show="DEBUG", **variables):
        return subprocess.run(
            [sys.executable, "-c", f"from django.conf import settings; print(settings.{show})"],
            cwd=tmp_path,
            env=plain_environment(
                DJANGO_SETTINGS_MODULE="returnsdesk.settings",
                PYTHONPATH=str(tmp_path),
                **variables,
            ),
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_production_starts_with_keys_of_its_own(start):
    answer = start("HTTPS_ONLY", **PRODUCTION)

    assert (answer.returncode, answer.stdout.strip()) == (0, "True"), answer.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_production_refuses_a_key_that_is_not_set(start, name):
    answer = start(**{key: value for key, value in PRODUCTION.items() if key != name})

    assert answer.returncode != 0
    assert f"ImproperlyConfigured: {name} is not set and DEBUG=0" in answer.stderr


def test_debug_allows_the_built_in_keys(start):
    answer = start("HTTPS_ONLY", DEBUG="1")

    assert (answer.returncode, answer.stdout.strip()) == (0, "False"), answer.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "yes"),
        ("DEBUG", ""),
        ("HTTPS_ONLY", "off"),
        ("PAYMENT_GATEWAY", "simulatd"),
        ("REFUND_TRIGGER", "Receipt"),
    ],
)
def test_a_word_that_is_not_allowed_stops_the_start(start, name, value):
    answer = start(**(PRODUCTION | {name: value}))

    assert answer.returncode != 0
    assert f"ImproperlyConfigured: {name}=" in answer.stderr


@pytest.mark.parametrize(("variables", "is_there"), [({"DEBUG": "1"}, True), (PRODUCTION, False)])
def test_with_debug_an_address_that_there_is_not_has_the_page_of_production(
    start, variables, is_there
):
    answer = start("MIDDLEWARE", **variables)
    assert answer.returncode == 0, answer.stderr
    assert ("NotFoundPageMiddleware" in answer.stdout) == is_there

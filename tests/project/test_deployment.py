"""The files that start Returns Desk: they agree with each other and with the settings."""

import ast
import os
import re
import subprocess

import pytest
import yaml

from tests.project.files import ROOT, plain_environment

READERS = ("strict_bool", "one_of")
NEEDED = ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "ALLOWED_HOSTS", "POSTGRES_PASSWORD")


def names_in_settings():
    names = set()
    for node in ast.walk(ast.parse((ROOT / "returnsdesk/settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        is_env = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "env"
        is_reader = isinstance(node.func, ast.Name) and node.func.id in READERS
        first = node.args[0]
        if (is_env or is_reader) and isinstance(first, ast.Constant):
            names.add(first.value)
    return names


def names_in_example():
    text = (ROOT / ".env.example").read_text()
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)


def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def names_in_compose():
    text = (ROOT / "docker-compose.yml").read_text()
    return set(re.findall(r"\$\{([A-Z0-9_]+)", text))


def test_the_example_names_every_variable_once():
    example = names_in_example()

    assert len(names_in_settings()) > 20
    assert len(example) == len(set(example))
    assert set(example) == names_in_settings() | names_in_compose()


def test_the_example_explains_every_variable():
    explained = False
    for line in (ROOT / ".env.example").read_text().splitlines():
        is_variable = re.match(r"#?[A-Z][A-Z0-9_]*=", line)
        assert not is_variable or explained, line
        explained = line.startswith("#") and not line.startswith("# ---") if line else False


def test_the_example_as_it_is_sets_nothing():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == []


def test_compose_runs_every_part():
    services = compose()["services"]

    assert set(services) == {"web", "worker", "beat", "migrate", "postgres", "redis"}
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
        }
    assert services["migrate"]["restart"] == "no"
    assert services["postgres"]["volumes"]


def test_compose_asks_for_the_health_of_what_others_wait_for():
    services = compose()["services"]

    assert "pg_isready" in " ".join(services["postgres"]["healthcheck"]["test"])
    assert "ping" in services["redis"]["healthcheck"]["test"]
    assert "inspect ping" in " ".join(services["worker"]["healthcheck"]["test"])
    assert "healthcheck" not in services["web"], "the image's own asks for /healthz"
    assert "/healthz" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", NEEDED)
def test_compose_refuses_to_start_without(name):
    text = (ROOT / "docker-compose.yml").read_text()

    assert re.search(rf"\$\{{{name}:\?[^}}]+\}}", text)


def test_compose_sets_only_what_is_known():
    environment = compose()["services"]["web"]["environment"]

    assert set(environment) <= names_in_settings()
    assert environment["DEBUG"] == "0"


def test_the_image_takes_no_secrets_along():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert "USER desk" in (ROOT / "Dockerfile").read_text()


def test_every_hook_is_local():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    assert [repo["repo"] for repo in repos] == ["local"]
    assert all(hook["language"] == "system" for hook in repos[0]["hooks"])


def test_the_ci_script_is_a_sound_program():
    script = ROOT / ".ci/run"

    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def make(*arguments):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_make_alone_lists_the_targets():
    answer = make()

    assert answer.returncode == 0
    for target in ("demo", "demo-reset", "test", "test-postgres", "lint", "lock"):
        assert f"make {target} " in answer.stdout


def test_make_says_which_python_it_needs(tmp_path):
    answer = make("demo", f"VENV={tmp_path}/venv", "PYTHON=false")

    assert answer.returncode != 0
    assert "Python 3.11, 3.12 or 3.13" in answer.stderr

"""What holds for all code and all pages."""

import ast
import re
import subprocess
import sys

import pytest
from django.core.management import call_command

from tests.project.files import ROOT, code_files, page_files, plain_environment

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def test_packages_import_only_from_below():
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=plain_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.django_db
def test_no_migration_is_missing(capsys):
    call_command("makemigrations", check=True, dry_run=True)


def test_files_stay_short():
    long = {}
    for path in code_files():
        lines = len(path.read_text().splitlines())
        if lines > MAX_FILE_LINES:
            long[str(path.relative_to(ROOT))] = lines

    assert not long


def test_functions_stay_short():
    long = {}
    for path in code_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = lines

    assert not long


def test_pages_load_nothing_from_another_host():
    """Only the names of XML vocabularies look like addresses; nobody goes there."""
    found = {}
    for path in page_files():
        text = re.sub(
            r"""xmlns(:\w+)?=(["'])https?://www\.w3\.org/[^"']*\2""", "", path.read_text()
        )
        addresses = re.findall(
            r"""https?://[^\s"'<>)]*|(?:src|href|url)\s*[=(]\s*["']?//\w""", text
        )
        if addresses:
            found[str(path.relative_to(ROOT))] = addresses

    assert not found

"""The named places to die at: each is named once, stands in the code, and is died at by a test."""

import ast
import os
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from apps.common import fault_points
from apps.common.fault_points import EXIT_CODE, POINTS, reach
from tests.crash.test_crash import CASES, PAIRS

APPS = Path(settings.BASE_DIR) / "apps"


def reached() -> Counter[str]:
    """How often each name stands in a call of `reach`."""
    found: Counter[str] = Counter()
    for path in APPS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name == "reach":
                argument = node.args[0]
                assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}"
                found[argument.value] += 1
    return found


@pytest.fixture
def ended(monkeypatch):
    """The codes with which the process would have ended."""
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(fault_points, "_reached", {})
    return codes


def test_every_place_has_one_name_and_every_name_a_place():
    assert len(POINTS) == len(set(POINTS))
    assert reached() == Counter(POINTS)


def test_the_process_dies_at_every_one_of_them():
    assert {case.partition(":")[0] for case in CASES} == set(POINTS)
    assert {name.partition(":")[0] for pair in PAIRS for name in pair} <= set(POINTS)


@pytest.mark.parametrize("value", [None, "", "payout", "payout.called.", "other", "9"])
def test_nothing_happens_unless_a_place_is_named(ended, monkeypatch, value):
    monkeypatch.delenv("FAULT_POINT", raising=False)
    if value is not None:
        monkeypatch.setenv("FAULT_POINT", value)
    for point in POINTS:
        reach(point)
    assert ended == []


@pytest.mark.parametrize("point", POINTS)
def test_the_process_ends_at_the_place_that_is_named_and_nowhere_else(ended, monkeypatch, point):
    monkeypatch.setenv("FAULT_POINT", f"{point}:2")
    for name in POINTS:
        reach(name)
    assert ended == []
    for name in POINTS:
        reach(name)
    assert ended == [EXIT_CODE] == [86]


def test_nothing_sets_it_but_tests():
    names = (".env.example", "Makefile", "returnsdesk/settings.py")
    files = [Path(settings.BASE_DIR) / name for name in names]
    assert [file.name for file in files if "FAULT_POINT" in file.read_text()] == []

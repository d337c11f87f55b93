"""The lock files: every package pinned and hashed, and no address of any registry."""

import re

import pytest

from tests.project.files import LOCKS, ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock):
    text = (ROOT / lock).read_text()
    return {normalized(name): version for name, version in PIN.findall(text)}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock):
    text = (ROOT / lock).read_text()

    for forbidden in ("://", "index-url", "find-links", "trusted"):
        assert forbidden not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_a_hash(lock):
    joined = (ROOT / lock).read_text().replace("\\\n", " ")
    requirements = [line for line in joined.splitlines() if line and line.lstrip()[:1] != "#"]

    assert len(requirements) == len(pins(lock)) > 20
    for line in requirements:
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_requirement_is_locked(lock):
    source = (ROOT / lock.replace(".txt", ".in")).read_text()
    wanted = re.findall(r"^([A-Za-z][A-Za-z0-9._-]*)", source, re.MULTILINE)

    assert {normalized(name) for name in wanted} <= set(pins(lock))


def test_tests_run_with_the_versions_that_are_shipped():
    shipped, tested = pins("requirements.txt"), pins("requirements-dev.txt")

    assert {name: tested.get(name) for name in shipped} == shipped

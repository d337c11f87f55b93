"""The supervisor with tiny children: what dies comes back, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.desk.demo.supervisor import Supervisor
from tests.project.files import ROOT, plain_environment

SLEEP = "import time; time.sleep(60)"
# A child with a child of its own, whose id it writes down.
FAMILY = (
    "import subprocess, sys, time; "
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "open('grandchild', 'w').write(str(grandchild.pid)); time.sleep(60)"
)


def python(program):
    return [sys.executable, "-c", program]


def until(condition, seconds=15.0, step=lambda: None):
    """Waits until `condition` holds, doing `step` meanwhile; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        step()
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_running(pid):
    """A process that has ended and waits to be noted counts as gone."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return sys.platform != "linux"


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(tmp_path, said):
    supervisor = Supervisor(folder=tmp_path, cwd=tmp_path, env=os.environ, say=said.append)
    yield supervisor
    supervisor.stop()


def test_a_child_that_is_killed_comes_back_with_a_line_about_it(supervisor, said, monkeypatch):
    monkeypatch.setattr("apps.desk.demo.supervisor.QUICK_SECONDS", 0.0)
    child = supervisor.add("web", python(SLEEP))
    first = child.process.pid
    os.kill(first, signal.SIGKILL)

    until(lambda: child.process and child.process.pid != first, step=supervisor.look)

    assert is_running(child.process.pid)
    assert said == ["[web] was ended by SIGKILL; starting it again now"]


def test_a_child_that_cannot_live_gets_growing_pauses(supervisor, said):
    child = supervisor.add("web", python("raise SystemExit(3)"))

    until(lambda: child.quick_deaths == 2, step=supervisor.look)

    assert said[0] == "[web] ended with exit code 3; starting it again in 1 s"
    assert said[1] == "[web] ended with exit code 3; starting it again in 2 s"


def test_what_a_dead_child_started_does_not_stay(supervisor, tmp_path):
    child = supervisor.add("web", python(FAMILY))
    until(lambda: (tmp_path / "grandchild").exists() and (tmp_path / "grandchild").read_text())
    grandchild = int((tmp_path / "grandchild").read_text())
    os.kill(child.process.pid, signal.SIGKILL)

    until(lambda: not is_running(grandchild), step=supervisor.look)


def test_stopping_ends_even_a_child_that_will_not(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr("apps.desk.demo.supervisor.GRACE_SECONDS", 0.5)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('up', 'w'); " + SLEEP
    child = supervisor.add("web", python(deaf))
    until((tmp_path / "up").exists)
    pid = child.process.pid

    supervisor.stop()

    assert not is_running(pid)


def test_only_complaints_reach_the_terminal(supervisor, said):
    child = supervisor.add(
        "worker",
        python("print('INFO all is well'); print('ERROR no luck', flush=True); " + SLEEP),
    )

    until(lambda: said, step=supervisor.look)

    assert said == ["[worker] ERROR no luck"]
    assert "all is well" in supervisor.log_of(child).read_text()


def test_a_flood_of_complaints_is_cut_short(supervisor, said):
    flood = "print('\\n'.join(f'ERROR {n}' for n in range(100)), flush=True); " + SLEEP
    child = supervisor.add("worker", python(flood))

    until(lambda: said, step=supervisor.look)
    supervisor.look()

    assert said[-1] == f"[worker] ... and more in {supervisor.log_of(child)}"
    assert len(said) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of this system cannot do it")
def test_children_go_when_the_supervisor_is_killed(tmp_path):
    program = (
        "import os, pathlib, time; from apps.desk.demo.supervisor import Supervisor; "
        "here = pathlib.Path.cwd(); "
        "supervisor = Supervisor(folder=here, cwd=here, env=os.environ, say=print); "
        f"supervisor.add('web', {python(SLEEP)!r}); time.sleep(60)"
    )
    parent = subprocess.Popen(
        python(program), cwd=tmp_path, env=plain_environment(PYTHONPATH=str(ROOT))
    )
    until(lambda: (tmp_path / "web.pid").exists() and (tmp_path / "web.pid").read_text())
    child = int((tmp_path / "web.pid").read_text())
    assert is_running(child)

    parent.kill()
    parent.wait()

    until(lambda: not is_running(child))

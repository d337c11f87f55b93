"""Runs a few processes side by side: starts a dead one again, and leaves none behind.

Each child leads a process group of its own, so that what it started goes with it, and writes to a
log file rather than to a pipe, so that it never waits for a reader. On Linux the kernel asks a
child to stop when the supervisor is gone, however that happened.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# A child that died within so many seconds of its start is given growing pauses.
QUICK_SECONDS = 3.0
LONGEST_PAUSE = 10.0
GRACE_SECONDS = 4.0
MAX_LOG_BYTES = 10 * 1024 * 1024
LINES_PER_WINDOW = 5
WINDOW_SECONDS = 10.0

_WORTH_SHOWING = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^Traceback |^CommandError")
_NOT_WORTH_SHOWING = re.compile(r"WARNING django\.request |No hostname was supplied")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def stop_with_parent(parent: int) -> None:
    """Has the kernel send this process SIGTERM when `parent`, which started it, is gone."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass
class Child:
    """A process to keep running, and how it has been doing."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float = 0.0
    quick_deaths: int = 0
    read_to: int = 0
    shown: list[float] = field(default_factory=list)


class Supervisor:
    """Keeps children running. Call `look` often; call `stop` at the end, whatever happened."""

    def __init__(
        self, *, folder: Path, cwd: Path, env: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._folder, self._cwd, self._env, self._say = folder, cwd, dict(env), say
        self.children: list[Child] = []

    def add(self, name: str, command: Sequence[str]) -> Child:
        """Starts a child, with an empty log."""
        child = Child(name, command)
        self.log_of(child).write_bytes(b"")
        self.children.append(child)
        self._start(child)
        return child

    def log_of(self, child: Child) -> Path:
        """Returns the file that holds what `child` wrote."""
        return self._folder / f"{child.name}.log"

    def look(self) -> None:
        """Starts again what has died, and shows what the children complain of."""
        for child in self.children:
            self._show_complaints(child)
            if child.process is None:
                if time.monotonic() >= child.restart_at:
                    self._start(child)
            elif child.process.poll() is not None:
                self._bury(child, child.process)

    def stop(self) -> None:
        """Asks every child to stop, waits briefly, then ends whatever is left of their groups."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
        for process in running:
            _kill_group(process)
        self.children = []

    def _start(self, child: Child) -> None:
        supervisor = os.getpid()
        with self.log_of(child).open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603
                child.command,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: stop_with_parent(supervisor),
            )
        child.started_at = time.monotonic()
        (self._folder / f"{child.name}.pid").write_text(f"{child.process.pid}\n")

    def _bury(self, child: Child, process: "subprocess.Popen[bytes]") -> None:
        _kill_group(process)
        now = time.monotonic()
        is_quick = now - child.started_at < QUICK_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if is_quick else 0
        pause = min(2.0 ** (child.quick_deaths - 1), LONGEST_PAUSE) if is_quick else 0.0
        child.process, child.restart_at = None, now + pause
        when = f"in {pause:g} s" if pause else "now"
        self._say(f"[{child.name}] {_how_it_ended(process.returncode)}; starting it again {when}")

    def _show_complaints(self, child: Child) -> None:
        log = self.log_of(child)
        if log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)
            child.read_to = 0
        with log.open("rb") as file:
            file.seek(child.read_to)
            text, newline, _ = file.read().rpartition(b"\n")
        child.read_to += len(text) + len(newline)
        for line in text.decode(errors="replace").splitlines():
            if _WORTH_SHOWING.search(line) and not _NOT_WORTH_SHOWING.search(line):
                self._show(child, line)

    def _show(self, child: Child, line: str) -> None:
        now = time.monotonic()
        child.shown = [moment for moment in child.shown if now - moment < WINDOW_SECONDS]
        child.shown.append(now)
        if len(child.shown) <= LINES_PER_WINDOW:
            self._say(f"[{child.name}] {line[:300]}")
        elif len(child.shown) == LINES_PER_WINDOW + 1:
            self._say(f"[{child.name}] ... and more in {self.log_of(child)}")


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    # When nothing is left of the group, Linux says so with ESRCH and macOS with EPERM.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how_it_ended(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    return f"was ended by {signal.Signals(-returncode).name}"

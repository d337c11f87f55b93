"""Where the project's own files are, and small readers for them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")


def code_files() -> Iterator[Path]:
    """Yields the Python files of the product, migrations left out."""
    for folder in ("apps", "returnsdesk"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def page_files() -> Iterator[Path]:
    """Yields templates, styles, scripts and pictures."""
    roots = [ROOT / "templates", ROOT / "static"]
    roots += [path for name in ("templates", "static") for path in ROOT.glob(f"apps/*/{name}")]
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix in (".html", ".txt", ".css", ".js", ".svg"):
                yield path


def plain_environment(**variables: str) -> dict[str, str]:
    """Returns an environment for a child process that holds nothing of this one's settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | variables

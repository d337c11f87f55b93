"""Fingerprints of messages and files."""

import hashlib
import json
from pathlib import Path
from typing import Any


def sha256_of_bytes(body: bytes) -> str:
    """Returns the hexadecimal SHA-256 of exactly these bytes."""
    return hashlib.sha256(body).hexdigest()


def sha256_of_file(path: str | Path) -> str:
    """Returns the hexadecimal SHA-256 of a file, which is never in memory as a whole."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(content: Any) -> str:
    """Returns JSON in one spelling only: sorted names, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_of_content(content: Any) -> str:
    """Returns the SHA-256 of JSON content, whatever its spacing and order of names."""
    return sha256_of_bytes(canonical_json(content).encode("utf-8", "surrogatepass"))

"""What must never reach a log, a row or an answer."""

import re
from collections.abc import Mapping

HIDDEN = "[hidden]"

# Headers of a delivery that are worth keeping; everything else (credentials above all) is dropped.
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "content-length",
        "user-agent",
        "date",
        "x-optiturn-id",
        "x-optiturn-api-version",
        "x-request-id",
    }
)

_SECRETS = (
    re.compile(r"(?i)(authorization\s*[:=]\s*)(basic|bearer|api-key)?\s*[^\s,;\"']+"),
    re.compile(r"(?i)\b(bearer|basic|api-key)\s+[a-z0-9._~+/=-]{8,}"),
    re.compile(
        r"(?i)([\"']?(?:client_secret|access_token|refresh_token|password|x-api-key|api_key)[\"']?"
        r"\s*[:=]\s*[\"']?)[^\s,;&\"'}]+"
    ),
    re.compile(r"(?i)(://[^/\s:@]+:)[^@\s/]+(?=@)"),
)


def hide_secrets(text: str) -> str:
    """Returns `text` with credentials, tokens and passwords in URLs replaced."""
    text = _SECRETS[0].sub(rf"\1{HIDDEN}", text)
    text = _SECRETS[1].sub(rf"\1 {HIDDEN}", text)
    text = _SECRETS[2].sub(rf"\1{HIDDEN}", text)
    return _SECRETS[3].sub(rf"\1{HIDDEN}", text)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers worth keeping, names in lower case, values cut at 500 characters."""
    return {
        name.lower(): value[:500] for name, value in headers.items() if name.lower() in KEPT_HEADERS
    }

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

_NAMES = r"authorization|client_secret|access_token|refresh_token|password|x[-_]api[-_]key|api_key"
# What stands between a secret's name and its value: `=`, `:`, quotes, and quotes quoted again.
_BETWEEN = r"""\\*["']?\s*[:=]\s*(?:b(?=["']))?"""
_SECRETS = (
    # "name": "value", with whatever stands between the quotes
    re.compile(rf"""(?i)((?:{_NAMES}){_BETWEEN}(?P<q>\\*["']))(?:(?!(?P=q))(?:\\.|[^\\\n]))*"""),
    # name: Basic value
    re.compile(
        rf"""(?i)((?:{_NAMES}){_BETWEEN}(?:(?:basic|bearer|api-key)\s+)?)[^\s,;&"'\\}})]+"""
    ),
    # 'Bearer value', Basic value
    re.compile(r"""(?i)(["'](?:bearer|basic|api-key)\s+)[^"'\\]+"""),
    re.compile(r"(?i)\b((?:bearer|basic|api-key)\s+)[a-z0-9._~+/=-]{8,}"),
    # redis://:password@host, postgres://user:password@host
    re.compile(r"(://[^/\s:@]*:)[^\s/]+(?=@)"),
)


def hide_secrets(text: str) -> str:
    """Returns `text` with credentials, tokens and passwords in URLs replaced."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


def storable(text: str) -> str:
    """Returns `text` without what databases refuse: NUL characters and halves of character pairs
    are made visible."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the headers worth keeping, names in lower case, values cut at 500 characters."""
    return {
        name.lower(): value[:500] for name, value in headers.items() if name.lower() in KEPT_HEADERS
    }

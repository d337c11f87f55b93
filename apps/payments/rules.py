"""What a payment account must hold, gateway by gateway. Pure: rows and settings come in as data."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from apps.common.errors import FieldError

BEHAVIOURS = (
    "ok",
    "declined",
    "slow",
    "timeout_after",
    "timeout_before",
    "garbage",
    "pending",
)
LONGEST_SLEEP_SECONDS = 30
LONGEST_TIMEOUT_SECONDS = 60
PENDING_BECOMES = ("paid", "declined")
LONGEST_ACCOUNT_NAME = 255
_MOST_OF_A_HOST = 100
_PLAIN_NAME = re.compile(r"[a-z_]{1,30}")

# Each takes the value and whether plain http is allowed, and says what is wrong, or "". That goes
# into rows and onto screens, and a secret may have been put into the wrong box: it does not repeat
# the value.
Check = Callable[[Any, bool], str]


def _address(value: Any, allow_http: bool) -> str:
    """Addresses go to the outside with credentials, so they are encrypted ones."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return "must be a text such as https://pay.example.com/refunds"
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return "is no address; write one such as https://pay.example.com/refunds"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or a password: credentials belong to the secrets"
    if parts.scheme not in ("https", "http") or not parts.hostname or " " in value:
        return "is no address; write one such as https://pay.example.com/refunds"
    if parts.scheme == "http" and not allow_http:
        return "is not encrypted; write https:// (http:// is for DEBUG=1 only)"
    return ""


def _status_address(value: Any, allow_http: bool) -> str:
    if not isinstance(value, str) or "{key}" not in value:
        return "must hold {key}, such as https://pay.example.com/refunds/{key}"
    if "{key}" in value.partition("://")[2].partition("/")[0]:
        return "must hold {key} in its path or query, not in the host"
    return _address(value.replace("{key}", "key"), allow_http)


def _seconds(least: float, most: float) -> Check:
    def check(value: Any, allow_http: bool) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and least <= value <= most:
            return ""
        return f"must be a number of seconds from {least:g} to {most:g}"

    return check


def _one_of(words: tuple[str, ...]) -> Check:
    def check(value: Any, allow_http: bool) -> str:
        if isinstance(value, str) and value in words:
            return ""
        return f"must be one of: {', '.join(words)}"

    return check


def _script(value: Any, allow_http: bool) -> str:
    if not isinstance(value, list) or not value:
        return f"must be a list of one or more of: {', '.join(BEHAVIOURS)}"
    for number, word in enumerate(value, start=1):
        if word not in BEHAVIOURS:
            return f"word {number} is none of: {', '.join(BEHAVIOURS)}"
    return ""


def _scripts(value: Any, allow_http: bool) -> str:
    if not isinstance(value, dict):
        return 'must be an object such as {"ORD-1": ["declined"]}'
    for order_identifier, script in value.items():
        problem = _script(script, allow_http)
        if problem:
            return f"order {order_identifier!r}: {problem}"
    return ""


def _stripe_account(value: Any, allow_http: bool) -> str:
    if isinstance(value, str) and value.startswith("acct_") and not _in_a_header(value, allow_http):
        return ""
    return "must be a connected account such as acct_1A2b3C, and no key"


def _in_a_header(value: Any, allow_http: bool) -> str:
    """It travels in a header, where a blank or a line break would end it or break the call."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value:
        return ""
    return "must be one word of plain letters, digits and signs"


def _any_text(value: Any, allow_http: bool) -> str:
    return "" if isinstance(value, str) else "must be a text"


@dataclass(frozen=True)
class _Needs:
    settings: Mapping[str, Check] = field(default_factory=dict)
    needed_settings: tuple[str, ...] = ()
    secrets: Mapping[str, Check] = field(default_factory=dict)
    needed_secrets: tuple[str, ...] = ()


_NEEDS: dict[str, _Needs] = {
    "simulated": _Needs(
        settings={
            "script": _script,
            "scripts": _scripts,
            "slow_seconds": _seconds(0, LONGEST_SLEEP_SECONDS),
            "pending_becomes": _one_of(PENDING_BECOMES),
        },
    ),
    "manual": _Needs(),
    "http": _Needs(
        settings={
            "url": _address,
            "status_url": _status_address,
            "timeout_seconds": _seconds(1, LONGEST_TIMEOUT_SECONDS),
        },
        needed_settings=("url", "status_url"),
        secrets={"signing_secret": _any_text, "bearer_token": _in_a_header},
        needed_secrets=("signing_secret",),
    ),
    "stripe": _Needs(
        settings={"api_base": _address, "account": _stripe_account},
        secrets={"api_key": _in_a_header},
        needed_secrets=("api_key",),
    ),
}
# Every secret that some gateway knows, in the order in which a form asks for them.
SECRETS = tuple(dict.fromkeys(name for needs in _NEEDS.values() for name in needs.secrets))


def needs_account(gateway: str) -> bool:
    """Returns whether the gateway can do nothing without an account."""
    needs = _NEEDS.get(gateway)
    return needs is not None and bool(needs.needed_settings or needs.needed_secrets)


def account_name(text: str, *, address: str) -> str:
    """Returns `text`, which tells one payment account from another, as rows can hold it: where it
    is too long, or has a query, which may carry a token, the host of `address` and a digest."""
    if len(text) <= LONGEST_ACCOUNT_NAME and "?" not in text:
        return text
    host = (urlsplit(address).hostname or "")[:_MOST_OF_A_HOST]
    return f"{host} {hashlib.sha256(text.encode()).hexdigest()}"


def account_problems(
    *, gateway: str, settings: Any, secrets: Any, allow_http: bool
) -> list[FieldError]:
    """Returns what keeps the gateway from using an account of these settings and secrets.

    `field` is `gateway`, `settings`, `settings.NAME`, `secrets` or `secrets.NAME`. No
    message repeats what a setting or a secret holds: it may be a secret in the wrong place.
    `allow_http` lets addresses be http://, for a machine of one's own.
    """
    needs = _NEEDS.get(gateway)
    if needs is None:
        names = ", ".join(sorted(_NEEDS))
        return [FieldError("gateway", "unknown", f"{gateway!r} is unknown; there are: {names}")]
    if not isinstance(settings, dict) or not isinstance(secrets, dict):
        what = "settings" if not isinstance(settings, dict) else "secrets"
        return [FieldError(what, "invalid", "must be a JSON object")]
    return [
        *_missing("settings", needs.needed_settings, settings),
        *_unknown_or_wrong("settings", needs.settings, settings, allow_http),
        *_missing("secrets", needs.needed_secrets, secrets),
        *_unknown_or_wrong("secrets", needs.secrets, secrets, allow_http),
    ]


def _missing(what: str, needed: tuple[str, ...], given: dict[str, Any]) -> list[FieldError]:
    return [
        FieldError(f"{what}.{name}", "missing", f"{name} is missing")
        for name in needed
        if given.get(name) in (None, "")
    ]


def _unknown_or_wrong(
    what: str, checks: Mapping[str, Check], given: dict[str, Any], allow_http: bool
) -> list[FieldError]:
    problems = []
    for name, value in given.items():
        check = checks.get(name)
        if check is None:
            problems.append(_not_known(what, name, checks))
        elif value not in (None, "") and (problem := check(value, allow_http)):
            problems.append(FieldError(f"{what}.{name}", "invalid", f"{name}: {problem}"))
    return problems


def _not_known(what: str, name: str, checks: Mapping[str, Check]) -> FieldError:
    if what == "settings" and name in SECRETS:
        message = f"{name} is a secret: it belongs to the secrets, not here"
        return FieldError(f"{what}.{name}", "unknown", message)
    # A key that was pasted in the place of a name is not repeated either.
    is_name = _PLAIN_NAME.fullmatch(name)
    field_name, shown = (f"{what}.{name}", name) if is_name else (what, "a name in it")
    known = ", ".join(checks) or "none"
    message = f"{shown} is not one of this gateway's {what}; there are: {known}"
    return FieldError(field_name, "unknown", message)

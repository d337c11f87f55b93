"""How often somebody may try to sign in: counted per name or person, and per network address.

The counters live in a cache of their own. With REDIS_URL all processes share them; the embedded
cache is one per process, so that with several of them each allows the full number.
"""

import hashlib
import ipaddress
import time
import unicodedata
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest

CACHE = "attempts"
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - written down where there is no address, never bound
_IPV6_NETWORK = 64


@dataclass(frozen=True)
class Try:
    """One try that was counted. `wait_seconds` is 0, or how long until the next one counts."""

    keys: tuple[str, ...]
    wait_seconds: int

    @property
    def is_allowed(self) -> bool:
        """Whether the password or code may be looked at."""
        return self.wait_seconds == 0

    @property
    def wait_minutes(self) -> int:
        """The wait in minutes, rounded up."""
        return -(-self.wait_seconds // 60)


def try_name(request: HttpRequest, name: str) -> Try:
    """Counts a try to sign in with a user name, whether there is such a person or not."""
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    return _try(request, f"name:{folded}")


def try_person(request: HttpRequest, user_id: int) -> Try:
    """Counts a try of somebody who is known already: a code, or the password again."""
    return _try(request, f"person:{user_id}")


def try_adding(request: HttpRequest, user_id: int) -> Try:
    """Counts a user name that an administrator wants to add. Whether somebody has it is told to
    them; that must not become a way to find out who else uses the desk."""
    return _try(request, f"adding:{user_id}")


def try_address(request: HttpRequest) -> Try:
    """Counts a try that names nobody, such as a passkey."""
    return _try(request, "")


def forget(attempt: Try) -> None:
    """Takes a try back that was right. Those before it stay counted against the address: one right
    password must not clear the way for guessing others'; they are forgotten for the name."""
    for key in attempt.keys:
        if key.startswith(("tries:name", "tries:person")):
            caches[CACHE].delete(key)
        else:
            _count(key, -1)


def address_of(request: HttpRequest) -> str:
    """Returns the caller's address, "" where the server does not know it. Of X-Forwarded-For only
    what TRUSTED_PROXY_COUNT proxies of our own have added is believed."""
    count = settings.TRUSTED_PROXY_COUNT
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    candidates = [request.META.get("REMOTE_ADDR", "")]
    if count > 0 and len(forwarded) >= count:
        candidates.insert(0, forwarded[-count])
    return next((bare for a in candidates if _parsed(bare := _without_port(a))), "")


def _without_port(address: str) -> str:
    """Some proxies write "203.0.113.1:4711" and "[2001:db8::1]:4711"."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _ = address.partition(":")
    return host if colon and address.count(":") == 1 else address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _network(address: str) -> str:
    """Whoever has an IPv6 address has the whole network of it."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.IPv6Network(f"{parsed}/{_IPV6_NETWORK}", strict=False))
    return address


def _try(request: HttpRequest, subject: str) -> Try:
    """Counts first and looks afterwards: tries that come at the same moment cannot slip through.

    An address over its limit counts against no name any more: it could fill the cache with names.
    Where no address is known, as behind a local socket, all would share one limit: there is none.
    """
    length = settings.SIGN_IN_WINDOW_MINUTES * 60
    now = int(time.time())
    window, left = now // length, length - now % length
    limits, address = {}, address_of(request)
    if address:
        limits[f"address:{_network(address)}"] = settings.SIGN_IN_TRIES_PER_ADDRESS
    if subject:
        limits[subject] = settings.SIGN_IN_TRIES_PER_NAME
    keys, wait_seconds = [], 0
    for name, most in limits.items():
        kind, _, value = name.partition(":")
        digest = hashlib.sha256(value.encode()).hexdigest()[:32]
        key = f"tries:{kind}:{window}:{digest}"
        keys.append(key)
        caches[CACHE].add(key, 0, timeout=length)
        if _count(key, 1) > most:
            wait_seconds = left
            break
    return Try(tuple(keys), wait_seconds)


def _count(key: str, step: int) -> int:
    try:
        return int(caches[CACHE].incr(key, step))
    except ValueError:
        # It ran out between the two calls: the window is over.
        return 0

"""Minting, sharing and renewing the access token (contract §2).

The database row is what processes share. Exactly one of them mints: it claims the row for a
moment, calls Optoro with no transaction open, and writes the token; the others wait for it, or go
on with the old one while that is still good.
"""

import re
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F, Q

from apps.common import clock
from apps.common.fields import CannotDecrypt
from apps.common.http import Client, RequestError
from apps.common.redaction import hide_secrets, storable
from apps.optoro.models import AccessToken

# A token is renewed when less than ten minutes (or a tenth of a shorter life) of it are left.
RENEW_BEFORE_SECONDS = 600
MINTING_LEASE = timedelta(seconds=30)
WAIT_SECONDS = 15.0
DEFAULT_LIFETIME_SECONDS = 90_000
LONGEST_LIFETIME_SECONDS = 30 * 86_400


class NoToken(Exception):
    """No token could be had; the text says why."""


@dataclass(frozen=True)
class Token:
    """A token, and which minting it is of."""

    value: str
    generation: int


def get_token(*, store_id: int, client_id: str, client_secret: str, client: Client) -> Token:
    """Returns a token that is good, minting one if need be; raises NoToken."""
    row = _row(store_id)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        if row.renew_at and row.renew_at > clock.now():
            return Token(row.token, row.generation)
        if _claim_minting(row):
            try:
                return _mint(row, client_id=client_id, client_secret=client_secret, client=client)
            except NoToken:
                if _is_good(row):
                    return Token(row.token, row.generation)
                raise
        row = AccessToken.objects.get(pk=row.pk)
        if _is_good(row):
            return Token(row.token, row.generation)
        if time.monotonic() > deadline:
            raise NoToken("another process is minting a token and does not finish")
        time.sleep(0.05)


def _row(store_id: int) -> AccessToken:
    try:
        return AccessToken.objects.get_or_create(store_id=store_id)[0]
    except CannotDecrypt:
        # Its key is gone from FIELD_ENCRYPTION_KEYS. A token is no loss: a new one is minted.
        AccessToken.objects.filter(store_id=store_id).update(
            token="", expires_at=None, renew_at=None
        )
        return AccessToken.objects.get(store_id=store_id)


def discard(*, store_id: int, generation: int) -> None:
    """Drops a token that Optoro refused, unless a newer one has taken its place already."""
    AccessToken.objects.filter(store_id=store_id, generation=generation).update(
        expires_at=None, renew_at=None
    )


def _is_good(row: AccessToken) -> bool:
    return row.expires_at is not None and row.expires_at > clock.now()


def _claim_minting(row: AccessToken) -> bool:
    free = Q(minting_until=None) | Q(minting_until__lt=clock.now())
    claimed = AccessToken.objects.filter(free, pk=row.pk, generation=row.generation).update(
        minting_until=clock.now() + MINTING_LEASE
    )
    return bool(claimed)


def _mint(row: AccessToken, *, client_id: str, client_secret: str, client: Client) -> Token:
    try:
        answer = _ask(client_id, client_secret, client)
    except BaseException:
        AccessToken.objects.filter(pk=row.pk).update(minting_until=None)
        raise
    fresh = AccessToken.objects.get(pk=row.pk)
    fresh.token = answer["access_token"]
    fresh.generation = F("generation") + 1
    fresh.minted_at = clock.now()
    lifetime = _lifetime(answer)
    fresh.expires_at = clock.in_seconds(lifetime)
    fresh.renew_at = clock.in_seconds(lifetime - min(RENEW_BEFORE_SECONDS, lifetime // 10))
    fresh.minting_until = None
    fresh.save()
    fresh.refresh_from_db()
    return Token(fresh.token, fresh.generation)


def _ask(client_id: str, client_secret: str, client: Client) -> dict[str, Any]:
    body = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    try:
        response = client.post("/oauth/token", json=body)
    except RequestError as error:
        raise NoToken(f"the token endpoint does not answer: {error!r}") from error
    if response.status_code not in (200, 201):
        text = storable(hide_secrets(response.text[:300]))
        raise NoToken(f"the token endpoint answered {response.status_code}: {text}")
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not _is_usable(answer.get("access_token")):
        raise NoToken("the token endpoint's answer holds no access_token that can be used")
    return answer


def _is_usable(token: Any) -> bool:
    """A token goes into a header: printable ASCII without spaces."""
    return isinstance(token, str) and bool(re.fullmatch(r"[!-~]+", token))


def _lifetime(answer: dict[str, Any]) -> int:
    try:
        seconds = int(answer.get("expires_in", DEFAULT_LIFETIME_SECONDS))
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_LIFETIME_SECONDS
    return min(max(1, seconds), LONGEST_LIFETIME_SECONDS)

"""Making keys for machine callers."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from apps.accounts.models import ApiKey
from apps.common import clock
from apps.stores.models import Store

_PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def create_api_key(*, store: Store, name: str, scopes: list[str]) -> str:
    """Creates a key and returns it; only its digest is kept, so this is the one time to see it.

    Raises ValueError for an unknown scope, or a name that cannot be kept.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise ValueError(f"the name is {len(name.strip())} characters long; write 1 to 100")
    unknown = sorted(set(scopes) - set(ApiKey.SCOPES))
    if unknown:
        raise ValueError(f"scope {unknown[0]!r} is unknown; use {', '.join(ApiKey.SCOPES)}")
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    ApiKey.objects.create(
        store=store, name=name.strip(), prefix=prefix, digest=_digest(secret), scopes=scopes
    )
    return f"rd_{prefix}_{secret}"


def find_api_key(presented: str) -> ApiKey | None:
    """Returns the live key that was presented, or None.

    The secret has 256 random bits: a plain digest is enough, no slow password hash.
    """
    head, _, rest = presented.partition("_")
    prefix, _, secret = rest.partition("_")
    if head != "rd" or not prefix or not secret:
        return None
    key = ApiKey.objects.select_related("store").filter(prefix=prefix).first()
    if key is None or not hmac.compare_digest(key.digest, _digest(secret)):
        return None
    if key.revoked_at or not key.store.is_active:
        return None
    _note_use(key)
    return key


def _note_use(key: ApiKey) -> None:
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""Access tokens as Optoro's auth host gives them out (contract §2)."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from apps.sandbox.faults import Faults

TOKEN_LIFETIME_SECONDS = 90_000


class WrongClient(Exception):
    """The client id or secret is wrong, or the grant is of another kind; the text says which."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(description)


class Tokens:
    """Mints tokens and knows which are still good."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        faults: Faults,
        lifetime_seconds: float = TOKEN_LIFETIME_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = (client_id, client_secret)
        self._faults = faults
        self._lifetime = lifetime_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._expiry: dict[str, float] = {}
        self.minted = 0
        self.refused = 0

    def mint(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answers a token request; raises WrongClient when it must be refused."""
        problem = self._problem(request)
        with self._lock:
            if problem:
                self.refused += 1
                raise problem
            lifetime = self._faults.amount("token_lifetime") or self._lifetime
            created = self._clock()
            self._forget_dead(created)
            token = secrets.token_urlsafe(32)
            self._expiry[token] = created + lifetime
            self.minted += 1
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "scope": "read write",
            "created_at": int(created),
        }

    def _problem(self, request: dict[str, Any]) -> WrongClient | None:
        if request.get("grant_type") != "client_credentials":
            return WrongClient("unsupported_grant_type", "grant_type must be client_credentials")
        given = (str(request.get("client_id", "")), str(request.get("client_secret", "")))
        right = [
            hmac.compare_digest(sent.encode(), wanted.encode())
            for sent, wanted in zip(given, self._client, strict=True)
        ]
        if all(right):
            return None
        return WrongClient("invalid_client", "client authentication failed")

    def _forget_dead(self, moment: float) -> None:
        for token in [name for name, expiry in self._expiry.items() if expiry <= moment]:
            del self._expiry[token]

    def is_good(self, authorization: str) -> bool:
        """Tells whether an `Authorization` header carries a token that still lives."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            return False
        token = token.strip()
        with self._lock:
            if self._expiry.get(token, 0.0) <= self._clock():
                return False
            if self._faults.strikes("expire_tokens"):
                del self._expiry[token]
                return False
            return True

    def kill_all(self) -> None:
        """Makes every token given out so far invalid."""
        with self._lock:
            self._expiry.clear()

    @property
    def alive(self) -> int:
        """How many tokens are still good."""
        with self._lock:
            self._forget_dead(self._clock())
            return len(self._expiry)

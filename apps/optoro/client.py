"""Calling Optoro: one method per call, answers sorted by what a caller does next (contract §3)."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from apps.common.http import BaseTransport, InvalidURL, RequestError, Response, make_client
from apps.common.redaction import hide_secrets, storable
from apps.optoro import token
from apps.stores.types import StoreConnection

KEPT_BODY = 20_000
_RETRYABLE = (401, 408, 425, 429)


class Verdict(StrEnum):
    """What a caller does next."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Answer:
    """Optoro's answer; `errors` are its field errors where it named any."""

    verdict: Verdict
    reason: str = ""
    status_code: int | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    body: str = ""


class OptoroClient:
    """Optoro's APIs for one store. No call is retried here but the one after a 401."""

    def __init__(
        self, connection: StoreConnection, *, transport: BaseTransport | None = None
    ) -> None:
        self.connection = connection
        self.transport = transport

    def send_order(self, body: str) -> Answer:
        """Posts one returns portal order (contract §8); `body` is the JSON text to send."""
        if not self.connection.optoro_orders_url or not self.connection.optoro_auth_url:
            return Answer(
                Verdict.RETRY,
                "Optoro's addresses are not configured: set OPTORO_AUTH_URL and OPTORO_ORDERS_URL "
                "or the store's own",
            )
        try:
            return self._post(
                self.connection.optoro_orders_url,
                "/returns_portal_orders",
                body,
                {"Api-Version": "3", "Content-Type": "application/json"},
            )
        except token.NoToken as error:
            return Answer(Verdict.RETRY, str(error))
        except InvalidURL as error:
            return Answer(Verdict.RETRY, f"Optoro's address is not usable: {error}")
        except RequestError as error:
            return Answer(Verdict.RETRY, f"Optoro does not answer: {error!r}")

    def _post(self, base_url: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        """Posts with the shared token; a 401 renews the token once (contract §3)."""
        response: Response | None = None
        with make_client(base_url=base_url, transport=self.transport) as client:
            for _ in range(2):
                current = self._token()
                response = client.post(
                    path,
                    content=body.encode(),
                    headers={**headers, "Authorization": f"bearer {current.value}"},
                )
                if response.status_code != 401:
                    break
                token.discard(store_id=self.connection.store_id, generation=current.generation)
        assert response is not None
        return _sorted(response)

    def _token(self) -> token.Token:
        with make_client(
            base_url=self.connection.optoro_auth_url, transport=self.transport
        ) as client:
            return token.get_token(
                store_id=self.connection.store_id,
                client_id=self.connection.optoro_client_id,
                client_secret=self.connection.optoro_client_secret,
                client=client,
            )


def _sorted(response: Response) -> Answer:
    status = response.status_code
    body = storable(hide_secrets(response.text[:KEPT_BODY]))
    if response.is_success:
        return Answer(Verdict.ACCEPTED, status_code=status, body=body)
    # A token that is refused twice in a row is Optoro's trouble or a matter of minutes: not ours
    # to give up on.
    if status in _RETRYABLE or status >= 500:
        return Answer(Verdict.RETRY, f"Optoro answered {status}", status, [], body)
    errors = _field_errors(response)
    named = "; ".join(f"{e.get('field')}: {e.get('code')}" for e in errors)
    reason = f"Optoro answered {status}" + (f": {named}" if named else "")
    return Answer(Verdict.REJECTED, reason, status, errors, body)


def _field_errors(response: Response) -> list[dict[str, Any]]:
    try:
        answer = json.loads(response.text)
    except (ValueError, RecursionError):
        return []
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        return []
    return [
        {name: storable(str(error.get(name, "")))[:255] for name in ("field", "code")}
        for error in errors[:100]
        if isinstance(error, dict)
    ]

"""A stand-in for Optoro in one process: records what it is sent, answers as it is told."""

import json
from collections.abc import Callable
from typing import Any

from apps.common.http import Request, Response

AUTH_URL = "http://auth.optoro.test"
ORDERS_URL = "http://orders.optoro.test"


class FakeOptoro:
    """Counts tokens, records snapshots; `answer` decides on each snapshot."""

    def __init__(self) -> None:
        self.tokens_minted = 0
        self.valid_tokens: set[str] = set()
        self.token_lifetime = 90000
        self.requests: list[Request] = []
        self.snapshots: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Response] = lambda order: Response(
            202, json={"message": "Accepted"}
        )

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.url.path == "/oauth/token":
            return self._mint(json.loads(request.content))
        token = request.headers.get("Authorization", "").removeprefix("bearer ")
        if token not in self.valid_tokens:
            return Response(401, json={"error": "invalid_token"})
        order = json.loads(request.content)["returns_portal_order"]["orders"][0]
        response = self.answer(order)
        if response.status_code in (200, 201, 202):
            self.snapshots.append(order)
        return response

    def _mint(self, asked: dict[str, Any]) -> Response:
        if asked.get("client_secret") != "optoro-secret":
            return Response(401, json={"error": "invalid_client", "error_description": "no"})
        self.tokens_minted += 1
        token = f"token-{self.tokens_minted}"
        self.valid_tokens.add(token)
        return Response(
            200,
            json={
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": self.token_lifetime,
                "scope": "read write",
                "created_at": 1,
            },
        )

    def last(self, identifier: str = "ORD-1") -> dict[str, Any]:
        """The newest snapshot of an order."""
        return [s for s in self.snapshots if s["identifier"] == identifier][-1]

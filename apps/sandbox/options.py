"""How a sandbox is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.sandbox.tokens import TOKEN_LIFETIME_SECONDS

HOURS_32 = 32 * 3600


@dataclass(frozen=True)
class Options:
    """Everything that can be set. The credentials have to match those the desk is given.

    Webhooks carry `webhook_api_key` as `X-API-Key` when there is one, else HTTP Basic when there
    is a user name, else nothing. With `workers=0` nothing is delivered by itself.
    """

    desk_url: str = "http://127.0.0.1:8000"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105
    webhook_username: str = ""
    webhook_password: str = ""
    webhook_api_key: str = ""
    optiturn_id: str = "default"
    host: str = "127.0.0.1"
    port: int = 0
    seed: int | None = None
    faults: Mapping[str, object] = field(default_factory=dict)
    token_lifetime: float = TOKEN_LIFETIME_SECONDS
    max_body_bytes: int = 5 * 1024 * 1024
    workers: int = 4
    webhook_timeout: float = 10.0
    retry_base: float = 1.0
    retry_cap: float = 30.0
    retry_for: float = HOURS_32
    exchange_attempts: int = 5
    snapshot_patience: float = 120.0

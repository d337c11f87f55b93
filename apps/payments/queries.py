"""Reading payment accounts, and telling why one cannot be used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from apps.common.errors import DeskError
from apps.common.fields import CannotDecrypt
from apps.common.redaction import HIDDEN, hide_secrets, storable
from apps.payments.models import PaymentAccount
from apps.payments.rules import account_problems, needs_account

_LONGEST_REASON = 300


class NotSetUp(DeskError):
    """A store's account of a gateway is missing or cannot be used; the text says where to set
    it."""


@dataclass(frozen=True)
class Account:
    """How one store reaches one gateway; its secrets show in no repr."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def clean(self, text: str) -> str:
        """Returns `text` fit for a row: short, storable, without this account's secrets."""
        for secret in sorted(self.secrets.values(), key=len, reverse=True):
            if secret:
                text = text.replace(secret, HIDDEN)
        return storable(hide_secrets(text))[:_LONGEST_REASON]


def account_of(*, store_id: int, gateway: str) -> Account:
    """Returns the store's account of that gateway, or an empty one where the gateway needs none;
    raises NotSetUp."""
    try:
        row = PaymentAccount.objects.filter(store_id=store_id, gateway=gateway).first()
    except CannotDecrypt as error:
        raise NotSetUp(f"the {gateway} account's secrets cannot be read: {error}") from None
    if row is None:
        if needs_account(gateway):
            raise NotSetUp(
                f"this store has no account of the gateway {gateway}: add one under Payment "
                "accounts in the administration"
            )
        return Account()
    return _usable(row)


def account_or_problem(*, store_id: int, gateway: str) -> Account | NotSetUp:
    """Returns what account_of does, and NotSetUp instead of raising it: for a gateway that keeps
    its first look, so that it pays from the account that it told of."""
    try:
        return account_of(store_id=store_id, gateway=gateway)
    except NotSetUp as error:
        return error


def _usable(row: PaymentAccount) -> Account:
    secrets = secrets_of(row)
    problems = account_problems(
        gateway=row.gateway, settings=row.settings, secrets=secrets, allow_http=settings.DEBUG
    )
    if problems:
        raise NotSetUp(
            f"the store's account of the gateway {row.gateway} cannot be used: "
            + storable("; ".join(problem.message for problem in problems))[:_LONGEST_REASON]
            + " (Payment accounts in the administration)"
        )
    return Account(
        settings={n: v for n, v in row.settings.items() if v not in (None, "")},
        secrets={n: v for n, v in secrets.items() if v},
    )


def secrets_of(row: PaymentAccount) -> Any:
    """Returns the account's secrets by name, or None where no key reads them or they are no
    JSON."""
    try:
        return json.loads(row.secrets or "{}")
    except (CannotDecrypt, ValueError, RecursionError):
        return None

"""What `manage.py check --deploy` says about payments."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register
from django.db import DatabaseError

from apps.payments.gateways import pays_gift_cards
from apps.payments.queries import NotSetUp, account_of
from apps.stores.models import Store


@register("payments", deploy=True)
def simulated_gateway_pays_nobody(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Refunds that the simulated gateway "pays" are reported to Optoro, and nobody is paid."""
    if settings.DEFAULT_STORE["payment_gateway"] != "simulated":
        return []
    return [
        Info(
            "PAYMENT_GATEWAY is `simulated`: refunds are marked as paid and no money moves.",
            hint="Use it for demos and trials only.",
            id="returnsdesk.I001",
        )
    ]


@register("payments", deploy=True)
def stores_can_pay(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Every active store's gateways are known, and have what they need to pay."""
    try:
        # Without the columns of secrets: one that no key reads must not hide the other stores.
        stores = list(
            Store.objects.filter(is_active=True)
            .order_by("pk")
            .values_list("pk", "identifier", "payment_gateway", "gift_card_gateway")
        )
        return [message for row in stores for message in _problems(*row)]
    except DatabaseError:
        return []  # before the first migration, or without a database, there are no stores to tell


def _problems(
    store_id: int, identifier: str, payment_gateway: str, gift_card_gateway: str
) -> Iterator[CheckMessage]:
    payment_gateway = payment_gateway or settings.DEFAULT_STORE["payment_gateway"]
    for name in dict.fromkeys(filter(None, (payment_gateway, gift_card_gateway))):
        if name not in settings.PAYMENT_GATEWAYS:
            yield Error(
                f"Store {identifier}: there is no payment gateway {name!r}.",
                hint=f"Choose one at the store: {', '.join(settings.PAYMENT_GATEWAYS)}.",
                id="returnsdesk.E001",
            )
            continue
        try:
            account_of(store_id=store_id, gateway=name)
        except NotSetUp as problem:
            yield Error(
                f"Store {identifier}: {problem}.",
                hint="Its payments wait until this is set; see docs/payments.md.",
                id="returnsdesk.E002",
            )
    if gift_card_gateway in settings.PAYMENT_GATEWAYS and not pays_gift_cards(gift_card_gateway):
        yield Error(
            f"Store {identifier}: {gift_card_gateway} cannot pay onto gift cards.",
            hint="Choose another gift card gateway, such as manual.",
            id="returnsdesk.E003",
        )

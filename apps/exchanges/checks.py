"""What `manage.py check` says about the tax of exchange orders."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError
from django.utils.module_loading import import_string

from apps.stores.models import Store


@register("exchanges")
def tax_services_can_be_imported(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Every entry of EXCHANGE_TAX_SERVICES must be a class, or a function that makes a service."""
    errors: list[CheckMessage] = []
    for name, path in settings.EXCHANGE_TAX_SERVICES.items():
        try:
            is_usable = callable(import_string(path))
        except ImportError:
            is_usable = False
        if not is_usable:
            errors.append(
                Error(
                    f"EXCHANGE_TAX_SERVICES[{name!r}] is {path!r}: there is nothing to call there.",
                    hint="Write the dotted path of a class with a method `quote(sale)`.",
                    id="returnsdesk.E101",
                )
            )
    return errors


@register(Tags.database)
def stores_name_known_tax_services(
    app_configs: Any, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """A store whose tax service is unknown could place no exchange order."""
    if not databases:
        return []
    known = set(settings.EXCHANGE_TAX_SERVICES)
    try:
        stores = list(Store.objects.exclude(exchange_tax_service__in=known))
    except DatabaseError:
        return []  # not migrated yet
    return [
        Error(
            f"Store {store.identifier!r} has the exchange tax service "
            f"{store.exchange_tax_service!r}, which is unknown.",
            hint=f"Choose one of EXCHANGE_TAX_SERVICES: {', '.join(sorted(known))}.",
            id="returnsdesk.E102",
        )
        for store in stores
    ]

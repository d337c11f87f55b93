"""What `manage.py check --deploy` says about signing in."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register("accounts", deploy=True)
def proxies_are_counted(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """What ends TLS in front of the desk is a proxy: uncounted, it is everybody's address."""
    if not settings.HTTPS_ONLY or settings.TRUSTED_PROXY_COUNT > 0:
        return []
    return [
        checks.Warning(
            "HTTPS_ONLY=1 and TRUSTED_PROXY_COUNT=0: whoever comes through the proxy that ends TLS "
            "has its address, so that the limit per address stops all of them together.",
            hint="Set TRUSTED_PROXY_COUNT to the number of proxies of your own in front.",
            id="returnsdesk.W001",
        )
    ]

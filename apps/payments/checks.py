"""What `manage.py check --deploy` says about payments."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, register


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

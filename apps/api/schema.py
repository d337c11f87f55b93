"""What the OpenAPI page says beyond the views; loaded when the app is ready."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI page how callers sign in."""

    target_class = "apps.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "A key made with `manage.py createapikey`.",
        }


def add_bodies_of_deletions(result: dict[str, Any]) -> None:
    """Gives each DELETE the body of the POST beside it: taking something back needs a reason like
    asking for it, and drf-spectacular names no body of a DELETE."""
    for methods in result["paths"].values():
        if "delete" in methods and "requestBody" in methods.get("post", {}):
            methods["delete"]["requestBody"] = methods["post"]["requestBody"]

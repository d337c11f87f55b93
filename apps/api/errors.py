"""Error answers: `message` always, `errors` with field and code where fields are wrong."""

from typing import Any

from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from apps.common.bodies import Incomplete, TooLarge
from apps.common.errors import FieldError, InvalidMessage, Refused


def field_errors(errors: list[FieldError]) -> list[dict[str, str]]:
    """Returns field errors as they go over the wire."""
    return [{"field": e.field, "code": e.code, "message": e.message} for e in errors]


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turns errors into answers; what it does not know becomes a 500 elsewhere."""
    if isinstance(error, InvalidMessage):
        body = {"message": "The request is not valid.", "errors": field_errors(error.errors)}
        return Response(body, status=422)
    if isinstance(error, TooLarge | Incomplete):
        return Response({"message": str(error)}, 413 if isinstance(error, TooLarge) else 400)
    if isinstance(error, Refused):
        return Response({"message": str(error)}, status=409)
    response = default_handler(error, context)
    if response is not None:
        response.data = _body(error)
    return response


def _body(error: Exception) -> dict[str, Any]:
    if isinstance(error, ParseError):
        return {"message": str(error.detail)}
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        errors = [
            {"field": name, "code": "invalid", "message": " ".join(map(str, messages))}
            for name, messages in error.detail.items()
        ]
        return {"message": "The request is not valid.", "errors": errors}
    if isinstance(error, APIException):
        return {"message": str(error.detail)}
    return {"message": str(error) or "Not found."}

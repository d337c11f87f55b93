"""Reading the body of a request, whole or not at all."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest


class TooLarge(Exception):
    """A body is larger than MAX_BODY_BYTES."""

    def __init__(self) -> None:
        super().__init__(f"The body is larger than {settings.MAX_BODY_BYTES} bytes")


class Incomplete(Exception):
    """A body did not come whole."""


def read_body(request: HttpRequest) -> bytes:
    """Returns the whole body; raises TooLarge or Incomplete.

    A chunked body has no Content-Length, and Django would read it as empty: it is read from the
    server's own stream, which ends where the body ends. Where the caller breaks off, servers hand
    over what has come so far: that is not the message.
    """
    declared = _declared_length(request)
    try:
        body = _read_chunked(request) if declared is None else request.body
    except RequestDataTooBig:
        raise TooLarge from None
    except Exception as error:
        raise Incomplete(f"the body cannot be read: {error!r}") from error
    if len(body) > settings.MAX_BODY_BYTES:
        raise TooLarge
    if declared is not None and len(body) < declared:
        raise Incomplete(f"{declared} bytes were announced, {len(body)} came")
    return body


def _declared_length(request: HttpRequest) -> int | None:
    if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
        return None
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _read_chunked(request: HttpRequest) -> bytes:
    if not request.META.get("wsgi.input_terminated"):
        raise Incomplete("this server cannot read chunked bodies")
    body: bytes = request.META["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
    return body

"""Bodies and headers of calls that write: read strictly, so that nobody believes that a field did
something that it did not."""

import json
import re
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from apps.common.bodies import read_body
from apps.optoro.reading import MAX_TEXT, Reader, load_json, refuse_unstorable

# Enough to recognize the name that is wrong.
_SHOWN_NAME = 100
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
# A string of HTTP's structured fields: quotes and backslashes in it are escaped.
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_KEY_REMEDY = f"Send 1 to {MAX_TEXT} printable characters, the same ones whenever you try again."


def read_object(request: Request, *names: str) -> Reader:
    """Returns a reader of the body, a JSON object that has no fields but `names`. Fields of others
    are noted; raises InvalidMessage where it is no object, or cannot be stored."""
    content = load_json(read_body(request))
    refuse_unstorable(content)
    reader = Reader(content)
    reader.raise_errors()
    refuse_other_fields(reader, *names)
    return reader


def refuse_other_fields(reader: Reader, *names: str) -> None:
    """Notes every field of an object that is none of `names`."""
    for name in reader.content:
        if name not in names:
            message = f"is no field of this request; there are: {', '.join(names)}"
            reader.add(name[:_SHOWN_NAME], "unknown_field", message)


def read_quantity(reader: Reader, name: str) -> int:
    """Reads how many units, 1 or more. What is no number is not also called too small."""
    value = reader.content.get(name)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return reader.count(name, least=1 if is_number else 0)


def read_amount(reader: Reader, name: str, *, without: str) -> int | None:
    """Reads a positive amount in cents; None where it is left out, which means `without`. Null is
    no amount: it may be one that got lost on its way."""
    if name not in reader.content:
        return None
    remedy = f"write 1 or more cents, or leave it out for {without}"
    if reader.content[name] is None:
        reader.add(name, "invalid_type", f"is null; {remedy}")
        return None
    before = len(reader.errors)
    cents = reader.cents(name)
    if cents == 0 and len(reader.errors) == before:
        reader.add(name, "invalid", f"is 0; {remedy}")
    return cents


def idempotency_key(request: Request) -> str:
    """Returns the key of the header `Idempotency-Key`, bare or in double quotes; raises ParseError
    with the remedy where there is none that can be used."""
    header = request.headers.get("Idempotency-Key", "").strip()
    key = header
    if header.startswith('"'):
        quoted = _QUOTED.fullmatch(header)
        if quoted is None:
            raise ParseError(f"Idempotency-Key: the quotes are not closed. {_KEY_REMEDY}")
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    if not key.strip():
        raise ParseError(f"Idempotency-Key: is missing or blank. {_KEY_REMEDY}")
    if len(key) > MAX_TEXT:
        raise ParseError(f"Idempotency-Key: is {len(key)} characters long. {_KEY_REMEDY}")
    if not _PRINTABLE.fullmatch(key):
        raise ParseError(f"Idempotency-Key: holds what cannot be printed in ASCII. {_KEY_REMEDY}")
    return key


def plain_json(data: Any) -> Any:
    """Returns serialized data as it goes over the wire, names in alphabetical order."""
    return in_alphabetical_order(json.loads(JSONRenderer().render(data)))


def in_alphabetical_order(content: Any) -> Any:
    """Returns JSON content with its names in one order: databases keep them in another one, and an
    answer that is given again has the very same bytes."""
    return json.loads(json.dumps(content, sort_keys=True))

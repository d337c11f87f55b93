"""The sandbox's own endpoints: its state, and the levers for returns, webhooks and faults.

They ask for no credentials, since the sandbox listens on the loopback address and holds nothing
that is real. A browser on another site must not pull the levers, though: requests that carry an
`Origin` are refused.
"""

import re
from collections.abc import Callable
from typing import Any

from apps.common.clock import wire_time
from apps.sandbox import page
from apps.sandbox.courier import Attempt, Message
from apps.sandbox.desk_calls import DeskFailed
from apps.sandbox.endpoints import Answer, BadJson, Request, json_answer, read_object
from apps.sandbox.exchanging import PATHS, ExchangeTerms
from apps.sandbox.faults import UnknownFault
from apps.sandbox.messages import overview
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.simulation import Simulation
from apps.sandbox.state import JsonObject

_MOVE = re.compile(r"/control/rmas/([^/]+)/move")
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_START_FIELDS = {
    "return_method": str,
    "gift_refund_only": bool,
    "giftee_email": str,
    "return_reason": str,
    "return_shipping_cost_cents": int,
    "concept": str,
    "version": int,
    "condition": str,
    "is_forgetful": bool,
    "has_bare_item": bool,
    "is_told_first": bool,
}
_TERMS_FIELDS = {"api_version": str, "bonus_percent": int, "rest_on_card": bool}


def handle(simulation: Simulation, request: Request) -> Answer | None:
    """Answers a request for the sandbox itself, or returns None if it is for something else."""
    path = request.path.rstrip("/") or "/"
    if request.method == "GET":
        return _look(simulation, path)
    lever = _LEVERS.get(path) if request.method == "POST" else None
    match = _MOVE.fullmatch(path) if request.method == "POST" else None
    if lever is None and match is None:
        return None
    if "origin" in request.headers:
        return json_answer(403, {"message": "the sandbox is not controlled from web pages"})
    try:
        if match:
            return _move(simulation, match.group(1), request)
        return lever(simulation, request) if lever else None
    except BadJson as error:
        return json_answer(400, {"message": str(error)})
    except (ReturnRefused, UnknownFault) as error:
        return json_answer(422, {"message": str(error), "reason": str(error)})
    except DeskFailed as error:
        return json_answer(502, {"message": str(error), "reason": str(error)})


def _look(simulation: Simulation, path: str) -> Answer | None:
    if path == "/":
        html = page.render(state(simulation)).encode()
        return Answer(200, html, "text/html; charset=utf-8", dict(_PAGE_HEADERS))
    if path == "/style.css":
        return Answer(200, page.stylesheet(), "text/css; charset=utf-8")
    if path == "/healthz":
        return json_answer(200, {"status": "ok"})
    if path == "/state":
        return json_answer(200, state(simulation))
    if path == "/violations":
        with simulation.books.lock:
            found = [violation.as_json() for violation in simulation.books.violations]
        return json_answer(200, {"violations": found})
    return None


def _start(simulation: Simulation, request: Request) -> Answer:
    document = read_object(request.body)
    identifier, items = document.get("order_identifier"), document.get("items")
    if not isinstance(identifier, str):
        raise ReturnRefused("order_identifier is missing")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ReturnRefused("items must be a list of objects")
    terms = ExchangeTerms(**_given(document, _TERMS_FIELDS))
    if terms.api_version not in PATHS or not 0 <= terms.bonus_percent <= 100:
        raise ReturnRefused("api_version is 1 or 2, bonus_percent from 0 to 100")
    given = _given(document, _START_FIELDS)
    rma_identifier = simulation.start_return(
        identifier, _with_kind(document, items), terms=terms, **given
    )
    return json_answer(201, {"rma_identifier": rma_identifier}, note=rma_identifier)


def _with_kind(document: JsonObject, items: list[JsonObject]) -> list[JsonObject]:
    """Lets `refund_type` and `variant` be said once for all items."""
    for_all = {name: document[name] for name in ("refund_type", "variant") if name in document}
    return [for_all | item for item in items]


def _given(document: JsonObject, fields: dict[str, type]) -> dict[str, Any]:
    """Returns the fields that are given; raises ReturnRefused for one of a wrong type."""
    given: dict[str, Any] = {}
    for name, kind in fields.items():
        value = document.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ReturnRefused(f"{name} must be of type {kind.__name__}")
        given[name] = value
    return given


def _move(simulation: Simulation, rma_identifier: str, request: Request) -> Answer:
    document = read_object(request.body)
    units = document.get("units")
    if units is not None and not (
        isinstance(units, list) and all(type(place) is int for place in units)
    ):
        raise ReturnRefused("units must be a list of whole numbers")
    event = str(document.get("event"))
    try:
        simulation.move(rma_identifier, event, units)
    except KeyError:
        return json_answer(404, {"message": f"RMA {rma_identifier} is unknown"})
    return json_answer(200, simulation.rma(rma_identifier), note=f"{rma_identifier} {event}")


def _send(simulation: Simulation, request: Request) -> Answer:
    message = simulation.send_webhook(request.body)
    return json_answer(202, {"message": "Queued", "number": message.number})


def _faults(simulation: Simulation, request: Request) -> Answer:
    simulation.faults.change(read_object(request.body))
    return json_answer(200, {"faults": simulation.faults.values()})


_LEVERS: dict[str, Callable[[Simulation, Request], Answer]] = {
    "/control/rmas": _start,
    "/control/webhooks": _send,
    "/control/faults": _faults,
}


def state(simulation: Simulation) -> JsonObject:
    """Returns everything there is to know, as of one moment."""
    books = simulation.books
    with books.lock:
        return {
            "desk_url": simulation.options.desk_url,
            "orders": {name: record.document for name, record in books.orders.items()},
            "snapshots": {name: record.snapshots for name, record in books.orders.items()},
            "rmas": [overview(rma) for rma in books.rmas.values() if not rma.is_draft],
            "exchange_orders": [one.as_json() for one in books.exchange_orders.values()],
            "questions": list(books.questions),
            "refunds": [
                {"order_identifier": known.order_identifier, **known.document}
                for known in books.refunds.values()
            ],
            "counters": dict(books.counters),
            "violations": [violation.as_json() for violation in books.violations],
            "tokens": {
                "minted": simulation.tokens.minted,
                "refused": simulation.tokens.refused,
                "alive": simulation.tokens.alive,
            },
            "faults": simulation.faults.values(),
            "faults_in_force": simulation.faults.in_force(),
            "pending": [_message(message) for message in simulation.courier.pending()],
            "parked": [_message(message) for message in simulation.courier.parked],
            "attempts": [_attempt(attempt) for attempt in simulation.courier.attempts],
            "requests": [
                {
                    "at": wire_time(entry.at),
                    "method": entry.method,
                    "path": entry.path,
                    "status": entry.status,
                    "note": entry.note,
                }
                for entry in books.requests
            ],
            "asns": list(books.asns),
            "vendors": dict(books.vendors),
            "play": dict(simulation.play_report),
        }


def _message(message: Message) -> JsonObject:
    return {
        "number": message.number,
        "what": message.what,
        "rma_identifier": message.rma_identifier,
        "created_at": wire_time(message.created_at),
        "state": message.state,
        "attempts": message.attempts,
        "last_answer": message.last_answer,
    }


def _attempt(attempt: Attempt) -> JsonObject:
    return {
        "at": wire_time(attempt.at),
        "number": attempt.number,
        "attempt": attempt.attempt,
        "what": attempt.what,
        "rma_identifier": attempt.rma_identifier,
        "status": attempt.status,
        "answer": attempt.answer,
        "milliseconds": attempt.milliseconds,
    }

"""Optoro's own endpoints: token, order snapshots, ASNs, vendor updates (contract §1 to §3)."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from apps.sandbox.simulation import Simulation
from apps.sandbox.tokens import WrongClient

API_VERSION = "3"


@dataclass(frozen=True)
class Request:
    """A request as the HTTP server read it; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer. `hang` is how many seconds the answer is kept back."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    note: str = ""
    hang: float = 0.0


class BadJson(ValueError):
    """The body is not JSON, or not an object."""


def json_answer(status: int, document: Any, note: str = "", hang: float = 0.0) -> Answer:
    """Returns an answer with a JSON body."""
    return Answer(status, json.dumps(document).encode(), note=note, hang=hang)


def read_json(body: bytes) -> Any:
    """Returns the parsed body; raises BadJson. `NaN` and its kin are not JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"malformed JSON: {error}") from error


def read_object(body: bytes) -> dict[str, Any]:
    """Returns the parsed body if it is an object; raises BadJson otherwise."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise BadJson("the body must be a JSON object")
    return document


def handle(simulation: Simulation, request: Request) -> Answer | None:
    """Answers a request for one of Optoro's endpoints, or returns None if it is for none."""
    path = request.path.rstrip("/")
    if request.method == "POST" and path == "/oauth/token":
        return _broken(simulation) or _token(simulation, request)
    known = {
        ("POST", "/returns_portal_orders"): _orders,
        ("POST", "/asns"): _asn,
        ("POST", "/vendor_updates"): _vendor,
    }.get((request.method, path))
    if request.method == "PUT" and path.startswith("/asns/"):
        known = _asn
    if known is None:
        return None
    try:
        return (
            _broken(simulation) or _unauthorized(simulation, request) or known(simulation, request)
        )
    except BadJson as error:
        return json_answer(400, {"message": str(error)}, note=str(error))


def _broken(simulation: Simulation) -> Answer | None:
    if simulation.faults.strikes("http500"):
        return json_answer(500, {"message": "Internal Server Error"}, note="fault http500")
    if simulation.faults.strikes("http429"):
        return json_answer(429, {"message": "Too Many Requests"}, note="fault http429")
    return None


def _unauthorized(simulation: Simulation, request: Request) -> Answer | None:
    if simulation.tokens.is_good(request.headers.get("authorization", "")):
        return None
    description = "the access token is missing, unknown or expired"
    body = {"error": "invalid_token", "error_description": description}
    answer = json_answer(401, body, note="token not accepted")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _token(simulation: Simulation, request: Request) -> Answer:
    form = "application/x-www-form-urlencoded"
    try:
        if request.headers.get("content-type", "").startswith(form):
            fields: dict[str, Any] = dict(parse_qsl(request.body.decode(errors="replace")))
        else:
            fields = read_object(request.body)
        return json_answer(200, simulation.tokens.mint(fields), note="token minted")
    except BadJson as error:
        body = {"error": "invalid_request", "error_description": str(error)}
        return json_answer(400, body, note=str(error))
    except WrongClient as error:
        body = {"error": error.error, "error_description": error.description}
        return json_answer(401, body, note=error.description)


def _orders(simulation: Simulation, request: Request) -> Answer:
    version = request.headers.get("api-version")
    if version != API_VERSION:
        message = f"header Api-Version must be {API_VERSION}, got {version!r}"
        return json_answer(400, {"message": message}, note=message)
    body = read_json(request.body)
    problems = simulation.receive_orders(body)
    if problems:
        with simulation.books.lock:
            simulation.books.counters["snapshots_refused"] += 1
        note = "; ".join(f"{found['field']}: {found['code']}" for found in problems[:5])
        return json_answer(422, {"message": "Validation failed", "errors": problems}, note=note)
    names = ", ".join(order["identifier"] for order in body["returns_portal_order"]["orders"])
    hang = simulation.faults.amount("slow_seconds") if simulation.faults.strikes("slow") else 0.0
    return json_answer(202, {"message": "Accepted"}, note=names[:200], hang=hang)


def _asn(simulation: Simulation, request: Request) -> Answer:
    document = read_object(request.body)
    with simulation.books.lock:
        simulation.books.asns.append(document)
        simulation.books.counters["asns"] += 1
    return json_answer(202, {"message": "Accepted"})


def _vendor(simulation: Simulation, request: Request) -> Answer:
    document = read_object(request.body)
    inner = document.get("vendor_update")
    identifier = inner.get("vendor_identifier") if isinstance(inner, dict) else None
    if not isinstance(identifier, str):
        errors = [{"field": "vendor_update.vendor_identifier", "code": "missing_field"}]
        return json_answer(422, {"message": "Validation failed", "errors": errors})
    with simulation.books.lock:
        is_new = identifier not in simulation.books.vendors
        simulation.books.vendors[identifier] = document
        simulation.books.counters["vendor_updates"] += 1
    return json_answer(201 if is_new else 202, {"message": "Accepted"})

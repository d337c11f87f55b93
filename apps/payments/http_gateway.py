"""A payment service of the retailer's own, called over HTTP. docs/payments.md tells its makers what
comes in and what must come back."""

import hashlib
import hmac
import json
from functools import cached_property
from typing import Any
from urllib.parse import quote

from apps.common import clock
from apps.common.http import (
    BaseTransport,
    Client,
    OpenTransaction,
    Request,
    TimeoutException,
    make_client,
    refuse_open_transaction,
)
from apps.payments.answers import (
    Unusable,
    bounded_body,
    json_object,
    not_sent,
    other_amount,
    short_reference,
    unknown,
)
from apps.payments.queries import Account, NotSetUp, account_or_problem
from apps.payments.rules import account_name
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest

SIGNATURE_HEADER = "X-Returns-Desk-Signature"
MOST_BYTES = 64 * 1024
_TIMEOUT_SECONDS = 20.0
_MOST_CENTS = 2**63 - 1
_OUTCOMES = {
    "paid": GatewayOutcome.PAID,
    "declined": GatewayOutcome.DECLINED,
    "pending": GatewayOutcome.PENDING,
}


class HttpGateway:
    """Posts each payment, signed, with its key; asks for what became of it by the same key."""

    is_told = False

    def __init__(self, store_id: int, *, transport: BaseTransport | None = None) -> None:
        self.store_id = store_id
        self.transport = transport

    @cached_property
    def _set_up(self) -> Account | NotSetUp:
        return account_or_problem(store_id=self.store_id, gateway="http")

    @property
    def account(self) -> str:
        """Both addresses: another one may be another service, which never saw our keys."""
        if isinstance(self._set_up, NotSetUp):
            return ""
        settings = self._set_up.settings
        return account_name(f"{settings['url']} {settings['status_url']}", address=settings["url"])

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Posts the payment; whatever is not a clear word of the service is UNKNOWN."""
        result = self._call(request, is_question=False)
        assert result is not None
        return result

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Asks for the key's state; None where the service answers 404."""
        return self._call(request, is_question=True)

    def _call(self, request: PayoutRequest, *, is_question: bool) -> GatewayResult | None:
        refuse_open_transaction("a call of the payment gateway")
        if isinstance(self._set_up, NotSetUp):
            return not_sent(str(self._set_up))
        try:
            return self._send(self._set_up, request, is_question=is_question)
        except OpenTransaction:
            raise
        except Unusable as error:
            return unknown(str(error))
        except TimeoutException:
            return unknown("no answer in time")
        except Exception as error:
            # Only its kind is told: the text of an error may hold what was sent.
            return unknown(f"the payment service cannot be reached ({type(error).__name__})")

    def _send(
        self, account: Account, request: PayoutRequest, *, is_question: bool
    ) -> GatewayResult | None:
        seconds = float(account.settings.get("timeout_seconds", _TIMEOUT_SECONDS))
        with make_client(transport=self.transport, timeout=seconds) as client:
            try:
                sent = (_question if is_question else _order)(client, account, request)
            except Exception as error:
                kind = type(error).__name__
                return not_sent(f"the payment service's account cannot be used ({kind})")
            response = client.send(sent, stream=True)
            try:
                if is_question and response.status_code == 404:
                    return None
                if not response.is_success:
                    raise Unusable(f"the payment service answered {response.status_code}")
                body = bounded_body(response, most_bytes=MOST_BYTES, seconds=seconds)
            finally:
                response.close()
        return _read(json_object(body), account, request, needs_key=is_question)


def _headers(account: Account) -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if "bearer_token" in account.secrets:
        headers["Authorization"] = f"Bearer {account.secrets['bearer_token']}"
    return headers


def _order(client: Client, account: Account, request: PayoutRequest) -> Request:
    body = json.dumps(
        {
            "key": request.key,
            "amount_cents": request.amount_cents,
            "currency": request.currency,
            "destination": request.destination,
            "recipient_email": request.recipient_email,
            "order_identifier": request.order_identifier,
            "refund_identifier": request.refund_identifier,
            "transaction_identifier": request.transaction_identifier,
            "tender": request.tender,
        }
    ).encode()
    headers = {
        **_headers(account),
        "Content-Type": "application/json",
        "Idempotency-Key": request.key,
        SIGNATURE_HEADER: signature(account.secrets["signing_secret"], body),
    }
    return client.build_request("POST", account.settings["url"], content=body, headers=headers)


def _question(client: Client, account: Account, request: PayoutRequest) -> Request:
    address = account.settings["status_url"].replace("{key}", quote(request.key, safe=""))
    question = client.build_request("GET", address, headers=_headers(account))
    question.headers[SIGNATURE_HEADER] = signature(
        account.secrets["signing_secret"], b"GET " + question.url.raw_path
    )
    return question


def signature(secret: str, content: bytes) -> str:
    """Returns the signature header's value: the time in Unix seconds, and the HMAC-SHA256 of that
    time, a dot and `content`."""
    moment = int(clock.now().timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + content, hashlib.sha256)
    return f"t={moment},v1={digest.hexdigest()}"


def _read(
    answer: dict[str, Any], account: Account, request: PayoutRequest, *, needs_key: bool
) -> GatewayResult:
    """Takes an answer for the outcome. Where the question named the key in its address only, a
    service that overlooks it would tell of some other payment: the answer must name it too."""
    status = answer.get("status")
    outcome = _OUTCOMES.get(status) if isinstance(status, str) else None
    if outcome is None:
        raise Unusable("the answer's status is none of paid, declined and pending")
    reference = short_reference(account.clean(_text(answer, "reference")))
    if answer.get("key") not in (None, request.key):
        return unknown("the answer speaks of another key", reference=reference)
    if needs_key and outcome != GatewayOutcome.PENDING and answer.get("key") is None:
        reason = f"the status answer says {status} and does not say of which key: it must hold key"
        return unknown(reason, reference=reference)
    amount_cents = _cents(answer)
    if amount_cents not in (None, request.amount_cents):
        return unknown(
            other_amount(
                ours_cents=request.amount_cents,
                theirs_cents=amount_cents or 0,
                currency=request.currency,
            ),
            reference=reference,
        )
    return GatewayResult(
        outcome,
        reference=reference,
        reason=account.clean(_text(answer, "reason")),
        amount_cents=amount_cents if outcome == GatewayOutcome.PAID else None,
    )


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if value is not None and not isinstance(value, str):
        raise Unusable(f"the answer's {name} is no text")
    return value or ""


def _cents(answer: dict[str, Any]) -> int | None:
    value = answer.get("amount_cents")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise Unusable("the answer's amount_cents is no whole number")
    if value is not None and abs(value) > _MOST_CENTS:
        raise Unusable("the answer's amount_cents is no amount of money")
    return value

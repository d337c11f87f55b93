"""Refunds by Stripe, through its own library, which calls through the desk's guarded HTTP client.

Stripe forgets idempotency keys after about a day, and the desk's keys are permanent: the key also
stands in the refund's metadata, and is looked for there before anything is paid.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import stripe
from babel.numbers import get_currency_precision

from apps.common.http import (
    BaseTransport,
    OpenTransaction,
    RequestError,
    make_client,
    refuse_open_transaction,
)
from apps.payments.answers import (
    Unusable,
    bounded_body,
    not_sent,
    other_amount,
    short_reference,
    unknown,
)
from apps.payments.queries import Account, NotSetUp, account_or_problem
from apps.payments.rules import account_name
from apps.payments.types import GatewayOutcome, GatewayResult, PayoutRequest

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams, RefundListParams

# The library would write an id of this machine into the home directory and send it along, and would
# log the bodies of its calls.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

_TIMEOUT_SECONDS = 20.0
_MOST_BYTES = 4 * 1024 * 1024
_PAGE = 100
_MOST_PAGES = 20
_PARAMETERS = {"pi_": "payment_intent", "ch_": "charge"}
_OUTCOMES = {
    "succeeded": GatewayOutcome.PAID,
    "pending": GatewayOutcome.PENDING,
    "requires_action": GatewayOutcome.PENDING,
    "failed": GatewayOutcome.DECLINED,
    "canceled": GatewayOutcome.DECLINED,
}
# The smallest units in which Stripe counts; every other currency has two decimals there.
_NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class StripeGateway:
    """Pays back to the Stripe payment that `transaction_identifier` names."""

    is_told = False

    def __init__(self, store_id: int, *, transport: BaseTransport | None = None) -> None:
        self.store_id = store_id
        self.transport = transport

    @cached_property
    def _set_up(self) -> Account | NotSetUp:
        return account_or_problem(store_id=self.store_id, gateway="stripe")

    @property
    def account(self) -> str:
        """The connected account, Stripe's address, and whether the key is live. Nothing else of the
        key: keys are rolled, and the account stays the same."""
        if isinstance(self._set_up, NotSetUp):
            return ""
        address, account = _address(self._set_up), self._set_up.settings.get("account")
        mode = _mode(self._set_up.secrets["api_key"])
        name = f"{account} at {address} ({mode})" if account else f"{address} ({mode})"
        return account_name(name, address=address)

    def refund(self, request: PayoutRequest) -> GatewayResult:
        """Refunds once per key, for ever: a refund that carries the key already is the answer."""
        result = self._call(request, pays=True)
        return unknown("Stripe gave no answer") if result is None else result

    def find(self, request: PayoutRequest) -> GatewayResult | None:
        """Looks for the key among the payment's refunds; None only where all of them were read."""
        return self._call(request, pays=False)

    def _call(self, request: PayoutRequest, *, pays: bool) -> GatewayResult | None:
        refuse_open_transaction("a call of the payment gateway")
        problem = _why_not_by_stripe(request)
        if problem:
            return not_sent(problem)
        account = self._set_up
        if isinstance(account, NotSetUp):
            return not_sent(str(account))
        try:
            client = self._client(account)
            found = _found(client, account, request)
            return found if found or not pays else _create(client, account, request)
        except OpenTransaction:
            raise
        except Unusable as error:
            return unknown(str(error))
        except stripe.StripeError as error:
            return unknown(_why(error, account))
        except Exception as error:
            # Only its kind is told: the text of an error may hold what was sent.
            return unknown(f"Stripe's answer cannot be used ({type(error).__name__})")

    def _client(self, account: Account) -> stripe.StripeClient:
        return stripe.StripeClient(
            account.secrets["api_key"],
            stripe_account=account.settings.get("account"),
            base_addresses={"api": _address(account)},
            max_network_retries=0,
            http_client=_GuardedClient(self.transport),
        )


class _GuardedClient(stripe.HTTPClient):
    """What the library sends through: no redirects, no proxies, no call inside a transaction."""

    name = "httpx"

    def __init__(self, transport: BaseTransport | None) -> None:
        super().__init__()
        self._transport = transport

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Sends one request; returns body, status and headers, raises APIConnectionError."""
        headers = {**(headers or {}), "Accept-Encoding": "identity"}
        try:
            with (
                make_client(transport=self._transport, timeout=_TIMEOUT_SECONDS) as client,
                client.stream(
                    method.upper(), url, headers=headers, content=post_data or None
                ) as response,
            ):
                body = bounded_body(response, most_bytes=_MOST_BYTES, seconds=_TIMEOUT_SECONDS)
                return body.decode(errors="replace"), response.status_code, response.headers
        except RequestError as error:
            kind = type(error).__name__
            raise stripe.APIConnectionError(kind) from error  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Nothing is kept open between requests."""


def _address(account: Account) -> str:
    address: str = account.settings.get("api_base", stripe.DEFAULT_API_BASE)
    return address.rstrip("/")


def _mode(api_key: str) -> str:
    if api_key.startswith(("sk_live_", "rk_live_")):
        return "live"
    return "test" if api_key.startswith(("sk_test_", "rk_test_")) else "neither live nor test"


def _why_not_by_stripe(request: PayoutRequest) -> str:
    if request.destination != "original_payment":
        return (
            f"Stripe pays nothing to {request.destination}: set the store's gift card gateway to "
            "another one"
        )
    if request.transaction_identifier[:3] not in _PARAMETERS:
        return (
            "not a Stripe payment: the order's transaction must be named as Stripe does, pi_... or "
            "ch_..."
        )
    if _decimals(request.currency) != get_currency_precision(request.currency):
        return f"Stripe counts {request.currency} in other units than the desk: pay it by hand"
    return ""


def _decimals(currency: str) -> int:
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def _payment(request: PayoutRequest) -> dict[str, str]:
    return {_PARAMETERS[request.transaction_identifier[:3]]: request.transaction_identifier}


def _create(client: stripe.StripeClient, account: Account, request: PayoutRequest) -> GatewayResult:
    params: RefundCreateParams = {
        "amount": request.amount_cents,
        "metadata": {
            "desk_key": request.key,
            "refund_identifier": request.refund_identifier,
            "order_identifier": request.order_identifier,
        },
        **_payment(request),  # type: ignore[typeddict-item]
    }
    try:
        refund = client.v1.refunds.create(params, {"idempotency_key": request.key})
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        if not _says_nothing_was_made(error):
            raise
        reason = account.clean(error.user_message or "Stripe declined it and gave no reason")
        return GatewayResult(GatewayOutcome.DECLINED, reason=reason)
    return _read(refund.to_dict(), account, request)


def _says_nothing_was_made(error: stripe.StripeError) -> bool:
    """A payment that Stripe cannot find is no such word: another account may hold it, and may have
    refunded it."""
    body = error.json_body
    details = body.get("error") if isinstance(body, dict) else None
    kind = details.get("type") if isinstance(details, dict) else None
    if (error.http_status, kind) == (402, "card_error"):
        return True
    is_refused = (error.http_status, kind) == (400, "invalid_request_error")
    return is_refused and error.code != "resource_missing"


def _found(
    client: stripe.StripeClient, account: Account, request: PayoutRequest
) -> GatewayResult | None:
    """Returns the refund that carries the key, or None where the list was read to its end without
    one; raises Unusable where it cannot be told."""
    carrying = [refund for refund in _refunds(client, request) if _desk_key(refund) == request.key]
    if len(carrying) > 1:
        named = ", ".join(short_reference(str(refund.get("id"))) for refund in carrying[:5])
        return unknown(f"Stripe has several refunds with this key: {named}")
    return _read(carrying[0], account, request) if carrying else None


def _refunds(client: stripe.StripeClient, request: PayoutRequest) -> Iterator[dict[str, Any]]:
    params: RefundListParams = {"limit": _PAGE, **_payment(request)}  # type: ignore[typeddict-item]
    for _ in range(_MOST_PAGES):
        page = client.v1.refunds.list(params).to_dict()
        refunds, has_more = page.get("data"), page.get("has_more")
        if not isinstance(refunds, list) or not all(isinstance(r, dict) for r in refunds):
            raise Unusable("Stripe's list of refunds cannot be read")
        yield from refunds
        if has_more is False:
            return
        last = refunds[-1].get("id") if refunds else None
        if has_more is not True or not isinstance(last, str):
            raise Unusable("Stripe's list of refunds cannot be read to its end")
        params["starting_after"] = last
    raise Unusable(f"the payment has more than {_MOST_PAGES * _PAGE} refunds at Stripe")


def _desk_key(refund: dict[str, Any]) -> Any:
    metadata = refund.get("metadata")
    return metadata.get("desk_key") if isinstance(metadata, dict) else None


def _read(refund: dict[str, Any], account: Account, request: PayoutRequest) -> GatewayResult:
    """Takes a refund of Stripe's for the outcome, if it is the one that was asked for."""
    reference, status = refund.get("id"), refund.get("status")
    amount_cents, currency = refund.get("amount"), refund.get("currency")
    outcome = _OUTCOMES.get(status) if isinstance(status, str) else None
    if outcome is None or not isinstance(reference, str) or not isinstance(currency, str):
        raise Unusable("Stripe's answer is no refund that the desk can read")
    if not isinstance(amount_cents, int) or isinstance(amount_cents, bool):
        raise Unusable("Stripe's answer is no refund that the desk can read")
    reference = short_reference(account.clean(reference))
    if _desk_key(refund) != request.key:
        return unknown("Stripe's refund carries another key", reference=reference)
    if currency.upper() != request.currency:
        reason = f"Stripe refunds in {currency.upper()[:3]}, the desk in {request.currency}"
        return unknown(account.clean(reason), reference=reference)
    if amount_cents != request.amount_cents:
        reason = other_amount(
            ours_cents=request.amount_cents, theirs_cents=amount_cents, currency=request.currency
        )
        return unknown(reason, reference=reference)
    failure = refund.get("failure_reason")
    reason = failure if isinstance(failure, str) else "" if outcome == "paid" else str(status)
    paid_cents = amount_cents if outcome == GatewayOutcome.PAID else None
    return GatewayResult(outcome, reference, account.clean(reason), paid_cents)


def _why(error: stripe.StripeError, account: Account) -> str:
    """Returns a short reason. What Stripe says of a key it refuses shows a part of the key."""
    if isinstance(error, stripe.AuthenticationError):
        return "Stripe refuses the API key: check the payment account in the administration"
    if isinstance(error, stripe.PermissionError):
        return "Stripe does not let this API key refund: check its rights at Stripe"
    if isinstance(error, stripe.APIConnectionError):
        return f"Stripe does not answer ({error.user_message})"
    status = f" {error.http_status}" if error.http_status else ""
    if isinstance(error, stripe.APIError):
        return f"Stripe answered{status} with nothing the desk can use"
    return account.clean(f"Stripe answered{status}: {error.user_message}")

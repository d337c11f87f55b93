"""The shop towards the desk: posts orders, tells variants, asks for refunds and cancellations. One
attempt per call."""

from dataclasses import dataclass
from urllib.parse import quote

from apps.common import http
from apps.sandbox.catalogue import BY_API, Product
from apps.sandbox.options import Options
from apps.sandbox.state import JsonObject

ORDERS_PATH = "/api/v1/orders"
VARIANTS_PATH = "/api/v1/variants"
REFUNDS_PATH = "/api/v1/refunds"
RMAS_PATH = "/api/v1/rmas"
POST_TIMEOUT = 10.0


@dataclass(frozen=True)
class Trouble:
    """What went wrong. `is_desks` says that the desk is ill, and all else had better wait."""

    text: str
    is_desks: bool


class Storefront:
    """The order system's access to the desk's API."""

    def __init__(self, options: Options, api_key: str) -> None:
        self._told: set[int] = set()
        self._client = http.make_client(
            base_url=options.desk_url,
            timeout=POST_TIMEOUT,
            verify=options.desk_url.startswith("https"),
            headers={"Authorization": f"Api-Key {api_key}", "User-Agent": "simulated-shop"},
        )

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def post_order(self, snapshot: JsonObject) -> Trouble | None:
        """Posts a snapshot of an order."""
        body = {"returns_portal_order": {"orders": [snapshot]}}
        return self._send("POST", ORDERS_PATH, body)

    def tell_variants(self, products: tuple[Product, ...]) -> Trouble | None:
        """Tells the variants of the first of these products that the desk has not been told of.

        A desk that takes no variants is not asked again.
        """
        for product in products:
            if product.variants_are_told != BY_API or product.number in self._told:
                continue
            path = f"{VARIANTS_PATH}/{product.variant_identifier}"
            trouble = self._send("PUT", path, {"variants": product.variants()})
            if trouble is None or not trouble.is_desks:
                self._told.add(product.number)
            return trouble
        return None

    def knows(self, products: tuple[Product, ...]) -> bool:
        """Tells whether the variants of all these products have been told."""
        return all(
            product.variants_are_told != BY_API or product.number in self._told
            for product in products
        )

    def ask_refund(self, body: JsonObject, key: str) -> http.Response:
        """Asks for a refund; `key` names it for ever. Raises TransportError."""
        headers = {"Idempotency-Key": key}
        return self._client.post(REFUNDS_PATH, json=body, headers=headers)

    def ask_cancellation(self, rma_identifier: str, reason: str) -> http.Response:
        """Asks for a return's cancellation. Raises TransportError."""
        path = cancellation_path(rma_identifier)
        return self._client.post(path, json={"reason": reason})

    def _send(self, method: str, path: str, body: JsonObject) -> Trouble | None:
        try:
            response = self._client.request(method, path, json=body)
        except http.TransportError as error:
            return Trouble(f"the desk cannot be reached: {type(error).__name__}", is_desks=True)
        if not response.is_success:
            what = f"{response.status_code} {response.text[:200]}"
            return Trouble(f"the desk answered {what}", response.status_code >= 500)
        refusal = _refusal_in(response)
        return Trouble(refusal, is_desks=False) if refusal else None


def cancellation_path(rma_identifier: str) -> str:
    """Returns where a return's cancellation is asked for."""
    return f"{RMAS_PATH}/{quote(rma_identifier, safe='')}/cancel"


def _refusal_in(response: http.Response) -> str:
    """Returns what is wrong with an order by its own result, in an answer that is well itself."""
    try:
        answer = response.json()
    except ValueError:
        return ""
    results = answer.get("results") if isinstance(answer, dict) else None
    for result in results if isinstance(results, list) else []:
        if isinstance(result, dict) and result.get("errors"):
            return f"the desk refused it: {str(result['errors'])[:200]}"
    return ""

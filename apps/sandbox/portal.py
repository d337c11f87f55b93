"""The part of Optoro's portal in which a shopper chooses an exchange and the desk takes it."""

import copy
import json
from collections.abc import Sequence

from apps.common import http
from apps.sandbox import exchanging
from apps.sandbox.desk_calls import DeskCalls
from apps.sandbox.exchanging import GIFT_CARD_SKU
from apps.sandbox.options import Options
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.returns import ReturnItem
from apps.sandbox.state import (
    INSTANT_STORE_CREDIT,
    Books,
    ExchangeOrder,
    ExchangePlan,
    JsonObject,
    Rma,
)

# The guide names the address in two ways; which one is asked for depends on the product.
VARIANT_WORDS = ("variants", "variants", "exchange_variants")


class Portal:
    """Asks the desk while a shopper waits. Takes the lock of the books only between its calls."""

    def __init__(
        self, books: Books, options: Options, transport: http.BaseTransport | None = None
    ) -> None:
        self._books = books
        self._calls = DeskCalls(books, options, transport)

    def close(self) -> None:
        """Ends its connections."""
        self._calls.close()

    def choices(self, order: JsonObject, items: Sequence[ReturnItem]) -> dict[str, JsonObject]:
        """Returns the variant chosen for each line that is exchanged for goods.

        Raises ReturnRefused where none is on offer, DeskFailed where the desk did not tell.
        """
        if order["identifier"] in self._books.exchange_of_order:
            raise ReturnRefused(f"order {order['identifier']} has been exchanged already")
        chosen = {}
        for item in items:
            if item.refund_type == INSTANT_STORE_CREDIT:
                continue
            line = _line(order, item)
            variants = self._variants(str(line["variant_identifier"]))
            choice = exchanging.choose(variants, line, item.quantity, item.variant)
            chosen[item.line_identifier] = choice
        return chosen

    def _variants(self, identifier: str) -> list[JsonObject]:
        word = VARIANT_WORDS[sum(identifier.encode()) % len(VARIANT_WORDS)]
        response = self._calls.variants(identifier, word)
        if not response.is_success:
            raise ReturnRefused(f"variants of {identifier}: the desk said {response.status_code}")
        try:
            return exchanging.read_variants(response.json())
        except ValueError as error:
            with self._books.lock:
                self._books.violation("variants_wrong", identifier, str(error))
            raise ReturnRefused(f"variants of {identifier}: {error}") from error

    def place(self, rma: Rma) -> ExchangeOrder:
        """Asks once for the exchange order of an RMA and keeps what the desk answers.

        Raises DeskFailed where the same request may be made again, ReturnRefused where not.
        """
        plan = rma.plan
        if plan is None or any(unit.exchange_order_identifier for unit in rma.units):
            raise ReturnRefused(f"RMA {rma.identifier} has no exchange order to place")
        response = self._post(plan, rma)
        if response.status_code == 422:
            raise ReturnRefused(f"the desk refused the exchange: {_codes(response)}")
        if not response.is_success:
            raise ReturnRefused(f"the desk refused the exchange: {response.status_code}")
        with self._books.lock:
            try:
                return exchanging.take_answer(self._books, rma, plan, response.content)
            except ValueError as error:
                self._books.violation("exchange_answer_wrong", rma.identifier, str(error))
                raise ReturnRefused(f"the desk's answer is of no use: {error}") from error

    def repeat(self, exchange: ExchangeOrder) -> None:
        """Makes the same request again: the answer has to be the same, to the byte."""
        response = self._post(exchange.plan, self._books.rmas[exchange.rma_identifier])
        self._compare(exchange, response, "answer_differs", "the same request again")

    def ask_another(self, exchange: ExchangeOrder) -> None:
        """Asks for a different exchange of the same order: the first one's answer has to come."""
        plan = copy.deepcopy(exchange.plan)
        for item in plan.body["items"]:
            item["quantity"] += 1
            item["product_amount_cents"] += item["unit_price_amount_cents"]
        plan.body["note"] = "Another exchange of the same order"
        response = self._post(plan, self._books.rmas[exchange.rma_identifier])
        self._compare(exchange, response, "second_exchange", "another request for one order")

    def _post(self, plan: ExchangePlan, rma: Rma) -> http.Response:
        body = exchanging.request_bytes(plan)
        return self._calls.exchange_order(plan.path, plan.api_version, rma.identifier, body)

    def _compare(
        self, exchange: ExchangeOrder, response: http.Response, kind: str, what: str
    ) -> None:
        if response.is_success and response.content == exchange.answer_bytes:
            return
        got = f"{response.status_code} {response.text[:200]}"
        with self._books.lock:
            self._books.violation(kind, exchange.identifier, f"{what} was answered {got}")


def _line(order: JsonObject, item: ReturnItem) -> JsonObject:
    lines: list[JsonObject] = order["items"]
    for line in lines:
        if line["identifier"] == item.line_identifier and line.get("sku") != GIFT_CARD_SKU:
            return line
    raise ReturnRefused(f"line {item.line_identifier} cannot be exchanged")


def _codes(response: http.Response) -> str:
    try:
        errors = json.loads(response.content)["errors"]
        return ", ".join(f"{error['field']}: {error['code']}" for error in errors)
    except (ValueError, KeyError, TypeError):
        return f"422 {response.text[:200]}"

"""The shop as the retailer's own system: asks the desk for refunds, and to cancel a return.

Each is one attempt, written into the books with its answer. A refund that is asked for again has
the same key and the same body, and the desk must answer with the same bytes and pay nothing more.
"""

from collections.abc import Callable

from apps.common import http
from apps.sandbox.desk_calls import NotKnownYet, ask
from apps.sandbox.fields import name
from apps.sandbox.plots import (
    ASK_CANCELLATION,
    GOODWILL,
    GOODWILL_AGAIN,
    GOODWILL_OTHER,
    REFUND_EVERYTHING,
    REFUND_ONE,
)
from apps.sandbox.refusals import ReturnRefused
from apps.sandbox.state import Books, JsonObject
from apps.sandbox.storefront import REFUNDS_PATH, Storefront, cancellation_path
from apps.sandbox.story import Story

GOODWILL_CENTS = 500
OTHER_GOODWILL_CENTS = 700
# So often is asked for what the desk does not know: it may not have worked off its messages yet.
MOST_UNKNOWN = 10
API_VERSION = "1"
REASONS = {
    REFUND_ONE: "lost in the post",
    REFUND_EVERYTHING: "the whole delivery was lost in the post",
}


class Retailer:
    """Does the steps of a story that are the retailer's."""

    def __init__(self, books: Books, storefront: Storefront) -> None:
        self._books = books
        self._storefront = storefront
        self._steps: dict[str, Callable[[Story], None]] = {
            GOODWILL: lambda story: self._refund(story, GOODWILL),
            GOODWILL_AGAIN: self._repeat,
            GOODWILL_OTHER: self._ask_otherwise,
            REFUND_ONE: lambda story: self._refund(story, REFUND_ONE),
            REFUND_EVERYTHING: lambda story: self._refund(story, REFUND_EVERYTHING),
            ASK_CANCELLATION: self._cancel,
        }

    def do(self, story: Story, event: str) -> None:
        """Asks the desk once for what `event` (one of `RETAILERS`) says.

        Raises DeskFailed where the same may be asked again (NotKnownYet where the desk only needs a
        moment), ReturnRefused where the desk refused.
        """
        self._steps[event](story)

    def _refund(self, story: Story, event: str) -> None:
        body = refund_body(story, event)
        response = self._post_refund(story, event, body)
        if response.status_code not in (200, 201):
            raise self._refused(story, response)
        problem = _problem_in(response, body)
        if problem:
            self._violation("refund_answer_wrong", story, problem)
            raise self._refused(story, response)
        answer = response.json()
        story.first_answer = response.content
        story.asked.append(
            {"what": event, "identifier": answer["identifier"], "status": answer["status"]}
        )

    def _repeat(self, story: Story) -> None:
        """The answer was lost, say: the same request again, which must not pay again."""
        response = self._post_refund(story, GOODWILL, refund_body(story, GOODWILL))
        if response.status_code != 200 or response.content != story.first_answer:
            self._violation("refund_answer_differs", story, "the same request again", response)

    def _ask_otherwise(self, story: Story) -> None:
        """A mistake of the retailer: the key of one refund for another one."""
        body = refund_body(story, GOODWILL) | {"goodwill_amount_cents": OTHER_GOODWILL_CENTS}
        response = self._post_refund(story, GOODWILL, body)
        if response.status_code != 409:
            self._violation("key_reused", story, "another refund with the same key", response)

    def _cancel(self, story: Story) -> None:
        rma = story.rmas[-1]
        response = self._ask(
            story,
            cancellation_path(rma),
            lambda: self._storefront.ask_cancellation(rma, "the shopper keeps it"),
        )
        if response.status_code != 202:
            raise self._refused(story, response)
        story.asked.append({"what": ASK_CANCELLATION, "identifier": rma, "status": "taken"})

    def _post_refund(self, story: Story, event: str, body: JsonObject) -> http.Response:
        key = f"{story.order.identifier}-{event}"
        return self._ask(story, REFUNDS_PATH, lambda: self._storefront.ask_refund(body, key))

    def _ask(self, story: Story, path: str, call: Callable[[], http.Response]) -> http.Response:
        of = story.order.identifier
        response = ask(self._books, "POST", path, API_VERSION, of, call)
        if response.status_code == 404 and story.unknown < MOST_UNKNOWN:
            story.unknown += 1
            raise NotKnownYet(f"POST {path}: the desk does not know of it yet")
        return response

    def _refused(self, story: Story, response: http.Response) -> ReturnRefused:
        story.was_refused = True
        return ReturnRefused(f"the desk said {response.status_code} {response.text[:200]}")

    def _violation(
        self, kind: str, story: Story, what: str, response: http.Response | None = None
    ) -> None:
        got = f" was answered {response.status_code} {response.text[:200]}" if response else ""
        self._books.violation(kind, story.order.identifier, f"{what}{got}")


def refund_body(story: Story, event: str) -> JsonObject:
    """Returns the refund that is asked for: the same one whenever it is asked for again."""
    order = story.order.final
    body: JsonObject = {"order_identifier": order["identifier"]}
    if event == GOODWILL:
        return body | {"goodwill_amount_cents": GOODWILL_CENTS, "reason": "delivered late"}
    lines = [
        {"order_item_identifier": item["identifier"], "quantity": item["quantity_shipped"]}
        for item in order["items"]
        if item["quantity_shipped"]
    ]
    if event == REFUND_ONE:
        lines = [lines[0] | {"quantity": 1}]
    return body | {"lines": lines, "reason": REASONS[event]}


def _problem_in(response: http.Response, body: JsonObject) -> str:
    """Returns what is wrong with the desk's answer, or ""."""
    try:
        answer = response.json()
    except ValueError:
        return "the answer is no JSON"
    if not isinstance(answer, dict) or name(answer.get("identifier")):
        return "the answer has no identifier"
    wanted = body.get("goodwill_amount_cents")
    total = answer.get("total_refund_amount_cents")
    if wanted is not None and total != wanted:
        return f"{wanted} of goodwill was asked for, and {total} was answered"
    return "" if answer.get("status") else "the answer has no status"

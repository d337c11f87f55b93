"""What is measured: every list with each of its filters and sortings, every page, search, API.

Filters and sortings are read off the pages themselves, so that a new one is measured as soon as it
is there.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from random import Random
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from apps.attention.models import Item
from apps.catalog.models import Product, VariantImport
from apps.desk.reads.statements import TAB_NAMES
from apps.exchanges.models import ExchangeOrder
from apps.inbox.models import Delivery
from apps.orders.models import Order
from apps.outbox.models import Attempt, Job
from apps.refunds.models import Payout, Refund, RefundItem, RefundStatus
from apps.reports.models import Export
from apps.reports.refund_filters import AMOUNTS, COMPARED_WITH, DATES, LOOKED_FOR_IN, NOBODY
from apps.reports.registry import all_reports
from apps.reports.rules import Preset
from apps.rmas.models import Rma, RmaUnit
from apps.statements.queries import only_at_desk, statements_of
from apps.stores.models import Store
from tests.bench.measuring import Group, Target

SAMPLES = 16
LISTS = (
    "attention", "orders", "rmas", "exchanges", "refunds", "deliveries", "jobs", "catalog",
    "catalog-missed", "settlement", "approvals",
)  # fmt: skip
_SORTING = re.compile(r"[?&]sort=(-?\w+)")
_CONTROL = re.compile(r"<(select|input)\b([^>]*)>(.*?)(?=<(?:select|input|/form))", re.S)
_NAME = re.compile(r'\bname="([^"]+)"')
_VALUE = re.compile(r'\bvalue="([^"]+)"')
_TYPE = re.compile(r'\btype="([^"]+)"')
_OPTION = re.compile(r'<option value="([^"]+)"')
_NOT_FILTERS = {
    "sort", "page", "csrfmiddlewaretoken", "next", "store", "theme", "q", "list", "row", "columns",
    "scope", "action", "is_shared", "name", "query", "token", "person",
}  # fmt: skip
# Pages that show nothing of the books, or a file.
NOT_MEASURED = {
    "catalog-sample": "a file that is always the same",
    "catalog-import-errors": "a file, a line for each error of one import",
    "export-file": "bytes as they are kept; making them is measured by exports.py",
    "books-reopen": "a question about one month",
    **dict.fromkeys(
        ["schedule", "schedule-edit", "schedule-new", "schedule-remove"],
        "one schedule, which is as large with a million returns as with none",
    ),
    "statement-columns": "the first rows of a file",
    "statement-errors": "a file of 10,000 lines at most",
    "statement-file": "bytes as they are kept",
    "statement-sample": "a file of 5,000 lines at most",
    "bulk-run": "what became of 500 rows at most, read by their run",
    **dict.fromkeys(
        ["account", "app-add", "codes", "passkey-add", "password"],
        "a person's own sign-in: as large with a million returns as with none",
    ),
    **dict.fromkeys(
        ["person-second-factor", "person-take-out"], "a question about one person of a store"
    ),
}
_NOT_FOR_AGENTS = {
    "catalog-import", "catalog-imports", "payout", "policy-edit", "policy-renew",
    "approval-policy", "people", "reports", "report", "exports", "export", "books",
    "books-close", "statements", "statement", "statement-row", "statement-payout",
    "statement-rows", "schedules",
}  # fmt: skip
# Lists that are read whole at every look, whatever narrows them: one look tells all.
_BRIEFLY = {"settlement"}
# The last page that can be reached without narrowing, and what a file is measured with.
_DEEP_PAGE = 20
_CSV_ROWS = 10_000
_SOME_DAY = "2026-01-01T00:00:00Z"


class Sample:
    """Rows of the first store to look at, spread over all the years."""

    def __init__(self, store: Store, seed: int = 5) -> None:
        self.store = store
        self._random = Random(seed)

    def rows(self, rows: QuerySet[Any], field: str) -> list[Any]:
        """Returns `field` of up to SAMPLES rows, picked by key from the whole range."""
        low, high = (
            rows.order_by(order).values_list("pk", flat=True).first() or 0
            for order in ("pk", "-pk")
        )
        found: list[Any] = []
        for _ in range(SAMPLES):
            start = self._random.randint(low, max(low, high))
            found += rows.filter(pk__gte=start).order_by("pk").values_list(field, flat=True)[:1]
        return [value for value in dict.fromkeys(found) if value] or list(
            rows.values_list(field, flat=True)[:1]
        )


def targets(client: Client, store: Store) -> Iterator[Target]:
    """Yields everything that is measured on the desk of `store`, signed in as `client` is."""
    sample = Sample(store)
    yield Target(Group.PAGE, "home", "home", ("/",))
    for name in LISTS:
        yield from _list_targets(client, name, sample)
    yield from _page_targets(sample)
    yield from _search_targets(sample)


def _list_targets(client: Client, view: str, sample: Sample) -> Iterator[Target]:
    base = reverse(f"desk:{view}")
    page = unescape(client.get(base).content.decode())

    def target(name: str, *queries: dict[str, str]) -> Target:
        urls = tuple(f"{base}?{urlencode(query)}" if query else base for query in queries)
        return Target(Group.LIST, view, name, urls)

    yield target("plain", {})
    yield target("its pages", *({"page": str(number)} for number in range(1, 9)))
    yield target(f"page {_DEEP_PAGE}", {"page": str(_DEEP_PAGE)})
    if view in _BRIEFLY:
        return
    sortings = sorted({found.removeprefix("-") for found in _SORTING.findall(page)})
    for sorting in sortings:
        for sign in ("", "-"):
            yield target(f"sort={sign}{sorting}", {"sort": sign + sorting})
    choices = _choices(page)
    for name, values in choices.items():
        for value in values:
            yield target(f"{name}={value}", {name: value})
    yield from _texts(target, view, page, sample)
    yield from _wide(target, view, page, sample)
    yield from _combined(target, choices, sortings)


def _wide(target: Any, view: str, page: str, sample: Sample) -> Iterator[Target]:
    """A list with every column there is, and what it gives as a file."""
    boxes = (attributes for _, attributes, _ in _CONTROL.findall(page))
    columns = [_VALUE.search(box) for box in boxes if 'name="columns"' in box]
    if columns:
        named = ",".join(found[1] for found in columns if found)
        yield target("every column", {"columns": named})
        query = urlencode(_newest_rows(view, sample))
        url = f"{reverse('desk:list-csv', args=[view])}?{query}"
        yield Target(Group.CSV, "list-csv", f"{view}, about {_CSV_ROWS:,} rows", (url,))


def _newest_rows(view: str, sample: Sample) -> dict[str, str]:
    """The filter that keeps about so many rows as a file is measured with; all of a list that has
    no days."""
    dated: dict[str, tuple[QuerySet[Any], str]] = {
        "orders": (Order.objects.filter(store=sample.store), "remote_created_at"),
        "rmas": (Rma.objects.filter(store=sample.store), "remote_created_at"),
        "exchanges": (ExchangeOrder.objects.filter(store=sample.store), "placed_at"),
        "refunds": (Refund.objects.filter(store=sample.store), "created_at"),
        "deliveries": (Delivery.objects.filter(store=sample.store), "received_at"),
        "jobs": (Job.objects.filter(store=sample.store), "created_at"),
    }
    if view not in dated:
        return {}
    rows, field = dated[view]
    moments = rows.order_by(f"-{field}").values_list(field, flat=True)
    last = moments[_CSV_ROWS : _CSV_ROWS + 1] or moments.reverse()[:1]
    return {"since": f"{last[0]:%Y-%m-%d}"}


def _choices(page: str) -> dict[str, list[str]]:
    """What can be chosen, by filter: the options of selects and the boxes to tick."""
    found: dict[str, list[str]] = {}
    for kind, attributes, content in _CONTROL.findall(page):
        named = _NAME.search(attributes)
        if not named or named[1] in _NOT_FILTERS:
            continue
        ticked = _VALUE.search(attributes) if 'type="checkbox"' in attributes else None
        if kind == "select":
            found[named[1]] = _OPTION.findall(content)
        elif ticked:
            found.setdefault(named[1], []).append(ticked[1])
    return found


def _texts(target: Any, view: str, page: str, sample: Sample) -> Iterator[Target]:
    """Filters that people type into: days and names."""
    for kind, attributes, _ in _CONTROL.findall(page):
        named = _NAME.search(attributes)
        if kind != "input" or not named or named[1] in _NOT_FILTERS:
            continue
        typed = _TYPE.search(attributes)
        if typed and typed[1] == "date":
            yield target(f"{named[1]}=a day", *({named[1]: day} for day in _days(sample)))
        elif typed and typed[1] == "number":
            name = named[1]
            money = {"currency": "USD"} if name.startswith("amount") else {}
            yield target(f"{name}=a number", *({name: str(n), **money} for n in (3, 10, 60, 150)))
        elif not typed or typed[1] in ("text", "search"):
            for what, values in _typed(view, named[1], sample):
                yield target(f"{named[1]}={what}", *({named[1]: str(v)} for v in values))


def _days(sample: Sample) -> list[str]:
    moments = sample.rows(Rma.objects.filter(store=sample.store), "remote_created_at")
    return [f"{moment:%Y-%m-%d}" for moment in moments]


def _typed(view: str, name: str, sample: Sample) -> Iterator[tuple[str, list[str]]]:
    known: dict[tuple[str, str], tuple[QuerySet[Any], str]] = {
        ("deliveries", "subject"): (Delivery.objects.filter(store=sample.store), "subject"),
        ("jobs", "label"): (Job.objects.filter(store=sample.store), "label"),
        ("orders", "sku"): (RmaUnit.objects.filter(rma__store=sample.store), "sku"),
        ("rmas", "sku"): (RmaUnit.objects.filter(rma__store=sample.store), "sku"),
        ("rmas", "order"): (Order.objects.filter(store=sample.store), "identifier"),
        ("refunds", "currency"): (Refund.objects.filter(store=sample.store), "currency"),
        ("rmas", "brand"): (Rma.objects.filter(store=sample.store), "concept"),
        ("exchanges", "search"): (
            ExchangeOrder.objects.filter(store=sample.store), "customer_email",
        ),
        ("settlement", "search"): (
            ExchangeOrder.objects.filter(store=sample.store), "transaction_id",
        ),
        ("catalog", "search"): (Product.objects.filter(store=sample.store), "variant_identifier"),
    }  # fmt: skip
    if (view, name) in known:
        yield "a name", sample.rows(*known[(view, name)])
    yield "no hit", ["no-such-thing-1", "no-such-thing-2"]


def _combined(target: Any, choices: dict[str, list[str]], sortings: list[str]) -> Iterator[Target]:
    """Two filters at once, as people combine them; and each list's first filter with a sorting."""
    for query in _TOGETHER:
        if all(value in choices.get(name, ()) for name, value in query.items()):
            yield target(urlencode(query), query)
    names = [name for name, values in choices.items() if values]
    if names and sortings:
        query = {names[0]: choices[names[0]][0], "sort": sortings[-1]}
        yield target(urlencode(query), query)


_TOGETHER = (
    {"status": "CREATED", "tracking": "TRANSIT"},
    {"status": "CREATED", "tracking": "DELIVERED"},
    {"status": "CREATED", "receiving": "NOT_RECEIVED"},
    {"status": "REFUNDED", "kind": "REFUND"},
    {"status": "CREATED", "return_method": "home-pickup"},
    {"tracking": "TRANSIT", "older": "14d"},
    {"status": "Shipped", "returns": "yes"},
    {"status": "Shipped", "returns": "no"},
    {"status": "Canceled", "older": "30d"},
    {"status": "proposed", "source": "automatic"},
    {"status": "unknown", "older": "1d"},
    {"missing": "reported", "source": "automatic"},
    {"missing": "confirmed", "destination": "original_payment"},
    {"kind": "refund_needs_decision", "owner": "nobody"},
    {"owner": "mine", "late": "yes"},
    {"state": "quarantined", "topic": "rma"},
    {"state": "held", "topic": "order.snapshot"},
    {"state": "trouble", "older": "1d"},
)


def _page_targets(sample: Sample) -> Iterator[Target]:
    store = sample.store
    orders = Order.objects.filter(store=store)
    refunds = Refund.objects.filter(store=store)
    jobs = Job.objects.filter(store=store)
    exchanged = Rma.objects.filter(
        store=store, status="CREATED", units__refund_type="STANDARD_EXCHANGE"
    )
    named: tuple[tuple[str, QuerySet[Any], str], ...] = (
        ("order", orders, "identifier"),
        ("rma", Rma.objects.filter(store=store), "rma_identifier"),
        ("refund", refunds, "identifier"),
        ("exchange", ExchangeOrder.objects.filter(store=store), "order_identifier"),
        ("delivery", Delivery.objects.filter(store=store), "pk"),
        ("job", jobs, "pk"),
        ("attention-item", Item.objects.filter(store=store, resolved_at=None), "pk"),
        ("refund-new", orders, "identifier"),
        ("refund-receipt", refunds.filter(status="paid"), "identifier"),
        ("refund-approve", refunds.filter(status="proposed"), "identifier"),
        ("refund-cancel", refunds.filter(status="proposed"), "identifier"),
        ("rma-cancel", Rma.objects.filter(store=store, status="CREATED"), "rma_identifier"),
        ("rma-convert", exchanged, "rma_identifier"),
        ("rma-decide", Rma.objects.filter(store=store), "rma_identifier"),
        ("catalog-product", Product.objects.filter(store=store), "variant_identifier"),
        ("catalog-import", VariantImport.objects.filter(store=store), "pk"),
    )
    for view, rows, field in named:
        yield _page(view, ([value] for value in sample.rows(rows, field)))
    yield _within_its_list("order", "orders", sample.rows(orders, "identifier"))
    rmas = sample.rows(Rma.objects.filter(store=store), "rma_identifier")
    yield _within_its_list("rma", "rmas", rmas)
    payouts = Payout.objects.filter(refund__store=store, status="unknown")
    yield _page("payout", payouts.values_list("refund__identifier", "pk")[:SAMPLES])
    units = RmaUnit.objects.filter(rma__in=sample.rows(Rma.objects.filter(store=store), "pk"))
    yield _page("unit-exclude", units.values_list("rma__rma_identifier", "pk")[:SAMPLES])
    deliveries = sample.rows(Delivery.objects.filter(store=store), "pk")
    attempts = Attempt.objects.filter(job__in=sample.rows(jobs, "pk")).values_list("pk", flat=True)
    yield _page("raw", [("delivery", pk) for pk in deliveries], "a message")
    yield _page("raw", [("attempt", pk) for pk in attempts], "an attempt")
    for view in ("policies", "policy", "policy-edit", "policy-renew", "approval-policy"):
        yield _page(view, [[]])
    yield from _report_targets(sample)
    yield from _statement_targets(sample)
    for view in ("catalog-imports", "keys", "people", "mentions"):
        yield _page(view, [[]])


def _report_targets(sample: Sample) -> Iterator[Target]:
    """The reports and their files: this month, and what each filter finds among all there is."""
    yield _page("reports", [[]])
    yield _page("books", [[]])
    yield _page("statements", [[]])
    yield _page("schedules", [[]])
    yield _page("exports", [[]])
    exports = Export.objects.filter(store=sample.store).values_list("pk")
    yield _page("export", exports[:SAMPLES])
    closing = (reverse("desk:books-close", args=[2026, 9]),)
    yield Target(Group.HISTORY, "books-close", "all months until now", closing, "administrator")
    for report in all_reports():
        opens_with_all = report.filters.default_period == Preset.ALL
        group = Group.HISTORY if opens_with_all else Group.REPORT
        yield _report(group, report.name, "by itself", {})
        if not opens_with_all:
            yield _report(Group.HISTORY, report.name, "over all time", {"period": "all"})
    yield from _refund_report_targets(sample)


def _report(group: Group, name: str, told: str, query: dict[str, str]) -> Target:
    url = f"{reverse('desk:report', args=[name])}?{urlencode(query)}"
    return Target(group, "report", f"{name}, {told}", (url,), "administrator")


def _refund_report_targets(sample: Sample) -> Iterator[Target]:
    """The refund report with each of its filters, and a file of it."""
    items = RefundItem.objects.filter(refund__store=sample.store)
    asked = {
        "brand": sample.rows(items, "concept")[0],
        "return_reason": sample.rows(items, "return_reason")[0],
    }
    yield _report(Group.REPORT, "refunds", "last month", {"period": "last_month"})
    yield _report(Group.REPORT, "refunds", "brand, reason, this month", asked)
    for name, query in _refund_filters(sample, items):
        told = f"{name}, over all time"
        yield _report(Group.HISTORY, "refunds", told, {"period": "all", **query})
    since = _newest_rows("refunds", sample)
    url = f"{reverse('desk:report-csv', args=['refunds'])}?{urlencode({'by': 'decided', **since})}"
    name = f"refunds, about {_CSV_ROWS:,} rows"
    yield Target(Group.CSV, "report-csv", name, (url,), "administrator")


def _refund_filters(
    sample: Sample, items: QuerySet[RefundItem]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each filter of the refund report, with a value that rows have."""
    payouts = Payout.objects.filter(store=sample.store)
    fields = COMPARED_WITH | LOOKED_FOR_IN
    found = {
        name: sample.rows(items.exclude(**{field: None}), field) for name, field in fields.items()
    }
    found |= {
        "payout": sample.rows(payouts, "idempotency_key"),
        "reference": sample.rows(payouts.exclude(gateway_reference=""), "gateway_reference"),
        "gateway": sample.rows(payouts, "gateway"),
        "status": list(RefundStatus.values),
    }
    for name, values in found.items():
        yield name, {name: str(next(iter(values), "none"))}
    for date, _ in DATES:
        yield f"by {date}", {"by": date}
    for amount in AMOUNTS:
        yield f"{amount} from 150", {"amount_of": amount, "amount_from": "150", "currency": "USD"}
    for name in ("author", "approver"):
        yield f"{name} nobody", {name: NOBODY}


def _statement_targets(sample: Sample) -> Iterator[Target]:
    """A payout file: each tab of it, its rows, and payments that it does not have."""
    found = statements_of(sample.store.pk).latest("pk")
    base = reverse("desk:statement", args=[found.pk])
    for tab in sorted(TAB_NAMES):
        yield Target(Group.PAGE, "statement", tab, (f"{base}?tab={tab}",), "administrator")
    rows = found.rows.order_by("pk").values_list("statement_id", "pk")
    yield _page("statement-row", rows[:SAMPLES])
    missed = only_at_desk(found).order_by("pk").values_list("pk", flat=True)[:SAMPLES]
    yield _page("statement-payout", ((found.pk, pk) for pk in missed))
    url = f"{reverse('desk:statement-rows', args=[found.pk])}?tab=matched"
    yield Target(Group.CSV, "statement-rows", "matched", (url,), "administrator")


def _page(view: str, arguments: Iterable[Any], name: str = "page") -> Target:
    urls = tuple(reverse(f"desk:{view}", args=list(given)) for given in arguments)
    role = "administrator" if view in _NOT_FOR_AGENTS else "agent"
    return Target(Group.PAGE, view, name, urls, role)


def _within_its_list(view: str, listing: str, identifiers: list[str]) -> Target:
    """A page with the way to its neighbors in the list that it was opened from."""
    tail = urlencode({"list": "sort=-updated" if listing == "rmas" else "sort=-total"})
    urls = (f"{reverse(f'desk:{view}', args=[name])}?{tail}" for name in identifiers)
    return Target(Group.PAGE, view, f"opened from {listing}", tuple(urls))


def _search_targets(sample: Sample) -> Iterator[Target]:
    store = sample.store
    orders = Order.objects.filter(store=store)
    asked = {
        "order, exact": sample.rows(orders, "identifier"),
        "secondary, exact": sample.rows(
            orders.exclude(secondary_identifier=""), "secondary_identifier"
        ),
        "RMA, exact": sample.rows(Rma.objects.filter(store=store), "rma_identifier"),
        "refund, exact": sample.rows(Refund.objects.filter(store=store), "identifier"),
        "tracking number, exact": sample.rows(
            RmaUnit.objects.filter(rma__store=store).exclude(tracking_number=""), "tracking_number"
        ),
        "e-mail, exact": sample.rows(orders, "customer_email"),
        "name, exact": sample.rows(orders, "customer_name"),
        "phone, exact": sample.rows(orders.exclude(customer_phone=""), "customer_phone"),
        "transaction, exact": [
            f"PAY-{identifier}" for identifier in sample.rows(orders, "identifier")
        ],
        "SKU, exact": sample.rows(RmaUnit.objects.filter(rma__store=store), "sku"),
    }
    asked["order, its beginning"] = [text[:8] for text in asked["order, exact"]]
    asked["RMA, its beginning"] = [text[:5] for text in asked["RMA, exact"]]
    asked["e-mail, its beginning"] = [text[:9] for text in asked["e-mail, exact"]]
    asked["name, misspelled"] = [text[:2] + text[3:] for text in asked["name, exact"]]
    asked["order, misspelled"] = [text[:-2] + "99x" for text in asked["order, exact"]]
    asked["no hit"] = ["zzqqxx", "nothing-is-called-so", "99999999999999999999"]
    base = reverse("desk:search")
    for name, texts in asked.items():
        urls = tuple(f"{base}?{urlencode({'q': text, 'all': 'yes'})}" for text in texts)
        yield Target(Group.SEARCH, "search", name, urls)


def api_targets(store: Store) -> Iterator[Target]:
    """Yields the lists and pages of the API."""
    sample = Sample(store)
    rmas = sample.rows(Rma.objects.filter(store=store), "rma_identifier")
    orders = sample.rows(Order.objects.filter(store=store), "identifier")
    refunds = sample.rows(Refund.objects.filter(store=store), "identifier")
    lists = {
        "rmas": ({}, {"status": "CREATED"}, {"return_method": "home-pickup"}, {"order": orders[0]},
                 {"created_after": _SOME_DAY}, {"updated_after": _SOME_DAY}),
        "refunds": ({}, {"status": "proposed"}, {"order_identifier": orders[0]},
                    {"rma_identifier": rmas[0]}),
        "transactions": ({}, {"status": "unknown"}, {"refund": refunds[0]}),
        "deliveries": ({}, {"state": "quarantined"}, {"subject": rmas[0]}),
        "exchange_orders": ({},),
    }  # fmt: skip
    for name, queries in lists.items():
        for query in queries:
            text = urlencode(query)
            url = f"/api/v1/{name}?{text}" if query else f"/api/v1/{name}"
            yield Target(Group.API, name, text or "plain", (url,), "machine")
    for name, identifiers in (("rmas", rmas), ("orders", orders), ("refunds", refunds)):
        urls = tuple(f"/api/v1/{name}/{identifier}" for identifier in identifiers)
        yield Target(Group.API, name, "one", urls, "machine")

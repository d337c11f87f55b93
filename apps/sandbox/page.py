"""The page a person watches the sandbox on: plain HTML, no scripts, everything escaped."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from apps.sandbox.faults import KINDS
from apps.sandbox.state import JsonObject

ROWS = 40
REFRESH_SECONDS = 3

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="$refresh">
<title>Simulated Optoro</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<h1>Simulated Optoro</h1>
<p>Takes order snapshots, runs returns and sends webhooks to <code>$desk</code>.
Nothing here is real. <a href="/state">Everything as JSON</a></p>
</header>
<main>
$body
</main>
</body>
</html>
""")


@cache
def stylesheet() -> bytes:
    """Returns the style sheet of the page."""
    return (Path(__file__).parent / "style.css").read_bytes()


def render(state: JsonObject) -> str:
    """Returns the page for what `/state` tells."""
    sections = (
        _figures(state),
        _violations(state),
        _play(state["play"]),
        _stories(state["play"]),
        _rmas(state),
        _exchanges(state),
        _questions(state),
        _orders(state),
        _waiting(state),
        _attempts(state),
        _faults(state),
        _requests(state),
    )
    return _PAGE.substitute(
        refresh=REFRESH_SECONDS, desk=escape(state["desk_url"]), body="\n".join(sections)
    )


class _Html(str):
    """Text that is HTML already; everything else is escaped when it gets into a cell."""

    __slots__ = ()


def _cell(value: Any) -> str:
    if isinstance(value, _Html):
        return str(value)
    return escape("–" if value is None or value == "" else str(value))


def _badge(word: str, tone: str = "") -> _Html:
    return _Html(f'<span class="badge {escape(tone)}">{escape(word)}</span>')


def _time(text: str) -> _Html:
    return _Html(f'<time datetime="{escape(text)}">{escape(text[11:19])}</time>')


def _money(cents: int, currency: str = "") -> _Html:
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return _Html(f'<span class="amount">{sign}{whole:,}.{rest:02d} {escape(currency)}</span>')


def _section(title: str, count: int | None, content: str, tone: str = "") -> str:
    number = "" if count is None else f' <span class="count">{count}</span>'
    heading = f"<h2>{escape(title)}{number}</h2>"
    return f'<section class="{escape(tone)}">{heading}\n{content}</section>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> str:
    lines = [
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows
    ]
    if not lines:
        return f'<p class="none">{escape(empty)}</p>'
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _newest(rows: Sequence[Any]) -> list[Any]:
    return list(reversed(rows[-ROWS:]))


def _figures(state: JsonObject) -> str:
    counters, tokens = state["counters"], state["tokens"]
    figures = (
        ("orders", len(state["orders"])),
        ("snapshots", counters.get("snapshots", 0)),
        ("snapshots refused", counters.get("snapshots_refused", 0)),
        ("refunds", len(state["refunds"])),
        ("returns", len(state["rmas"])),
        ("exchange orders", len(state["exchange_orders"])),
        ("webhooks taken", f"{counters.get('delivered', 0)} of {counters.get('webhooks', 0)}"),
        ("tries repeated", counters.get("retries", 0)),
        ("webhooks lost", counters.get("lost", 0)),
        ("tokens minted", tokens["minted"]),
        ("tokens good", tokens["alive"]),
    )
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in figures
    )
    return f'<dl class="figures">{items}</dl>'


def _violations(state: JsonObject) -> str:
    found = state["violations"]
    table = _table(
        ("at", "what", "of", "how"),
        [
            (_time(one["at"]), _badge(one["kind"], "bad"), one["subject"], one["text"])
            for one in _newest(found)
        ],
        "none",
    )
    return _section("Violations", len(found), table, "alarm" if found else "")


def _play(play: JsonObject) -> str:
    if not play:
        return ""
    wanted = play["orders_wanted"] or "no end"
    words = (
        f"{play['orders_made']} orders made of {wanted}, {play['orders_posted']} taken by the "
        f"desk, {play['stories_open']} under way, {play['stories_over']} finished."
    )
    trouble = ""
    if play["trouble"]:
        trouble = f'<p class="trouble">{escape(play["trouble"])}</p>'
    return _section("Play", None, f"<p>{escape(words)}</p>{trouble}")


def _stories(play: JsonObject) -> str:
    stories = play.get("stories", [])
    rows = []
    for story in _newest(stories):
        is_good = story["is_as_it_should"]
        word = "as it should" if is_good else "" if not story["is_over"] else story["should_end"]
        rows.append(
            (
                story["plot"],
                story["order_identifier"],
                story["exchange_order_identifier"],
                ", ".join(story["rmas"]),
                ", ".join(story["statuses"]),
                _badge(word, "good" if is_good else "warn") if word else "under way",
                _asked(story["asked"]),
                story["note"],
            )
        )
    if not rows:
        return ""
    headings = ("story", "order", "exchange order", "RMA", "status", "ends", "asked by the shop",
                "note")  # fmt: skip
    return _section("Stories", len(stories), _table(headings, rows, "none"))


def _asked(asked: Sequence[JsonObject]) -> str:
    words = [f"{one['what'].replace('_', ' ')} {one['identifier']}: {one['status']}"
             for one in asked]  # fmt: skip
    return "; ".join(words)


_TONES = {"REFUNDED": "good", "CANCELED": "quiet", "PARTIAL_REFUND": "warn"}


def _rmas(state: JsonObject) -> str:
    rows = []
    for rma in _newest(state["rmas"]):
        orders = dict.fromkeys(unit["order_identifier"] for unit in rma["items"])
        currency = state["orders"].get(next(iter(orders)), {}).get("currency", "")
        worth = sum(
            unit["refund_financials"]["estimated_refund_amount_cents"] for unit in rma["items"]
        )
        rows.append(
            (
                rma["rma_identifier"],
                _badge(rma["status"], _TONES.get(rma["status"], "")),
                ", ".join(rma["kinds"]),
                ", ".join(orders),
                f"{rma['return_method']}{', gift' if rma['gift_refund_only'] else ''}",
                _units(rma),
                _money(worth, currency),
                _money(_to_shopper(rma), currency),
                _time(rma["updated_at"]),
            )
        )
    headings = ("RMA", "status", "kind", "order", "method", "units", "estimate", "to shopper",
                "changed")  # fmt: skip
    return _section("Returns", len(state["rmas"]), _table(headings, rows, "No returns yet."))


def _to_shopper(rma: JsonObject) -> int:
    return sum(unit["refund_financials"]["shopper_refund_amount_cents"] for unit in rma["items"])


def _exchanges(state: JsonObject) -> str:
    rows = []
    for one in _newest(state["exchange_orders"]):
        request, sent = one["request"], state["orders"].get(one["order_identifier"])
        items = [f"{item['quantity']} × {item['title']} ({item['sku']})"
                 for item in request["items"]]  # fmt: skip
        rows.append(
            (
                one["order_identifier"],
                one["original_order_identifier"],
                one["rma_identifier"],
                "; ".join(items),
                "even" if one["is_even"] else "uneven",
                _money(one["answer"]["total_amount_cents"], request["currency"]),
                _time(one["shipped_at"]) if one["shipped_at"] else "not yet",
                _badge(sent["status"]) if sent else "not yet",
            )
        )
    headings = ("exchange order", "of order", "RMA", "goods", "", "total", "shipped",
                "sent by the desk")  # fmt: skip
    table = _table(headings, rows, "No exchange order yet.")
    return _section("Exchange orders", len(state["exchange_orders"]), table)


def _questions(state: JsonObject) -> str:
    rows = [
        (
            _time(one["at"]),
            one["method"],
            one["path"],
            one["of"],
            _badge(str(one["status"]), "good" if str(one["status"]).startswith("2") else "bad"),
            one["answer"][:120],
        )
        for one in _newest(state["questions"])
    ]
    headings = ("at", "method", "path", "of", "answer", "body")
    count = state["counters"].get("questions", 0)
    table = _table(headings, rows, "Nothing was asked yet.")
    return _section("Asked of the desk", count, table)


def _units(rma: JsonObject) -> str:
    """Returns the units counted by where they are, such as two in TRANSIT."""
    where: dict[str, int] = {}
    for unit in rma["items"]:
        received = unit["receiving_status"] != "PENDING"
        word = unit["receiving_status"] if received else unit["package_tracking_status"]
        where[word or "no label yet"] = where.get(word or "no label yet", 0) + 1
    return ", ".join(f"{count} × {word}" for word, count in where.items())


def _orders(state: JsonObject) -> str:
    rows = [
        (
            name,
            _badge(order["status"]),
            sum(item["quantity_shipped"] for item in order["items"]),
            _money(order["total_amount_cents"], order["currency"]),
            _refunds(order),
            state["snapshots"][name],
            order["updated_at"][:19],
        )
        for name, order in _newest(list(state["orders"].items()))
    ]
    headings = ("order", "status", "shipped", "total", "refunds", "snapshots", "updated")
    empty = "No orders yet: the desk sends a snapshot when something has shipped."
    return _section("Orders received", len(state["orders"]), _table(headings, rows, empty))


def _refunds(order: JsonObject) -> _Html:
    parts = []
    for refund in order["refunds"]:
        amount = _money(refund["total_refund_amount_cents"], order["currency"])
        parts.append(f"{escape(refund['identifier'])}: {amount}")
    return _Html("<br>".join(parts) or "–")


def _waiting(state: JsonObject) -> str:
    rows = [
        (one["number"], one["what"], one["rma_identifier"], one["state"], one["attempts"],
         one["last_answer"])
        for one in (*_newest(state["pending"]), *_newest(state["parked"]))
    ]  # fmt: skip
    headings = ("no.", "event", "RMA", "state", "tries", "last answer")
    count = len(state["pending"]) + len(state["parked"])
    return _section("Webhooks waiting or lost", count, _table(headings, rows, "none"))


def _attempts(state: JsonObject) -> str:
    rows = [
        (
            _time(one["at"]),
            one["number"],
            one["what"],
            one["rma_identifier"],
            one["attempt"],
            _badge(one["answer"], "good" if str(one["status"]).startswith("2") else "bad"),
            f"{one['milliseconds']} ms",
        )
        for one in _newest(state["attempts"])
    ]
    headings = ("at", "no.", "event", "RMA", "try", "answer", "took")
    count = state["counters"].get("attempts", 0)
    return _section("Deliveries", count, _table(headings, rows, "No webhook was sent yet."))


def _faults(state: JsonObject) -> str:
    in_force = state["faults_in_force"]
    rows = [(name, f"{number:g}", KINDS[name].text) for name, number in in_force.items()]
    return _section("Faults in force", None, _table(("fault", "set to", "what"), rows, "none"))


def _requests(state: JsonObject) -> str:
    rows = [
        (
            _time(one["at"]),
            one["method"],
            one["path"],
            _badge(str(one["status"]), "good" if one["status"] < 400 else "bad"),
            one["note"],
        )
        for one in _newest(state["requests"])
    ]
    count = state["counters"].get("requests", 0)
    headings = ("at", "method", "path", "answer", "note")
    return _section("Requests answered", count, _table(headings, rows, "No request yet."))

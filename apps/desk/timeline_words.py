"""What timelines say of returns, in plain words: fields that changed, and what the desk wrote in
Optoro's words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from apps.desk.words import RETURN_METHODS, WIRE, in_words, kind_of
from apps.rmas import rules as rma_rules

_SAID_OF_RETURNS = {
    "RMA status: ": "Return: ",
    "RMA package tracking status: ": "Parcel: ",
    "RMA receiving status: ": "At the warehouse: ",
    "RMA tracking number: ": "Tracking number: ",
}
_PLAIN_WORDS = {
    **{value: label.lower() for value, label in RETURN_METHODS.items()},
    **{
        value: in_words(kind, value).lower()
        for kind in ("rma", "tracking", "receiving")
        for value in WIRE[kind]
        if value
    },
}
_WORDS_OF_OPTORO = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, _PLAIN_WORDS))})(?![\w-])")


def plainly(text: str) -> str:
    """Returns what the desk wrote about a return with Optoro's words put plainly: `RMA status:
    REFUNDED` becomes `Return: refunded`, `mail-back, TRANSIT` becomes `mail-back, in transit`.
    The words themselves stand in the differences below, and in the raw message."""
    for said, plain in _SAID_OF_RETURNS.items():
        if text.startswith(said):
            text = plain + text.removeprefix(said)
            break
    return _WORDS_OF_OPTORO.sub(lambda found: _PLAIN_WORDS[found[0]], text)


def what_it_became(changes: Iterable[Mapping[str, Any]]) -> str:
    """Returns, in words, that exchanged or credited units became refunds, or ""."""
    before = [
        str(change.get("before"))
        for change in changes
        if str(change.get("field", "")).endswith(" refund_type")
        and change.get("after") == rma_rules.REFUND
    ]
    if not before:
        return ""
    units = f"{len(before)} unit{'' if len(before) == 1 else 's'}"
    kind = kind_of(before)
    return f"{kind if kind == 'Store credit' else 'Exchange'} became a refund: {units}"


# What the fields in timeline differences are called.
_FIELD_NAMES = {
    "package_tracking_status": "parcel",
    "receiving_status": "receiving",
    "tracking_number": "tracking number",
    "is_withdrawn": "withdrawn from the RMA",
    "estimated_refund_amount_cents": "estimated refund",
    "shopper_refund_amount_cents": "shopper's part",
    "optoro_refund_amount_cents": "Optoro's part",
    "total_amount_cents": "order total",
}
_UNIT = re.compile(r"^unit (.*)#(\d+)")


def field_name(path: str) -> str:
    """Returns the name of a changed field for people: `unit 7#1 receiving_status` becomes
    `line 7, unit 1: receiving`."""
    unit = _UNIT.match(path)
    if unit:
        rest = path[unit.end() :].strip()
        head = f"line {unit[1]}, unit {unit[2]}"
        return f"{head}: {_FIELD_NAMES.get(rest, rest.replace('_', ' '))}" if rest else head
    head, _, last = path.rpartition(" ")
    plain = _FIELD_NAMES.get(last, last.removesuffix("_cents").replace("_", " "))
    return f"{head} {plain}".strip()

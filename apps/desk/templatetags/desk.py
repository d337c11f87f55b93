"""How the screens write money, times, ages, statuses and differences."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.numbers import format_decimal
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.accounts.rules import Action, roles_that_may
from apps.common import clock, money
from apps.common.logs import request_id as current_request_id
from apps.desk import timeline_words, words
from apps.desk.seats import Permit
from apps.outbox import topics
from apps.refunds.models import Destination, Payout, PayoutStatus, Refund, Source
from apps.refunds.types import Answer, Verdict
from apps.timeline.models import ActorKind, Event

register = template.Library()

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LATE_SECONDS = 120


@register.filter(name="money")
def show_money(amount_cents: int | None, currency: str) -> str:
    """Returns the amount with its currency. An RMA whose order is not known yet has no currency:
    its figure is shown bare, with the sign for "some currency"."""
    if amount_cents is None:
        return "—"
    if not currency:
        return f"¤{_bare(amount_cents)}"
    return money.show(amount_cents, currency)


@register.filter
def price(amount_cents: int | None) -> str:
    """Returns the price of a variant, which has no currency of its own."""
    return "—" if amount_cents is None else _bare(amount_cents)


def _bare(amount_cents: int) -> str:
    return format_decimal(Decimal(amount_cents).scaleb(-2), "#,##0.00", locale="en_US")


def _exact(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@register.simple_tag
def when(moment: datetime | None, empty: str = "—") -> SafeString | str:
    """Writes a moment in the store's time, with the exact UTC on hover."""
    if moment is None:
        return empty
    utc = moment.astimezone(UTC)
    # Nothing of it comes from outside: there is nothing to escape, in hundreds of cells.
    shown = words.local_text(moment)
    return SafeString(f'<time datetime="{utc.isoformat()}" title="{_exact(utc)}">{shown}</time>')


@register.simple_tag
def clock_time(moment: datetime) -> SafeString:
    """Writes a moment of today by its time alone, with the exact UTC on hover."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(),
        _exact(moment),
        words.clock_text(moment),
    )


@register.simple_tag
def age(moment: datetime | None, empty: str = "—") -> SafeString | str:
    """Writes how long ago a moment was, with the exact UTC on hover."""
    if moment is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(),
        _exact(moment),
        age_in_words(moment),
    )


def age_in_words(moment: datetime) -> str:
    """Returns `3 min`, `5 h`, `2 d`; `in 3 min` for what is still to come."""
    seconds = (clock.now() - moment).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return _span(seconds)


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} d"


@register.simple_tag
def pill(kind: str, value: str, extra: str = "") -> SafeString:
    """Writes a status as a pill: plain words, and Optoro's own word beside them."""
    return _pill(words.word_for(kind, value or ""), extra)


@register.simple_tag
def refund_pill(refund: Refund) -> SafeString:
    """Writes a refund's status as a pill; while its delay or hold runs, with its end."""
    due_at = refund.payment_due_at if words.is_put_off(refund) else None
    return _pill(words.refund_word(refund), f"· due {words.clock_text(due_at)}" if due_at else "")


@lru_cache(maxsize=2000)
def _pill(word: words.Word, extra: str) -> SafeString:
    original, title = "", ""
    if word.original:
        original = format_html(' <span class="wire">{}</span>', word.original)
        title = format_html(' title="{}"', word.original)
    return format_html(
        '<span class="pill {}"{}>{}{}{}</span>',
        word.tone,
        title,
        word.label,
        original,
        f" {extra}" if extra else "",
    )


@register.simple_tag
def method(value: str) -> SafeString | str:
    """Writes a return method in plain words with Optoro's own beside it."""
    label = words.RETURN_METHODS.get(value)
    if label is None or label.lower() == value:
        return label or value
    return format_html('{} <span class="wire">{}</span>', label, value)


@register.filter
def plainly(text: str) -> str:
    """Puts Optoro's words in a reason plainly: `mail-back, in transit`."""
    return timeline_words.plainly(text)


@register.filter
def counted(text: str) -> str:
    """Returns a text of the domain with its units in the singular or the plural."""
    return words.counted(text)


@register.filter
def method_name(value: str) -> str:
    """Returns a return method in plain words."""
    return words.RETURN_METHODS.get(value, value)


@register.filter
def field_name(path: str) -> str:
    """Names a changed field for people."""
    return timeline_words.field_name(str(path))


@register.simple_tag
def change_side(change: dict[str, Any], side: str, currency: str = "") -> str:
    """Writes the value before or after a change (`side`); nothing is written as a dash."""
    value = change.get(side)
    if value in (None, ""):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and str(change.get("field", "")).endswith("_cents"):
        return show_money(value, currency)
    return str(value)


@register.filter
def plural(count: int, noun: str) -> str:
    """Returns `1 unit`, `3 units`; for nouns that take an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@register.simple_tag
def signed(amount_cents: int, currency: str) -> str:
    """Writes an amount; what is taken away with a minus sign as long as a digit."""
    shown = show_money(abs(amount_cents), currency)
    return f"−{shown}" if amount_cents < 0 else shown


@register.simple_tag
def more_or_less(difference: int, less: str, currency: str | None = None) -> SafeString | str:
    """Writes a difference in words: `3 more`, `3 fewer` (`less` names it), `no change`. With a
    currency it is an amount in cents."""
    if difference == 0:
        return format_html('<span class="muted">{}</span>', "no change")
    amount = abs(difference)
    shown = f"{amount:,}" if currency is None else show_money(amount, currency)
    word, tone = ("more", "is-more") if difference > 0 else (less, "is-fewer")
    return format_html('<span class="{}">{} {}</span>', tone, shown, word)


@register.simple_tag
def request_id() -> str:
    """Writes the id of the request at hand. The 500 page is rendered without a request, so it is
    read from where the log lines read it."""
    return current_request_id.get()


@register.filter
def pays_money(refund: Refund) -> bool:
    """Tells whether money moves for a refund."""
    return words.pays_money(refund)


@register.filter
def is_put_off(refund: Refund) -> bool:
    """Tells whether a refund waits for the end of its policy's delay, or of its hold."""
    return words.is_put_off(refund)


@register.filter
def wait_text(refund: Refund) -> str:
    """Tells why a refund is put off, and what can be done until then."""
    return words.wait_text(refund)


@register.simple_tag(takes_context=True)
def permit_for(context: dict[str, Any], action: str) -> Permit:
    """Returns whether whoever looks may do `action`, and if not, who may."""
    permit: Permit = context["seat"].permit(Action(action))
    return permit


@register.simple_tag
def role_names(action: str) -> str:
    """Names the roles that may do `action`."""
    return roles_that_may(Action(action))


@register.filter
def payment_name(name: str) -> str:
    """Names a kind of payment for people."""
    return words.payment_name(name)


@register.simple_tag
def payout_pill(payout: Payout) -> SafeString:
    """Writes a payout's status as a pill."""
    return _pill(words.payout_word(payout), "")


@register.filter
def is_open_payout(payout: Payout) -> bool:
    """Tells whether somebody can still say what became of a payout."""
    return payout.status in (PayoutStatus.PENDING, PayoutStatus.UNKNOWN)


@register.filter
def unknown_for(payout: Payout) -> str:
    """Returns for how long the outcome of a payout is unknown, such as `3 hours`. Expects its
    attempts to be read with it."""
    starts = [row.started_at for row in payout.attempts.all() if row.outcome == "unknown"]
    since = min(starts, default=payout.created_at)
    seconds = max((clock.now() - since).total_seconds(), 0)
    for size, noun in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= (2 * size if size == _DAY else size):
            return plural(int(seconds // size), noun)
    return "less than a minute"


@register.filter
def summary_of(event: Event) -> str:
    """Returns what an event is called: that an exchange became a refund counts more than the
    status that came with it. What a person wrote stays as it was written."""
    became = (
        timeline_words.what_it_became(event.changes or ()) if event.kind == "rma.updated" else ""
    )
    if not became and event.actor_kind in (ActorKind.OPTORO, ActorKind.SYSTEM):
        return timeline_words.plainly(event.summary)
    return became or event.summary


@register.filter
def reason_of(refund: Refund) -> str:
    """Returns why a refund was made; automation's reasons in plain words."""
    return (
        timeline_words.plainly(refund.reason)
        if refund.source == Source.AUTOMATIC
        else refund.reason
    )


@register.filter
def at(table: dict[str, Any], key: str) -> Any:
    """Returns `table[key]`, or nothing."""
    return table.get(key, "")


@register.simple_tag
def topic(value: str) -> str:
    """Names an outbound job's topic."""
    return topics.LABELS.get(value, value)


@register.filter
def has_arrived_late(event: Event) -> bool:
    """Tells whether the desk learned of an event noticeably later than it happened."""
    return abs((event.recorded_at - event.occurred_at).total_seconds()) > _LATE_SECONDS


@register.simple_tag
def recipient(refund: Refund) -> str:
    """Tells where the shopper's part goes, in words."""
    if refund.destination == Destination.NONE:
        return "nobody: there is nothing to pay"
    if refund.destination == Destination.STORE_CREDIT:
        return "nobody: it goes out as a gift card with the exchange order"
    if refund.destination == Destination.ORIGINAL_PAYMENT:
        return f"the original payment of order {refund.paid_order.identifier}"
    return f"a {refund.get_destination_display().lower()} for {refund.recipient_email}"


_VERDICTS = {
    Answer.REFUND: "Will be refunded",
    Answer.WAIT: "Not refunded yet",
    Answer.CLOSED: "Not refunded",
    Answer.PERSON: "A person decides",
}


@register.simple_tag
def verdict(found: Verdict) -> SafeString:
    """Writes why a unit is, or is not, refunded."""
    if found.answer == Answer.REFUNDED:
        return format_html("<strong>{}</strong>", "In a refund:")
    return format_html("<strong>{}:</strong> {}.", _VERDICTS[found.answer], found.reason)

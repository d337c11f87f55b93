"""The form of a new refund: which units or how many, with how much, to whom, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms

from apps.common.errors import Refused
from apps.desk.field_words import words_for
from apps.desk.reads.making import (
    Choice,
    ChoiceLine,
    NotAnAmount,
    cents_from,
    precision_of,
    written,
)
from apps.desk.words import counted
from apps.refunds.models import Destination
from apps.refunds.refundable import ReturnedUnit
from apps.refunds.wanted import LinesRefused, WantedLine, Wish

_AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}
_UNITS = {"inputmode": "numeric", "autocomplete": "off"}
_STAND_IN = "not written yet"


@dataclass(frozen=True)
class UnitRow:
    """A unit of the return, with its two fields where it can be refunded."""

    view: ReturnedUnit
    is_chosen: forms.BoundField | None
    amount: forms.BoundField | None


@dataclass(frozen=True)
class LineRow:
    """A line with its fields: units of the return, or how many units that are in none. Where
    nothing of it is left, it has none."""

    view: ChoiceLine
    units: tuple[UnitRow, ...]
    quantity: forms.BoundField | None
    amount: forms.BoundField | None


class RefundForm(forms.Form):
    """A refund as a person writes it down: units of lines or goodwill, to whom, and why.

    Only what can be read is checked here: whether it can be refunded is for the domain to say, and
    `refuse` puts what it says beside the fields.
    """

    goodwill = forms.CharField(
        label="Goodwill amount",
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs=_AMOUNT),
        error_messages=words_for("the goodwill amount"),
    )
    destination = forms.ChoiceField(
        label="To",
        choices=[
            (Destination.ORIGINAL_PAYMENT, "The original payment"),
            (Destination.GIFT_CARD, "A gift card"),
        ],
        error_messages=words_for(
            "where it goes", required="Choose where it goes: the original payment or a gift card."
        ),
    )
    recipient_email = forms.EmailField(
        label="E-mail for the gift card",
        required=False,
        max_length=254,
        error_messages=words_for(
            "the e-mail for the gift card",
            invalid="The e-mail for the gift card is no address: write one such as ada@shop.com.",
        ),
    )
    amount_reason = forms.CharField(
        label="Why another amount",
        required=False,
        max_length=255,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Only where an amount is not what is due. Kept with the note.",
        error_messages=words_for("why another amount"),
    )
    reason = forms.CharField(
        max_length=255,
        strip=True,
        widget=forms.TextInput(attrs={"list": "reasons", "autocomplete": "off"}),
        help_text="Kept with the refund and shown to whoever looks at it.",
        error_messages=words_for("the reason", required="Write why it is refunded."),
    )
    note = forms.CharField(
        required=False,
        max_length=1000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For your colleagues; optional.",
        error_messages=words_for("the note"),
    )

    def __init__(self, choice: Choice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choice = choice
        for view in choice.lines:
            if view.units:
                self._add_units(view)
            elif view.quantity:
                self._add_quantity(view)

    def _add_units(self, view: ChoiceLine) -> None:
        for one in view.units:
            if one.due is None:
                continue
            due = written(one.due.facts.estimated_refund_amount_cents, self._precision)
            self.fields[f"unit_{one.unit.pk}"] = forms.BooleanField(
                label=f"Unit {one.unit.ordinal}", required=False
            )
            self.fields[f"unit_amount_{one.unit.pk}"] = self._amount_field(
                f"the amount of {one.unit.label}", initial=due
            )

    def _add_quantity(self, view: ChoiceLine) -> None:
        name = f"of line {view.line.identifier}"
        self.fields[f"quantity_{view.line.pk}"] = forms.IntegerField(
            label=f"Units {name}",
            required=False,
            min_value=0,
            max_value=100_000,
            widget=forms.TextInput(
                attrs={**_UNITS, "data-dues": " ".join(map(self._written, view.dues_cents))}
            ),
            error_messages=words_for(
                f"the number of units {name}", invalid="Write how many units, such as 1."
            ),
        )
        self.fields[f"amount_{view.line.pk}"] = self._amount_field(
            f"the amount {name}", placeholder="what is due"
        )

    @property
    def _precision(self) -> int:
        return precision_of(self.choice.currency)

    def _written(self, cents: int) -> str:
        return written(cents, self._precision)

    def _amount_field(self, what: str, *, initial: str = "", placeholder: str = "") -> Any:
        return forms.CharField(
            label=f"{what[4:5].upper()}{what[5:]}",
            required=False,
            max_length=20,
            initial=initial,
            widget=forms.TextInput(attrs={**_AMOUNT, "placeholder": placeholder or "what is due"}),
            error_messages=words_for(what),
        )

    def rows(self) -> Iterator[LineRow]:
        """Returns each line with its fields."""
        for view in self.choice.lines:
            units = tuple(
                UnitRow(one, self._bound(f"unit_{pk}"), self._bound(f"unit_amount_{pk}"))
                for one in view.units
                for pk in [one.unit.pk]
            )
            pk = view.line.pk
            yield LineRow(view, units, self._bound(f"quantity_{pk}"), self._bound(f"amount_{pk}"))

    def _bound(self, name: str) -> forms.BoundField | None:
        return self[name] if name in self.fields else None

    def wrong_fields(self) -> list[forms.BoundField]:
        """Returns the fields with errors, in the order of the page."""
        order = [name for name in self.fields if name.startswith(("unit_", "quantity_", "amount_"))]
        order = [name for name in order if name != "amount_reason"]
        last = ["goodwill", "destination", "recipient_email", "amount_reason", "reason", "note"]
        return [self[name] for name in (*order, *last) if self[name].errors]

    # --- What was typed ---------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        """Reads amounts into cents and refuses what says nothing, or two things at once."""
        cleaned = super().clean() or {}
        self._read_amount("goodwill", is_used=True)
        for name in [name for name in self.fields if name.startswith("unit_amount_")]:
            is_used = bool(cleaned.get(name.replace("unit_amount_", "unit_")))
            self._read_amount(name, is_used=is_used)
        for view in self.choice.lines:
            name, quantity = f"amount_{view.line.pk}", f"quantity_{view.line.pk}"
            if quantity not in self.fields:
                continue
            self._read_amount(name, is_used=True)
            if cleaned.get(name) is not None and not cleaned.get(quantity):
                self.add_error(quantity, f"For how many units of line {view.line.identifier}?")
        if not self._has_wrong_amounts():
            self._refuse_none_or_both(cleaned)
        return cleaned

    def _refuse_none_or_both(self, cleaned: dict[str, Any]) -> None:
        is_lines = bool(self._wanted_lines(cleaned))
        is_goodwill = cleaned.get("goodwill") is not None
        if is_lines and is_goodwill:
            self.add_error(None, "Units or goodwill, not both: make two refunds.")
        if not is_lines and not is_goodwill:
            self.add_error(None, "Choose units of a line, or write a goodwill amount.")

    def _has_wrong_amounts(self) -> bool:
        others = {"destination", "recipient_email", "amount_reason", "reason", "note"}
        return bool(self.errors.keys() - others)

    def _read_amount(self, name: str, *, is_used: bool) -> None:
        """Puts cents where text was; nothing is None. The amount of a unit that is not chosen is
        not looked at."""
        text = self.cleaned_data.get(name)
        if not isinstance(text, str):
            return
        self.cleaned_data[name] = None
        if not text.strip() or not is_used:
            return
        try:
            cents = cents_from(text, self._precision)
        except NotAnAmount as problem:
            self.add_error(name, str(problem))
            return
        if cents == 0:
            self.add_error(name, "Nothing to refund: write more, or leave it blank.")
            return
        self.cleaned_data[name] = cents

    def can_be_tried(self) -> bool:
        """Tells whether what is to be refunded can be read, so that the domain can be asked about
        it, though the reason, say, is still missing."""
        return not self._has_wrong_amounts() and "recipient_email" not in self.errors

    def wish(self, *, as_draft: bool = False) -> Wish:
        """Returns what the form asks for; amounts in cents. A draft need not have reasons yet."""
        cleaned, found = self.cleaned_data, self.choice.found
        destination = cleaned.get("destination") or Destination.ORIGINAL_PAYMENT
        is_card = destination == Destination.GIFT_CARD
        reasons = (cleaned.get("reason", ""), cleaned.get("amount_reason", ""))
        reason, amount_reason = (text or _STAND_IN for text in reasons) if as_draft else reasons
        return Wish(
            order=found.order,
            rma=found.rma,
            reason=reason,
            lines=self._wanted_lines(cleaned),
            goodwill_amount_cents=cleaned["goodwill"],
            destination=destination,
            recipient_email=cleaned["recipient_email"] if is_card else "",
            note=cleaned.get("note", ""),
            amount_reason=amount_reason,
        )

    def _wanted_lines(self, cleaned: dict[str, Any]) -> tuple[WantedLine, ...]:
        wanted = (self._wanted(view, cleaned) for view in self.choice.lines)
        return tuple(line for line in wanted if line.quantity)

    def _wanted(self, view: ChoiceLine, cleaned: dict[str, Any]) -> WantedLine:
        name = view.line.identifier
        if not view.units:
            pk = view.line.pk
            quantity = cleaned.get(f"quantity_{pk}") or 0
            return WantedLine(name, quantity, cleaned.get(f"amount_{pk}"))
        chosen = [one.unit.pk for one in view.units if cleaned.get(f"unit_{one.unit.pk}")]
        amounts = tuple(cleaned.get(f"unit_amount_{pk}") for pk in chosen)
        return WantedLine(name, len(chosen), None, tuple(chosen), amounts)

    # --- What the domain says ---------------------------------------------------------------------

    def refuse(self, refusal: Refused) -> None:
        """Puts what the domain refuses beside the fields that it is about."""
        if isinstance(refusal, LinesRefused):
            for line, text in refusal.problems:
                self._say(self._field_of_line(line, text), text)
            return
        text = str(refusal)
        self._say(self._field_of(text), text)

    def _say(self, name: str | None, text: str) -> None:
        text = counted(text.removeprefix(f"{name}: "))
        self.add_error(name, f"{text[:1].upper()}{text[1:]}.")

    def _field_of(self, text: str) -> str | None:
        if " of goodwill, " in text:
            return "goodwill"
        for view in self.choice.lines:
            if text.startswith(f"line {view.line.identifier}: "):
                return self._field_of_line(view.line.identifier, text)
        word = text.partition(":")[0].partition(" ")[0]
        return word if word in RefundForm.base_fields else None

    def _field_of_line(self, identifier: str, text: str) -> str | None:
        """The field of a unit that is named in the text, else of the first that is chosen."""
        view = next((v for v in self.choice.lines if v.line.identifier == identifier), None)
        if view is None:
            return None
        if not view.units:
            is_amount = "unit(s), but no more than" in text
            name = f"{'amount' if is_amount else 'quantity'}_{view.line.pk}"
            return name if name in self.fields else None
        chosen = [one.unit for one in view.units if self.cleaned_data.get(f"unit_{one.unit.pk}")]
        named = [unit for unit in chosen if text.startswith(unit.label)]
        names = [f"unit_amount_{unit.pk}" for unit in named or chosen]
        return next((name for name in names if name in self.fields), None)

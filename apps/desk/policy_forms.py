"""The form of a refund policy, and the token that ties what is saved to what was shown."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core import signing

from apps.desk import policy_words as words
from apps.refunds.models import TenderOrder
from apps.refunds.policies import TRIGGER_FIELDS
from apps.refunds.policy_edits import PolicyValues
from apps.refunds.types import Policy
from apps.rmas import rules as rma_rules

MINUTES, HOURS = "minutes", "hours"
MOST_MINUTES = 30 * 24 * 60
_SALT = "desk.policy-preview"
_TOKEN_SECONDS = 8 * 3600


class PolicyForm(forms.Form):
    """A policy as a person edits it. Only saving needs the note: looking is free."""

    payment_delay = forms.IntegerField(label="Payment delay", min_value=0)
    delay_unit = forms.ChoiceField(
        label="Unit of the delay", choices=[(MINUTES, "minutes"), (HOURS, "hours")]
    )
    automatic_conditions = forms.MultipleChoiceField(
        label="Refunded automatically when received in condition",
        choices=[
            *((word, word) for word in rma_rules.CONDITIONS),
            (words.NO_CONDITION, "no condition told"),
        ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    charges_return_shipping = forms.BooleanField(
        label="Keep return shipping back from the refund", required=False
    )
    tolerance = forms.DecimalField(
        label="Tolerance per unit",
        required=False,
        min_value=0,
        max_digits=8,
        decimal_places=2,
        # A number field sends nothing for what it cannot read, and nothing means "any difference".
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="In the order’s currency, such as 0.50. Blank: any difference passes.",
    )
    tender_order = forms.TypedChoiceField(
        label="Orders paid in several ways are paid back to",
        choices=TenderOrder.choices,
        required=False,
        empty_value=TenderOrder.GIFT_CARD_FIRST.value,
        help_text="A refund goes back to the payments of its order one after the other.",
    )
    note = forms.CharField(
        label="Why it is changed",
        max_length=255,
        strip=True,
        help_text="Needed to save; kept with the version. Up to 255 characters.",
        error_messages={"required": "Write why: it is kept with the version."},
    )

    def __init__(self, *args: Any, needs_note: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in words.METHOD_NAMES.items():
            self.fields[name] = forms.ChoiceField(label=label, choices=words.trigger_choices(name))
        self.fields["note"].required = needs_note

    def trigger_fields(self) -> list[forms.BoundField]:
        """Returns the field of each return method."""
        return [self[name] for name in TRIGGER_FIELDS.values()]

    def clean(self) -> dict[str, Any]:
        """Refuses a delay that nobody means."""
        cleaned = super().clean() or {}
        delay = cleaned.get("payment_delay")
        if delay is not None and self._minutes(cleaned) > MOST_MINUTES:
            self.add_error("payment_delay", "A payment can wait for 30 days at most.")
        return cleaned

    @staticmethod
    def _minutes(cleaned: dict[str, Any]) -> int:
        return int(cleaned["payment_delay"]) * (60 if cleaned.get("delay_unit") == HOURS else 1)

    def values(self) -> PolicyValues:
        """Returns what the valid form says: minutes, and cents."""
        cleaned = self.cleaned_data
        chosen = cleaned["automatic_conditions"]
        conditions = tuple(word for word in rma_rules.CONDITIONS if word in chosen)
        tolerance = cleaned["tolerance"]
        return PolicyValues(
            **{name: cleaned[name] for name in TRIGGER_FIELDS.values()},
            payment_delay_minutes=self._minutes(cleaned),
            automatic_conditions=conditions + (("",) if words.NO_CONDITION in chosen else ()),
            charges_return_shipping=cleaned["charges_return_shipping"],
            tolerance_cents=None if tolerance is None else int(tolerance.scaleb(2)),
            tender_order=cleaned["tender_order"],
        )


def initial_of(values: PolicyValues) -> dict[str, Any]:
    """Returns what the form of a policy begins with."""
    content = values.to_content()
    minutes, cents = values.payment_delay_minutes, values.tolerance_cents
    in_hours = minutes > 0 and minutes % 60 == 0
    if values.customer_keep_trigger == words.RECEIPT:
        content["customer_keep_trigger"] = words.MANUAL
    return {
        **content,
        "payment_delay": minutes // 60 if in_hours else minutes,
        "delay_unit": HOURS if in_hours else MINUTES,
        "automatic_conditions": [w or words.NO_CONDITION for w in values.automatic_conditions],
        "tolerance": "" if cents is None else f"{cents // 100}.{cents % 100:02d}",
    }


@dataclass(frozen=True)
class Shown:
    """What a person was shown: these values, compared with that version and what it said."""

    values: PolicyValues
    version_id: int | None
    before: PolicyValues


def token_for(store_id: int, concept: str, values: PolicyValues, policy: Policy) -> str:
    """Returns the token that a preview hands to the saving step."""
    said = PolicyValues.of(policy).to_content()
    content = [store_id, concept, values.to_content(), policy.policy_id, said]
    return signing.dumps(content, salt=_SALT, compress=True)


def shown_by(token: str, store_id: int, concept: str) -> Shown | None:
    """Returns what a token says was shown; None for one that is forged, old, or of another brand
    or store."""
    try:
        content = signing.loads(token, salt=_SALT, max_age=_TOKEN_SECONDS)
    except signing.BadSignature:
        return None
    if content[:2] != [store_id, concept]:
        return None
    values, version_id, before = content[2:]
    return Shown(PolicyValues.from_content(values), version_id, PolicyValues.from_content(before))

"""The forms of statements: the file, what its columns mean, and why something differs."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from apps.common.days import refuse_odd_day
from apps.desk.field_words import words_for
from apps.payments.gateways import gateway_names
from apps.statements.files import MAX_BYTES, MAX_ROWS
from apps.statements.heading import MOST_LINES_ABOVE
from apps.statements.reading import mapping_problems
from apps.statements.types import AmountFormat, ColumnMapping, DateOrder, Sign

_MOST_KINDS = 50


class StatementForm(forms.Form):
    """A payout file of a gateway or a bank."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=f"At most {MAX_BYTES // 1024 // 1024} MB and {MAX_ROWS:,} rows. Commas, "
        "semicolons or tabs; UTF-8 or Windows-1252.",
        error_messages={
            "required": "Choose the file that the gateway or the bank gave you.",
            "empty": "The file is empty: choose the one with the payouts.",
        },
    )

    def clean_file(self) -> "UploadedFile[Any]":
        """Refuses what is too large before anything reads it."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; at most {MAX_BYTES:,} fit. Import it in parts."
            )
        return file


class ColumnField(forms.TypedChoiceField):
    """One of the file's columns, by position."""

    def __init__(self, *, called: str, **more: Any) -> None:
        words = words_for(called, required="Choose a column.")
        super().__init__(coerce=int, empty_value=None, error_messages=words, **more)

    def offer(self, columns: Sequence[str]) -> None:
        """Offers these columns, and none where the field may be empty."""
        named = [(str(number), name[:80]) for number, name in enumerate(columns)]
        self.choices = named if self.required else [("", "no column"), *named]


def heading_field() -> forms.IntegerField:
    """Returns the field for the line of a file that names its columns."""
    return forms.IntegerField(
        label="Is it another line?",
        min_value=1,
        widget=forms.NumberInput(attrs={"max": MOST_LINES_ABOVE + 1, "inputmode": "numeric"}),
        error_messages={
            "required": "Write the number of the line that names the columns.",
            "invalid": "Write the number of a line, such as 3.",
            "min_value": "Lines are counted from 1.",
        },
    )


class HeadingForm(forms.Form):
    """Which line of a file names its columns."""

    heading_line = heading_field()

    @property
    def problem(self) -> str:
        """What is wrong with the line, in words."""
        return " ".join(str(error) for error in self.errors.get("heading_line", ()))


class ColumnsForm(forms.Form):
    """Which column says what."""

    source = forms.ChoiceField(
        label="Payouts of the gateway",
        error_messages=words_for("the gateway"),
        help_text="Its payments are compared with the file, and the columns are remembered for it.",
    )
    reference = ColumnField(
        label="Reference",
        called="the reference",
        help_text="The gateway's own of each payout: what the desk keeps of a payment.",
    )
    key = ColumnField(
        label="The desk's key or refund",
        called="the desk's key",
        required=False,
        help_text="Where the file carries one of them, such as in its metadata.",
    )
    amount = ColumnField(label="Amount", called="the amount")
    amount_format = forms.TypedChoiceField(
        label="Written as",
        coerce=AmountFormat,
        choices=[
            (AmountFormat.POINT, "1,234.50"),
            (AmountFormat.COMMA, "1.234,50"),
            (AmountFormat.MINOR, "123450 (smallest unit)"),
        ],
    )
    sign = forms.TypedChoiceField(
        label="Refunds are",
        coerce=Sign,
        choices=[
            (Sign.NEGATIVE, "amounts below zero"),
            (Sign.POSITIVE, "amounts above zero"),
            (Sign.BY_KIND, "what the kind says, whatever the sign"),
        ],
    )
    currency_column = ColumnField(label="Currency", called="the currency", required=False)
    currency = forms.CharField(
        label="or always",
        required=False,
        max_length=3,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "EUR"}),
    )
    kind = ColumnField(label="Kind of row", called="the kind", required=False)
    kinds = forms.CharField(
        label="Kinds that are refunds",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line; upper or lower case. Empty: rows of every kind.",
    )
    date = ColumnField(label="Day", called="the day", required=False)
    date_order = forms.TypedChoiceField(
        label="Written as",
        coerce=DateOrder,
        choices=[
            (DateOrder.YEAR_FIRST, "2026-01-31"),
            (DateOrder.DAY_FIRST, "31.01.2026"),
            (DateOrder.MONTH_FIRST, "01/31/2026"),
        ],
    )
    fee = ColumnField(label="Fee", called="the fee", required=False)
    first_day = forms.DateField(
        label="The file covers, from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[refuse_odd_day],
    )
    last_day = forms.DateField(
        label="until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[refuse_odd_day],
    )

    heading_line = heading_field()

    def __init__(self, *args: Any, columns: Sequence[str], head_line: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.columns = columns
        self.head_line = head_line
        source = self.fields["source"]
        assert isinstance(source, forms.ChoiceField)
        source.choices = [(name, name) for name in gateway_names()]
        for field in self.fields.values():
            if isinstance(field, ColumnField):
                field.offer(columns)

    def clean(self) -> dict[str, Any]:
        """Refuses what rows cannot be read by, each beside its field."""
        cleaned = super().clean() or {}
        if not self.errors:
            for name, text in mapping_problems(self.mapping(), self.columns).items():
                self.add_error(name, f"{text[:1].upper()}{text[1:]}.")
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if (first is None) != (last is None):
            self.add_error("last_day", "Give both days, or none: then those in the file count.")
        elif first and last and first > last:
            self.add_error("last_day", "Must not be before the first day.")
        return cleaned

    def clean_heading_line(self) -> int:
        """Refuses a line that the rows are not read below: typed and not read from there, or of
        before somebody else named another one."""
        line: int = self.cleaned_data["heading_line"]
        if line != self.head_line:
            raise forms.ValidationError(
                f"The file is read below line {self.head_line} now. Have it read anew from line "
                f"{line} and look at the rows, or write {self.head_line} here."
            )
        return line

    def mapping(self) -> ColumnMapping:
        """Returns what the form says."""
        said = self.cleaned_data
        kinds = {line.strip().lower() for line in said["kinds"].splitlines() if line.strip()}
        return ColumnMapping(
            **{name: said[name] for name in _SAME},
            currency=said["currency"].upper() if said["currency_column"] is None else "",
            kinds=tuple(sorted(kinds)[:_MOST_KINDS]),
        )


_SAME = (
    "reference",
    "amount",
    "amount_format",
    "sign",
    "currency_column",
    "date",
    "date_order",
    "key",
    "fee",
    "kind",
)


def initial_of(source: str, mapping: ColumnMapping, head_line: int) -> dict[str, Any]:
    """Returns what the form shows of a mapping."""
    return {
        "source": source,
        "heading_line": head_line,
        **{name: getattr(mapping, name) for name in _SAME},
        "currency": mapping.currency,
        "kinds": "\n".join(mapping.kinds),
    }


class ReasonForm(forms.Form):
    """Why something is as it is."""

    reason = forms.CharField(
        label="Why",
        max_length=255,
        strip=True,
        help_text="Kept on record with your name.",
        error_messages=words_for(
            "the reason", required="Write why: it is what the next one reads."
        ),
    )

    @property
    def problem(self) -> str:
        """What is wrong with the reason, in words."""
        return " ".join(str(error) for error in self.errors.get("reason", ()))

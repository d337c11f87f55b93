"""Files in which a gateway or a bank says what it paid, and how their rows stand to our payouts."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.common.csv_reading import Place
from apps.common.kept_rows import KeptRow
from apps.refunds.models import Payout
from apps.statements.types import HOLDING, Standing, Way
from apps.stores.models import Store

STANDINGS = [
    (Standing.NEW, "Not compared yet"),
    (Standing.MATCHED, "Matched"),
    (Standing.NOT_PAID, "Paid there, not here"),
    (Standing.DIFFERS, "Amount differs"),
    (Standing.TWICE, "Paid twice"),
    (Standing.REPEATED, "In an earlier file"),
    (Standing.UNMATCHED, "Only in the file"),
]
WAYS = [
    (Way.KEY, "by the desk's key"),
    (Way.REFERENCE, "by reference"),
    (Way.REFUND, "by the refund"),
    (Way.PERSON, "by a person"),
]


class Source(models.Model):
    """A gateway of a store that files come from, and how its columns were mapped last.

    Its row is the lock under which payouts of that gateway are given to rows.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    gateway = models.CharField(max_length=40)
    columns = models.JSONField(default=list, help_text="The header of the file mapped last")
    mapping = models.JSONField(default=dict, help_text="As `ColumnMapping.to_json` writes it")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "gateway"], name="statements_one_source")
        ]

    def __str__(self) -> str:
        return f"{self.gateway} of store {self.store_id}"


class StatementState(models.TextChoices):
    UPLOADED = "uploaded", "Columns to choose"
    WAITING = "waiting", "Waiting"
    READING = "reading", "Reading"
    MATCHING = "matching", "Comparing"
    DONE = "done", "Compared"
    SET_ASIDE = "set_aside", "Set aside"


class Statement(KeptRow):
    """An uploaded file, kept whole, and how far it has been worked off. Set aside, its rows stay
    and hold no payouts any more."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="statements")
    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.PROTECT, related_name="statements"
    )
    name = models.CharField(max_length=255, help_text="The file's name as it was uploaded")
    content = models.BinaryField(help_text="The file as it came")
    size = models.PositiveIntegerField(help_text="In bytes")
    sha256 = models.CharField(max_length=64)
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1)
    columns = models.JSONField(default=list, help_text="The names of its columns")
    head_offset = models.PositiveIntegerField(
        default=0, help_text="Bytes above the line that names the columns"
    )
    head_line = models.PositiveIntegerField(default=1, help_text="That line, counted from 1")
    mapping = models.JSONField(default=dict, help_text="As `ColumnMapping.to_json` writes it")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    mapped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(
        max_length=10, choices=StatementState.choices, default=StatementState.UPLOADED
    )
    rows_total = models.PositiveIntegerField()
    rows_done = models.PositiveIntegerField(default=0)
    resume_offset = models.PositiveIntegerField(
        default=0, help_text="Bytes of the file up to the row where reading goes on"
    )
    resume_line = models.PositiveIntegerField(default=1, help_text="The line of that row")
    is_last_round = models.BooleanField(default=False, help_text="Of the two rounds of comparing")
    compared_through = models.BigIntegerField(
        default=0, help_text="The last row that this round has looked at"
    )
    failed_count = models.PositiveIntegerField(default=0, help_text="Rows that cannot be read")
    error_count = models.PositiveIntegerField(
        default=0, help_text="Everything found wrong, kept as rows or not"
    )
    left_out = models.JSONField(
        default=dict, help_text="How many rows are no payouts, by what the file calls them"
    )
    sums = models.JSONField(default=list, help_text="Rows by standing and currency, added up")
    open_count = models.PositiveIntegerField(
        default=0, help_text="Rows that differ and that nobody has explained"
    )
    missed_count = models.PositiveIntegerField(
        default=0, help_text="Payments of its days in no file, as of the last comparison"
    )
    first_day = models.DateField(null=True, blank=True, help_text="Of its rows")
    last_day = models.DateField(null=True, blank=True)
    has_given_days = models.BooleanField(
        default=False, help_text="A person said which days the file covers"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    compared_at = models.DateTimeField(null=True, blank=True)
    set_aside_at = models.DateTimeField(null=True, blank=True)
    set_aside_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    set_aside_reason = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "sha256"],
                condition=~Q(state="set_aside"),
                name="statements_each_file_once",
            )
        ]
        indexes = [models.Index(fields=["store", "-id"], name="statements_newest")]

    @property
    def head(self) -> Place:
        """Where it names its columns."""
        return Place(self.head_offset, self.head_line)

    @property
    def differences(self) -> int:
        """What is open on either side, as of the last comparison."""
        return self.open_count + self.missed_count

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class StatementRow(KeptRow):
    """One payout as a file tells of it. The database gives a payout to one live row at most."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="rows")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="+")
    line = models.PositiveIntegerField(help_text="As an editor counts them, from 1")
    offset = models.PositiveIntegerField(help_text="Where its bytes begin")
    reference = models.CharField(max_length=255, blank=True)
    key = models.CharField(
        max_length=255, blank=True, help_text="The desk's own key or refund, as the file tells it"
    )
    amount_cents = models.BigIntegerField()
    fee_cents = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    paid_on = models.DateField(null=True, blank=True)
    kind = models.CharField(max_length=100, blank=True)
    standing = models.CharField(max_length=12, choices=STANDINGS, default=Standing.NEW)
    payout = models.ForeignKey(
        Payout,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="statement_rows",
        help_text="What it tells of, whether it holds it or not",
    )
    holds_payout = models.BooleanField(default=False, help_text="The payout is this row's alone")
    way = models.CharField(max_length=10, blank=True, choices=WAYS)
    desk_amount_cents = models.BigIntegerField(
        default=0, help_text="What the desk has paid by the payout it holds"
    )
    desk_currency = models.CharField(max_length=3, blank=True)
    is_explained = models.BooleanField(default=False)
    is_live = models.BooleanField(default=True, help_text="False once its file was set aside")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["statement", "line"], name="statements_one_row_a_line"),
            models.UniqueConstraint(
                fields=["payout"],
                condition=Q(holds_payout=True),
                name="statements_one_row_a_payout",
            ),
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="statements_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(holds_payout=False)
                | Q(payout__isnull=False, is_live=True, standing__in=sorted(HOLDING)),
                name="statements_holds_what_it_has",
            ),
            models.CheckConstraint(
                condition=~Q(standing="matched", is_live=True)
                | Q(
                    holds_payout=True,
                    amount_cents=F("desk_amount_cents"),
                    currency=F("desk_currency"),
                ),
                name="statements_matched_is_equal",
            ),
        ]
        indexes = [
            models.Index(
                fields=["statement", "standing", "is_explained", "id"],
                name="statements_by_standing",
            ),
            models.Index(fields=["source", "reference"], name="statements_by_reference"),
        ]

    def __str__(self) -> str:
        return f"line {self.line} of {self.statement_id}: {self.amount_cents} {self.currency}"


class StatementError(models.Model):
    """One thing wrong in one line of an uploaded file."""

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="errors")
    line = models.PositiveIntegerField(help_text="As an editor counts them, from 1")
    column = models.CharField(max_length=255, blank=True)
    value = models.CharField(max_length=255, blank=True)
    message = models.CharField(max_length=500, help_text="What is wrong and the remedy")

    class Meta:
        ordering = ["line", "pk"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class Undoable(KeptRow):
    """Something a person said, which can be undone and stays on record."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Pairing(Undoable):
    """What a person said of a row and a payout that look alike: that they are one, or not."""

    row = models.ForeignKey(StatementRow, on_delete=models.PROTECT, related_name="pairings")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="+")
    is_confirmed = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["row", "payout"],
                condition=Q(undone_at__isnull=True),
                name="statements_one_word_a_pair",
            )
        ]

    def __str__(self) -> str:
        return f"{self.row_id} and {self.payout_id}: {self.is_confirmed}"


class Explanation(Undoable):
    """Why something differs, or is on one side only: of a row, or of a payout in no file."""

    statement = models.ForeignKey(
        Statement,
        on_delete=models.PROTECT,
        related_name="explanations",
        help_text="Where somebody said so",
    )
    row = models.ForeignKey(
        StatementRow,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="explanations",
    )
    payout = models.ForeignKey(
        Payout, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(row__isnull=True, payout__isnull=False)
                | Q(row__isnull=False, payout__isnull=True),
                name="statements_explains_one_thing",
            ),
            models.UniqueConstraint(
                fields=["row"],
                condition=Q(undone_at__isnull=True),
                name="statements_one_explanation_a_row",
            ),
            models.UniqueConstraint(
                fields=["payout"],
                condition=Q(undone_at__isnull=True),
                name="statements_one_explanation_a_payout",
            ),
        ]
        indexes = [models.Index(fields=["statement", "id"], name="statements_explanations")]

    def __str__(self) -> str:
        return self.reason

"""Exports: a report as a file, made in the background, chunk by chunk."""

from django.conf import settings
from django.db import models

from apps.ledger.models import PeriodEvent
from apps.reports.schedule_models import Schedule, ScheduleChange, ScheduleRun
from apps.stores.models import Store

__all__ = [
    "Export",
    "ExportChunk",
    "ExportDownload",
    "Schedule",
    "ScheduleChange",
    "ScheduleRun",
]


class Export(models.Model):
    """One file of a report: what was asked, how far it is, and what became of it. The row stays
    when its bytes are gone."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        READING = "reading", "Reading rows"
        FINISHING = "finishing", "Writing the file"
        DONE = "done", "Ready"
        CANCELED = "canceled", "Canceled"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="exports")
    report = models.CharField(max_length=60)
    query = models.TextField(blank=True, help_text="The filters as an address, days named")
    zone = models.CharField(max_length=64, help_text="The store's time zone when it was asked for")
    format = models.CharField(max_length=4, choices=Format.choices)
    has_byte_order_mark = models.BooleanField(default=True, help_text="CSV only")
    name = models.CharField(max_length=255, help_text="What the file is called")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rows_total = models.BigIntegerField(null=True, blank=True, help_text="Counted when it began")
    rows_done = models.BigIntegerField(default=0)
    position = models.JSONField(null=True, blank=True, help_text="Where the next chunk begins")
    chunks_done = models.PositiveIntegerField(default=0)
    layout = models.CharField(
        max_length=64, blank=True, help_text="A digest of the columns that its rows were read for"
    )
    totals = models.JSONField(default=list, help_text="The sums of the rows written so far")
    size = models.BigIntegerField(default=0, help_text="Bytes of the file")
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    progress_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    is_kept = models.BooleanField(default=False, help_text="Its bytes never go: of a closed month")
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When its bytes go; none: they are kept"
    )

    class Meta:
        indexes = [models.Index(fields=["store", "-id"], name="reports_exports")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything still to come."""
        return self.state in (self.State.WAITING, self.State.READING, self.State.FINISHING)

    @property
    def percent(self) -> int:
        """How much of it is done; 100 only when all is."""
        if self.state in (self.State.DONE, self.State.EXPIRED):
            return 100
        return min(99, self.rows_done * 100 // self.rows_total) if self.rows_total else 0


class ExportChunk(models.Model):
    """Some bytes of an export, compressed: of its rows while they are read, of the file itself
    when it is done. A CSV file is its rows."""

    class Part(models.TextChoices):
        ROWS = "rows", "Rows"
        FILE = "file", "File"

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="chunks")
    part = models.CharField(max_length=4, choices=Part.choices)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["export", "part", "number"], name="reports_chunk_numbers"
            )
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.number} of {self.export_id}"


class ExportDownload(models.Model):
    """Who has taken a file, and when."""

    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="downloads")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    downloaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.export_id} by {self.person_id}"


class PeriodFile(models.Model):
    """A file that was made when a month was closed. It is kept: printed again it is the same byte
    for byte, whatever happened since."""

    closing = models.ForeignKey(PeriodEvent, on_delete=models.PROTECT, related_name="files")
    export = models.ForeignKey(Export, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["closing", "export"], name="reports_period_file_once")
        ]

    def __str__(self) -> str:
        return f"{self.export} of {self.closing}"

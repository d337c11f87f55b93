"""The mail of a scheduled report: what it is of, its totals, and the file or a link.

Everything that goes into a header is one line: a name with a line break could add headers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format

from apps.common import money
from apps.common.errors import Refused
from apps.reports.asking import Asked, ask
from apps.reports.exports import file_of
from apps.reports.models import Export, Schedule, ScheduleRun
from apps.reports.registry import report_named
from apps.reports.rules import Period
from apps.reports.types import Kind, Report, Totals
from apps.stores.queries import zone_of

_TYPES = {
    Export.Format.CSV.value: "text/csv",
    Export.Format.XLSX.value: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Letter:
    """One run's mail; `content` is None where it carries a link in place of the file."""

    run_id: int
    subject: str
    text: str
    html: str
    file_name: str
    file_type: str
    content: bytes | None

    @property
    def delivery(self) -> str:
        """How the file goes: as `file` or as `link`."""
        kind = Schedule.Delivery.LINK if self.content is None else Schedule.Delivery.FILE
        return kind.value

    def to(self, address: str, *, connection: Any) -> EmailMultiAlternatives:
        """Returns it as a message for one recipient, to be sent by `connection`."""
        message = EmailMultiAlternatives(
            subject=self.subject,
            body=self.text,
            to=[address],
            connection=connection,
            headers={
                # Sent twice after a crash, it can be told to be the same.
                "Message-ID": f"<report-{self.run_id}.{_short(address)}@{_domain()}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        message.attach_alternative(self.html, "text/html")
        if self.content is not None:
            message.attach(self._attachment(self.content))
        return message

    def _attachment(self, content: bytes) -> MIMEBase:
        """Makes the file a part byte for byte: as text, its line breaks would be made anew on the
        way, and its checksum would not fit."""
        part = MIMEBase(*self.file_type.split("/"))
        part.set_payload(content)
        encode_base64(part)
        part.add_header("Content-Disposition", "attachment", filename=self.file_name)
        return part


def _short(address: str) -> str:
    return sha256(address.encode()).hexdigest()[:12]


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"


def letter_for(run: ScheduleRun, export: Export) -> Letter:
    """Builds the mail of a run whose file is ready. Raises Refused where the file, or its report,
    is not there any more."""
    schedule = run.schedule
    report = report_named(export.report)
    if report is None:
        raise Refused(f"there is no report {export.report!r} any more")
    pieces = file_of(export)
    is_large = export.size > settings.REPORT_MAIL_MOST_BYTES
    is_link = schedule.delivery == Schedule.Delivery.LINK or is_large
    asked = ask(report, schedule.store, export.query)
    period = period_in_words(asked.question.period) if asked.question else ""
    context = {
        "schedule": schedule,
        "report": report,
        "export": export,
        "zone": zone_of(schedule.store).key,
        "period": period,
        "filters": list(filters_in_words(asked)),
        "totals": [_totals(report, Totals(**found)) for found in export.totals],
        "is_link": is_link,
        "kept_until": f"{export.expires_at:%Y-%m-%d %H:%M} UTC" if export.expires_at else "",
        "is_too_large": is_large and schedule.delivery == Schedule.Delivery.FILE,
        "url": f"{settings.DESK_URL}{reverse('desk:export', args=[export.pk])}",
        "schedule_url": f"{settings.DESK_URL}{reverse('desk:schedule', args=[schedule.pk])}",
    }
    empty = "" if export.rows_done else " (no rows)"
    return Letter(
        run_id=run.pk,
        subject=_one_line(f"{schedule.name}: {period}{empty}"),
        text=render_to_string("reports/mail.txt", context),
        html=render_to_string("reports/mail.html", context),
        file_name=export.name,
        file_type=_TYPES[export.format],
        content=None if is_link else b"".join(pieces),
    )


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _totals(report: Report, found: Totals) -> dict[str, Any]:
    """Returns the sums that a report shows in large, in words."""
    sums = []
    for key in report.cards:
        column, value = report.column(key), found.sums[key]
        is_amount = column.kind == Kind.AMOUNT and found.currency
        sums.append(
            (column.label, money.show(value, found.currency) if is_amount else f"{value:,}")
        )
    return {"currency": found.currency, "rows": found.rows, "sums": sums}


def period_in_words(period: Period) -> str:
    """Returns days in words, such as Jan 1, 2026 to Jan 31, 2026."""
    since, until = period.since, period.until
    if since is None and until is None:
        return "all time"
    first = date_format(since, "M j, Y") if since else "the beginning"
    last = date_format(until, "M j, Y") if until else "the end"
    return first if first == last else f"{first} to {last}"


def filters_in_words(asked: Asked) -> Iterator[tuple[str, str]]:
    """Yields the filters that count but for their days: what each is called, and its value."""
    fields = asked.form.fields
    for name, value in asked.form.given():
        if name in ("since", "until", "period"):
            continue
        field: Any = fields[name]
        choices = {str(key): str(words) for key, words in getattr(field, "choices", ())}
        yield str(field.label or name), choices.get(value, value)

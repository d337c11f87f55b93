"""Gives refunds that are paid their day in the books: that of their last payment there, or the one on
which they ended where nothing had to be paid."""

from zoneinfo import ZoneInfo

from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import TruncDate

PAYING = ("payout.paid", "refund.credited", "refund.outside")


def give_days(apps, schema_editor):
    Refund = apps.get_model("refunds", "Refund")
    Entry = apps.get_model("ledger", "Entry")
    Store = apps.get_model("stores", "Store")
    paid = Refund.objects.filter(status="paid", booked_on__isnull=True)
    entries = Entry.objects.filter(
        store=OuterRef("store"), refund_identifier=OuterRef("identifier"), kind__in=PAYING
    )
    paid.update(booked_on=Subquery(entries.order_by("-booked_on").values("booked_on")[:1]))
    for store in Store.objects.all():
        try:
            zone = ZoneInfo(store.time_zone)
        except (KeyError, ValueError):
            zone = ZoneInfo("UTC")
        paid.filter(store=store).update(booked_on=TruncDate("paid_at", tzinfo=zone))


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_settled_days"),
        ("refunds", "0016_report_indexes"),
    ]
    operations = [
        migrations.AddField(
            model_name="refund",
            name="booked_on",
            field=models.DateField(
                blank=True,
                help_text="Its day in the books, once all is paid: its own, or the first open one where "
        "that month was closed",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["store", "booked_on", "id"], name="refunds_by_booked"),
        ),
        migrations.RunPython(give_days, migrations.RunPython.noop, elidable=True),
    ]

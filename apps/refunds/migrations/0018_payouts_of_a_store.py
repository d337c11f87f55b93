"""Payouts get their store, that of their refund. A migration of its own: PostgreSQL lets no table
be altered in the transaction that changed its rows."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def take_over(apps, schema_editor):
    Payout = apps.get_model("refunds", "Payout")
    Refund = apps.get_model("refunds", "Refund")
    store = Refund.objects.filter(pk=OuterRef("refund")).values("store")
    Payout.objects.filter(store__isnull=True).update(store=Subquery(store))


class Migration(migrations.Migration):

    dependencies = [
        ('refunds', '0017_day_in_books'),
        ('stores', '0004_store_requires_second_factor'),
    ]

    operations = [
        migrations.AddField(
            model_name='payout',
            name='store',
            field=models.ForeignKey(db_index=False, null=True, help_text='That of its refund: what a gateway paid for a store is read from one index', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='stores.store'),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]

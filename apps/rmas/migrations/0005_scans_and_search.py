from datetime import datetime

from django.db import migrations, models
from django.db.models import Min, Q

from apps.common.indexes import PostgresqlIndex, compact, upper

SCANNED = ('ACCEPTED', 'TRANSIT', 'DELIVERED')


def read_scans(apps, schema_editor):
    """RMAs known before have it in their messages only."""
    Rma = apps.get_model('rmas', 'Rma')
    RmaMessage = apps.get_model('rmas', 'RmaMessage')
    first: dict[int, datetime] = {}
    rows = RmaMessage.objects.exclude(remote_updated_at=None).order_by('remote_updated_at')
    for message in rows.only('rma_id', 'content', 'remote_updated_at').iterator(chunk_size=500):
        if message.rma_id not in first and any(
            unit.get('package_tracking_status') in SCANNED
            or unit.get('receiving_status') == 'RECEIVED'
            for unit in message.content.get('units') or []
        ):
            first[message.rma_id] = message.remote_updated_at
    for pk, scanned_at in first.items():
        Rma.objects.filter(pk=pk).update(scanned_at=scanned_at)


def read_waits(apps, schema_editor):
    """Since when the open RMAs wait stands in their units."""
    Rma = apps.get_model('rmas', 'Rma')
    RmaUnit = apps.get_model('rmas', 'RmaUnit')
    waiting = RmaUnit.objects.filter(is_withdrawn=False).exclude(receiving_status='RECEIVED')
    waiting = waiting.exclude(rma__status__in=['REFUNDED', 'CANCELED']).order_by()
    for field, states in (
        ('in_transit_since', ['ACCEPTED', 'TRANSIT']),
        ('delivered_since', ['DELIVERED']),
    ):
        rows = waiting.filter(package_tracking_status__in=states).values_list('rma')
        for pk, since in rows.annotate(since=Min('changed_at')):
            Rma.objects.filter(pk=pk).update(**{field: since})


class Migration(migrations.Migration):

    dependencies = [
        ('rmas', '0004_conversions_and_exclusions'),
    ]

    operations = [
        migrations.AddField(
            model_name='rma',
            name='scanned_at',
            field=models.DateTimeField(blank=True, help_text='When Optoro first told of a unit that was handed over, scanned or received', null=True),
        ),
        migrations.AddField(
            model_name='rma',
            name='in_transit_since',
            field=models.DateTimeField(blank=True, help_text='While it is open: since when nothing new is known of a unit on its way', null=True),
        ),
        migrations.AddField(
            model_name='rma',
            name='delivered_since',
            field=models.DateTimeField(blank=True, help_text='While it is open: since when a unit is delivered and not received', null=True),
        ),
        migrations.AddIndex(
            model_name='rma',
            index=models.Index(condition=Q(in_transit_since__isnull=False), fields=['store', 'in_transit_since'], name='rmas_in_transit'),
        ),
        migrations.AddIndex(
            model_name='rma',
            index=models.Index(condition=Q(delivered_since__isnull=False), fields=['store', 'delivered_since'], name='rmas_delivered'),
        ),
        PostgresqlIndex('rmas_find_identifier', 'rmas_rma', f"(store_id, {upper('rma_identifier')})"),
        PostgresqlIndex('rmas_find_giftee', 'rmas_rma', f"(store_id, {upper('giftee_email')})"),
        PostgresqlIndex('rmas_unit_find_tracking', 'rmas_rmaunit', f"({compact('tracking_number')}, id DESC)"),
        PostgresqlIndex('rmas_unit_find_sku', 'rmas_rmaunit', f"({upper('sku')}, id DESC)"),
        PostgresqlIndex('rmas_unit_find_upc', 'rmas_rmaunit', f"({upper('upc')}, id DESC)"),
        PostgresqlIndex('rmas_unit_find_unlinked', 'rmas_rmaunit', f"({upper('order_identifier')}) WHERE order_line_id IS NULL"),
        migrations.RunPython(read_scans, migrations.RunPython.noop),
        migrations.RunPython(read_waits, migrations.RunPython.noop),
    ]

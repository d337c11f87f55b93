from django.db import migrations, models

from apps.common.indexes import PostgresqlIndex, upper

_STANDING = models.Q(('is_withdrawn', False))


class Migration(migrations.Migration):

    dependencies = [
        ('rmas', '0010_unit_words'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='rma',
            index=models.Index(fields=['store', 'first_seen_at'], name='rmas_by_first_seen'),
        ),
        migrations.RemoveIndex(
            model_name='rmaunit',
            name='rmas_unit_by_parcel',
        ),
        migrations.RemoveIndex(
            model_name='rmaunit',
            name='rmas_unit_by_receiving',
        ),
        migrations.RemoveIndex(
            model_name='rmaunit',
            name='rmas_unit_by_type',
        ),
        migrations.AddIndex(
            model_name='rmaunit',
            index=models.Index(condition=_STANDING, fields=['package_tracking_status', 'rma'], name='rmas_unit_by_parcel'),
        ),
        migrations.AddIndex(
            model_name='rmaunit',
            index=models.Index(condition=_STANDING, fields=['receiving_status', 'rma'], name='rmas_unit_by_receiving'),
        ),
        migrations.AddIndex(
            model_name='rmaunit',
            index=models.Index(condition=_STANDING, fields=['refund_type', 'rma'], name='rmas_unit_by_type'),
        ),
        # With the column itself, so that the units are not read.
        PostgresqlIndex('rmas_unit_sku_of_rma', 'rmas_rmaunit', f"({upper('sku')}, rma_id) INCLUDE (sku)"),
    ]

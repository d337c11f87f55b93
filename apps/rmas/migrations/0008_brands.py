from django.db import migrations, models

from apps.common.indexes import PostgresqlIndex


class Migration(migrations.Migration):

    dependencies = [
        ('rmas', '0007_lists'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='rma',
            index=models.Index(fields=['store', 'concept'], name='rmas_by_concept'),
        ),
        PostgresqlIndex('rmas_by_brand', 'rmas_rma', "(store_id, UPPER(concept), remote_created_at DESC, id DESC)"),
    ]

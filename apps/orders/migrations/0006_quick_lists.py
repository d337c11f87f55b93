from django.db import migrations, models

from apps.common.indexes import PostgresqlIndex, upper


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0005_lists'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('status', 'Canceled')), fields=['identifier', 'secondary_identifier'], name='orders_canceled'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['store', 'identifier'], include=['status', 'first_seen_at', 'id'], name='orders_own_status'),
        ),
        # With the column itself, so that the lines are not read.
        PostgresqlIndex('orders_line_sku_of_order', 'orders_orderline', f"({upper('sku')}, order_id) INCLUDE (sku)"),
    ]

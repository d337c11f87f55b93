from django.db import migrations, models
from django.db.models import Q

from apps.common.indexes import PostgresqlIndex, upper


class Migration(migrations.Migration):

    dependencies = [
        ('refunds', '0006_account_of_attempts'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['store', 'approved_at'], name='refunds_by_approved'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=Q(status='paid', reported_at__isnull=True), fields=['store', 'paid_at'], name='refunds_not_reported'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=Q(status='paid', confirmed_at__isnull=True, rma__isnull=False), fields=['store', 'paid_at'], name='refunds_not_confirmed'),
        ),
        PostgresqlIndex('refunds_find_identifier', 'refunds_refund', f"(store_id, {upper('identifier')})"),
        PostgresqlIndex('refunds_payout_find_transaction', 'refunds_payout', f"({upper('transaction_identifier')}, id DESC)"),
        PostgresqlIndex('refunds_payout_find_reference', 'refunds_payout', f"({upper('gateway_reference')}, id DESC)"),
    ]

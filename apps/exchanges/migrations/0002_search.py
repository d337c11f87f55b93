from django.db import migrations

from apps.common.indexes import PostgresqlIndex, last_digits, upper


class Migration(migrations.Migration):

    dependencies = [
        ('exchanges', '0001_initial'),
    ]

    operations = [
        PostgresqlIndex('exchanges_find_identifier', 'exchanges_exchangeorder', f"(store_id, {upper('order_identifier')})"),
        PostgresqlIndex('exchanges_find_transaction', 'exchanges_exchangeorder', f"(store_id, {upper('transaction_id')})"),
        PostgresqlIndex('exchanges_find_email', 'exchanges_exchangeorder', f"(store_id, {upper('customer_email')})"),
        PostgresqlIndex('exchanges_find_name', 'exchanges_exchangeorder', f"(store_id, {upper('customer_name')})"),
        PostgresqlIndex('exchanges_find_phone', 'exchanges_exchangeorder', f"(store_id, {last_digits('customer_phone')})"),
        PostgresqlIndex('exchanges_line_find_sku', 'exchanges_exchangeline', f"({upper('sku')}, id DESC)"),
    ]

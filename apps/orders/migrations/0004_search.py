from django.db import migrations

from apps.common.indexes import PostgresqlIndex, TrigramExtension, compact, last_digits, upper


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0003_payments_and_approvals'),
    ]

    operations = [
        TrigramExtension(),
        PostgresqlIndex('orders_find_identifier', 'orders_order', f"(store_id, {upper('identifier')})"),
        PostgresqlIndex('orders_find_secondary', 'orders_order', f"(store_id, {upper('secondary_identifier')})"),
        PostgresqlIndex('orders_find_email', 'orders_order', f"(store_id, {upper('customer_email')})"),
        PostgresqlIndex('orders_find_name', 'orders_order', f"(store_id, {upper('customer_name')})"),
        PostgresqlIndex('orders_find_phone', 'orders_order', f"(store_id, {last_digits('customer_phone')})"),
        PostgresqlIndex('orders_similar_name', 'orders_order', "USING gin (UPPER(customer_name) gin_trgm_ops)"),
        PostgresqlIndex('orders_similar_email', 'orders_order', "USING gin (UPPER(customer_email) gin_trgm_ops)"),
        PostgresqlIndex('orders_line_find_tracking', 'orders_orderline', f"({compact('tracking_number')}, id DESC)"),
        PostgresqlIndex('orders_line_find_sku', 'orders_orderline', f"({upper('sku')}, id DESC)"),
        PostgresqlIndex('orders_line_find_upc', 'orders_orderline', f"({upper('upc')}, id DESC)"),
        PostgresqlIndex('orders_find_transaction', 'orders_transaction', f"({upper('identifier')}, id DESC)"),
    ]

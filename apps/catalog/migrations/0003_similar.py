from django.db import migrations

from apps.common.indexes import PostgresqlIndex, TrigramExtension


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_products_imports_missed'),
    ]

    operations = [
        TrigramExtension(),
        PostgresqlIndex('catalog_similar_sku', 'catalog_variant', "USING gin (UPPER(sku) gin_trgm_ops)"),
        PostgresqlIndex('catalog_similar_title', 'catalog_variant', "USING gin (UPPER(title) gin_trgm_ops)"),
    ]


import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('stores', '0002_exchanges'),
    ]

    operations = [
        migrations.CreateModel(
            name='Variant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('variant_identifier', models.CharField(help_text='As the order line names it: the id that Optoro asks for', max_length=255)),
                ('sku', models.CharField(max_length=255)),
                ('title', models.CharField(max_length=500)),
                ('attributes', models.JSONField(default=list, help_text='[{name, value}], in the order to show')),
                ('unit_price_amount_cents', models.BigIntegerField()),
                ('quantity_in_stock', models.IntegerField()),
                ('image_url', models.CharField(blank=True, max_length=2000)),
                ('product_url', models.CharField(blank=True, max_length=2000)),
                ('position', models.PositiveIntegerField(default=0)),
                ('source', models.CharField(choices=[('api', 'API'), ('file', 'Imported file'), ('order', 'Order item')], max_length=10)),
                ('updated_at', models.DateTimeField()),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='variants', to='stores.store')),
            ],
            options={
                'ordering': ['variant_identifier', 'position', 'pk'],
                'indexes': [models.Index(fields=['store', 'sku'], name='catalog_by_sku')],
                'constraints': [models.UniqueConstraint(fields=('store', 'variant_identifier', 'sku'), name='catalog_variant_unique'), models.CheckConstraint(condition=models.Q(('unit_price_amount_cents__gte', 0)), name='catalog_price_not_negative')],
            },
        ),
    ]

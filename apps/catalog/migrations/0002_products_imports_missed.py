
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0001_initial'),
        ('stores', '0002_exchanges'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='VariantImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text="The file's name as it was uploaded", max_length=255)),
                ('content', models.BinaryField(help_text='Emptied once the file is worked off')),
                ('size', models.PositiveIntegerField(help_text='In bytes')),
                ('sha256', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('canceled', 'Canceled')], default='waiting', max_length=10)),
                ('rows_total', models.PositiveIntegerField()),
                ('rows_done', models.PositiveIntegerField(default=0)),
                ('resume_offset', models.PositiveIntegerField(default=0, help_text='Bytes of the file up to the row where the work goes on')),
                ('resume_line', models.PositiveIntegerField(default=1, help_text='The line of that row')),
                ('repeats', models.BinaryField(default=b'', help_text='Rows that repeat others, as `csv_survey.Repeats` writes them')),
                ('created_count', models.PositiveIntegerField(default=0)),
                ('updated_count', models.PositiveIntegerField(default=0)),
                ('unchanged_count', models.PositiveIntegerField(default=0)),
                ('failed_count', models.PositiveIntegerField(default=0, help_text='Rows that were left out')),
                ('error_count', models.PositiveIntegerField(default=0, help_text='Everything found wrong, kept as rows or not')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('progress_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='stores.store')),
                ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='VariantImportError',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField(help_text='As an editor counts them; the header is line 1')),
                ('column', models.CharField(blank=True, max_length=255)),
                ('value', models.CharField(blank=True, max_length=255)),
                ('message', models.CharField(help_text='What is wrong and the remedy', max_length=500)),
                ('variant_import', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='errors', to='catalog.variantimport')),
            ],
            options={
                'ordering': ['line', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='MissedLookup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('variant_identifier', models.CharField(max_length=255)),
                ('count', models.PositiveBigIntegerField(default=1)),
                ('first_asked_at', models.DateTimeField()),
                ('last_asked_at', models.DateTimeField()),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='stores.store')),
            ],
            options={
                'indexes': [models.Index(fields=['store', '-last_asked_at', '-id'], name='catalog_missed_newest')],
                'constraints': [models.UniqueConstraint(fields=('store', 'variant_identifier'), name='catalog_missed_unique')],
            },
        ),
        migrations.CreateModel(
            name='Product',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('variant_identifier', models.CharField(max_length=255)),
                ('title', models.CharField(blank=True, help_text="The first variant's", max_length=500)),
                ('source', models.CharField(choices=[('api', 'API'), ('file', 'Imported file'), ('order', 'Order item')], help_text='Who told about it last', max_length=10)),
                ('told_at', models.DateTimeField(blank=True, help_text='`updated_at` of the order whose items told of it', null=True)),
                ('content_sha256', models.CharField(blank=True, help_text='Of the whole set as it was told; empty if it was not', max_length=64)),
                ('variant_count', models.PositiveIntegerField(default=0)),
                ('in_stock_count', models.PositiveIntegerField(default=0)),
                ('lowest_price_amount_cents', models.BigIntegerField(blank=True, null=True)),
                ('highest_price_amount_cents', models.BigIntegerField(blank=True, null=True)),
                ('updated_at', models.DateTimeField()),
                ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='stores.store')),
            ],
            options={
                'indexes': [models.Index(fields=['store', '-updated_at', '-id'], name='catalog_newest')],
                'constraints': [models.UniqueConstraint(fields=('store', 'variant_identifier'), name='catalog_product_unique')],
            },
        ),
        migrations.AddIndex(
            model_name='variantimport',
            index=models.Index(fields=['store', '-id'], name='catalog_imports_newest'),
        ),
    ]

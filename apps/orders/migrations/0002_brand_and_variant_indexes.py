
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0001_initial'),
        ('stores', '0002_exchanges'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['store', 'concept'], name='orders_by_brand'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(fields=['variant_identifier'], name='orders_line_by_variant'),
        ),
    ]

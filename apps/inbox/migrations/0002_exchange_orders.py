
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inbox', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('received', 'Received'), ('processed', 'Processed'), ('quarantined', 'Quarantined'), ('failed', 'Failed, will be tried again'), ('refused', 'Refused; its sender was told why')], default='received', max_length=12),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='topic',
            field=models.CharField(choices=[('rma', 'RMA'), ('exchange_order', 'Exchange order')], max_length=40),
        ),
    ]

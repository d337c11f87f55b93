
import apps.common.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rmas', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='rmaunit',
            name='policy_renewed_at',
            field=models.DateTimeField(blank=True, help_text='When a person put it under the newest refund policy', null=True),
        ),
        migrations.AddField(
            model_name='rmaunit',
            name='changed_at',
            field=models.DateTimeField(default=apps.common.clock.now, help_text='When a message last told something of it that a policy judges: the policy in force then is its policy'),
        ),
    ]

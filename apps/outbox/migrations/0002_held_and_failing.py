from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0001_initial'),
        ('stores', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=Q(state='held'), fields=['store', 'created_at'], name='outbox_held'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=Q(state='waiting', failures__gt=0), fields=['store', 'created_at'], name='outbox_failing'),
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('refunds', '0013_books_of_before'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='refund',
            name='refunds_by_paid',
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['store', 'paid_at', 'id'], name='refunds_by_paid'),
        ),
    ]

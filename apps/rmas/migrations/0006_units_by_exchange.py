from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("rmas", "0005_scans_and_search"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="rmaunit",
            index=models.Index(
                condition=~Q(exchange_order_identifier=""),
                fields=["exchange_order_identifier"],
                name="rmas_unit_by_exchange",
            ),
        ),
    ]

from django.db import migrations
from django.db.models import Count, Min, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce


def keep_what_is_known(apps, schema_editor):
    """Each exchange order gets the status of the order that it is carried as, as
    `exchanges/lineage.py` finds it: that of its identifier, else the only one that has it as its
    secondary one; an order that was there before is another one."""
    newer = apps.get_model("orders", "Order").objects.filter(
        store_id=OuterRef("store_id"),
        first_seen_at__gte=OuterRef("placed_at"),
        pk__gt=OuterRef("original_order_id"),
    )
    named = newer.filter(identifier=OuterRef("order_identifier")).values("status")[:1]
    alone = (
        newer.filter(secondary_identifier=OuterRef("order_identifier"))
        .values("secondary_identifier")
        .annotate(found=Count("pk"), only=Min("status"))
        .filter(found=1)
        .values("only")
    )
    said = Coalesce(Subquery(named), Subquery(alone), Value(""))
    placed = apps.get_model("exchanges", "ExchangeOrder")
    placed.objects.update(own_order_status=said)
    if schema_editor and schema_editor.connection.vendor == "postgresql":
        # Until it looks by itself, PostgreSQL takes every status for rare, and sorts them all.
        schema_editor.execute(f"ANALYZE {placed._meta.db_table}")


class Migration(migrations.Migration):
    dependencies = [
        ("exchanges", "0004_own_order_status"),
        ("orders", "0006_quick_lists"),
    ]

    operations = [migrations.RunPython(keep_what_is_known, migrations.RunPython.noop)]

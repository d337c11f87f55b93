"""What the catalog's pages show."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max

from apps.catalog.models import MissedLookup, Product, VariantImport, VariantImportError
from apps.catalog.queries import variants_of
from apps.catalog.rules import Offer, offers_of
from apps.common.csv_cells import harmless
from apps.inbox.variants_endpoint import variants_answer
from apps.orders.models import OrderLine
from apps.outbox import topics
from apps.outbox.models import Job, JobState
from apps.statements.models import Statement
from apps.stores.models import Store

ERRORS_SHOWN = 50


@dataclass(frozen=True)
class ProductPage:
    """A product, its variants, and what Optoro is answered when it asks for them."""

    product: Product
    offers: list[Offer]
    answer: str

    @property
    def offered(self) -> int:
        """How many variants Optoro is told of."""
        return sum(not offer.left_out for offer in self.offers)


def product_page(store: Store, product: Product) -> ProductPage:
    """Reads the page of a product; the answer is made where Optoro's own is."""
    offers = offers_of(
        variants_of(store_id=store.pk, variant_identifier=product.variant_identifier),
        with_out_of_stock=store.offers_out_of_stock_variants,
    )
    answer = json.dumps(variants_answer(offers), indent=2, ensure_ascii=False)
    return ProductPage(product, offers, answer)


@dataclass(frozen=True)
class MissedRow:
    """An id asked for in vain, how many order lines have it, and the newest of them."""

    missed: MissedLookup
    lines: int
    newest: OrderLine | None


def missed_rows(store_id: int, page: Iterable[MissedLookup]) -> list[MissedRow]:
    """Returns the ids of one page with the order lines that carry them."""
    rows = list(page)
    counted = {
        row["variant_identifier"]: row
        for row in OrderLine.objects.filter(
            order__store_id=store_id,
            is_removed=False,
            variant_identifier__in=[row.variant_identifier for row in rows],
        )
        .order_by()
        .values("variant_identifier")
        .annotate(lines=Count("pk"), newest=Max("pk"))
    }
    newest = OrderLine.objects.select_related("order").defer("order__raw")
    by_key = newest.in_bulk([row["newest"] for row in counted.values()])
    return [
        MissedRow(row, found["lines"], by_key.get(found["newest"]))
        if (found := counted.get(row.variant_identifier))
        else MissedRow(row, 0, None)
        for row in rows
    ]


@dataclass(frozen=True)
class ImportPage:
    """An import, the first things found wrong, and its job where that is in trouble."""

    found: VariantImport
    errors: list[VariantImportError]
    trouble: Job | None

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything still to come."""
        return self.found.state in (VariantImport.State.WAITING, VariantImport.State.RUNNING)

    @property
    def has_more_errors(self) -> bool:
        """Whether the file of errors has more than the page shows."""
        return self.found.error_count > len(self.errors)


def import_page(found: VariantImport) -> ImportPage:
    """Reads the page of an import."""
    job = (
        Job.objects.filter(topic=topics.IMPORT_VARIANTS, key=str(found.pk)).order_by("-pk").first()
    )
    in_trouble = job is not None and (
        job.state == JobState.HELD or (job.state == JobState.WAITING and job.failures > 0)
    )
    errors = list(found.errors.order_by("line", "pk")[:ERRORS_SHOWN])
    return ImportPage(found, errors, job if in_trouble else None)


def errors_csv(found: VariantImport | Statement) -> str:
    """Returns what was wrong with an uploaded file's rows, as a file for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["line", "column", "value", "what is wrong"])
    kept = 0
    for error in found.errors.order_by("line", "pk").iterator():
        kept += 1
        cells = (error.column, error.value, error.message)
        writer.writerow([error.line, *(harmless(cell) for cell in cells)])
    if found.error_count > kept:
        more = f"{found.error_count - kept} more were found; the first {kept} are kept"
        writer.writerow(["", "", "", more])
    return out.getvalue()


SAMPLE_CSV = "\n".join(
    (
        "variant_identifier,sku,title,unit_price,quantity_in_stock,product_url,"
        "attribute:Size,attribute:Length,attribute:Color",
        "96027,TEE-BLACK-S,Black T-Shirt,128.00,5,https://shop.example/tee,S,,Black",
        "96027,TEE-BLACK-M,Black T-Shirt,128.00,0,https://shop.example/tee,M,,Black",
        '96028,CHINO-32-30,"Chino, straight",89.50,12,,32,30,Sand',
        "",
    )
)

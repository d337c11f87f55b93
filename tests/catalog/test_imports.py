"""Importing CSV files of variants, through the page and the worker."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Membership, Role, User
from apps.catalog import csv_file, csv_survey, imports
from apps.catalog.models import Product, Variant, VariantImport, VariantImportError
from apps.common.csv_cells import harmless
from apps.outbox.models import Job
from apps.outbox.runner import run_next
from tests.support.variants import ask, put, variant

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = "variant_identifier,sku,title,unit_price,quantity_in_stock,attribute:Size"


@pytest.fixture
def lead(store):
    user = User.objects.create_user("ana")
    Membership.objects.create(user=user, store=store, role=Role.LEAD)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def upload(lead):
    """Uploads a file and returns the answer."""

    def send(content, name="variants.csv"):
        content = content if isinstance(content, bytes) else content.encode()
        file = SimpleUploadedFile(name, content)
        return lead.post(reverse("desk:catalog-imports"), {"file": file})

    return send


@pytest.fixture
def imported(upload, drain):
    """Uploads a file, works it off and returns its row."""

    def send(content):
        answer = upload(content)
        assert answer.status_code == 302, answer.content.decode()
        drain()
        return VariantImport.objects.latest("pk")

    return send


def tally(found):
    return (
        found.created_count,
        found.updated_count,
        found.unchanged_count,
        found.failed_count,
    )


def errors(found):
    return [(e.line, e.column, e.value, e.message) for e in found.errors.all()]


def test_a_file_fills_the_catalog(imported, lead):
    found = imported(
        f"{HEAD},attribute:Color,image_url\n"
        '96027,A,"Black T-Shirt, long",128.00,5,S,Black,https://shop.test/a.jpg\n'
        "96027,B,Black T-Shirt,12,0,M,,\n"
        "\n"
        "96028,C,Chino,89.5,3,,,\n"
    )
    assert (found.state, found.rows_total, found.rows_done) == ("done", 3, 3)
    assert tally(found) == (3, 0, 0, 0)
    assert bytes(found.content) == b""
    assert found.uploaded_by.username == "ana"
    assert found.finished_at is not None
    assert list(
        Variant.objects.values_list(
            "variant_identifier", "sku", "title", "unit_price_amount_cents", "quantity_in_stock"
        )
    ) == [
        ("96027", "A", "Black T-Shirt, long", 12800, 5),
        ("96027", "B", "Black T-Shirt", 1200, 0),
        ("96028", "C", "Chino", 8950, 3),
    ]
    assert ask().json()["variants"] == [
        {
            "attributes": [{"name": "Size", "value": "S"}, {"name": "Color", "value": "Black"}],
            "unit_price_amount_cents": 12800,
            "quantity_in_stock": 5,
            "sku": "A",
            "title": "Black T-Shirt, long",
            "image_url": "https://shop.test/a.jpg",
        }
    ]
    product = Product.objects.get(variant_identifier="96027")
    assert (product.source, product.variant_count, product.in_stock_count) == ("file", 2, 1)
    page = lead.get(reverse("desk:catalog-import", args=[found.pk])).content.decode()
    assert "3 of 3 rows" in page
    assert "hx-get" not in page.split("<main")[1].split("<footer")[0]


def test_an_import_changes_and_adds_but_removes_nothing(api, imported):
    put(api, "96027", variant("A"), variant("B"), variant("C"))
    found = imported(
        f"{HEAD}\n96027,B,Black T-Shirt,128.00,9,S\n96027,D,New,1.00,1,L\n"
        "96027,A,Black T-Shirt,128.00,5,S\n"
    )
    # A is told by a file now: its row has changed, too.
    assert tally(found) == (1, 2, 0, 0)
    told = ask().json()["variants"]
    assert [(v["sku"], v["quantity_in_stock"]) for v in told] == [
        ("A", 5),
        ("B", 9),
        ("C", 5),
        ("D", 1),
    ]
    again = imported(f"{HEAD}\n96027,B,Black T-Shirt,128.00,9,S\n")
    assert tally(again) == (0, 0, 1, 0)


def test_the_api_replaces_what_a_file_told(api, imported):
    put(api, "96027", variant("A"))
    imported(f"{HEAD}\n96027,B,Tee,1.00,1,S\n")
    answer = put(api, "96027", variant("A"))
    assert (answer.status_code, answer.json()["removed"]) == (200, 1)
    assert [v["sku"] for v in ask().json()["variants"]] == ["A"]


def test_a_file_closes_lookups_in_vain(imported, lead):
    ask("96027")
    assert "96027" in lead.get("/catalog/missed/").content.decode()
    imported(f"{HEAD}\n96027,B,Tee,1.00,1,S\n")
    assert "96027" not in lead.get("/catalog/missed/").content.decode()


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_encodings(imported, sign, start, end):
    lines = [HEAD.upper().replace("ATTRIBUTE:SIZE", "Attribute: Größe"), "1,A,Tee,12.80,5,Ü"]
    content = end.join(lines).replace(",", sign)
    assert tally(imported(start + content.encode())) == (1, 0, 0, 0)
    row = Variant.objects.get()
    assert row.attributes == [{"name": "Größe", "value": "Ü"}]


def test_prices_with_a_decimal_comma(imported):
    head = HEAD.replace(",", ";")
    assert tally(imported(f"{head}\n1;A;Tee;12,80;5;S\n")) == (1, 0, 0, 0)
    assert Variant.objects.get().unit_price_amount_cents == 1280
    found = imported(f'{HEAD}\n1,B,Tee,"12,80",5,S\n')
    assert tally(found) == (0, 0, 0, 1)


def test_prices_in_cents(imported):
    head = HEAD.replace("unit_price", "unit_price_amount_cents")
    assert tally(imported(f"{head}\n1,A,Tee,1280,5,S\n1,B,Tee,12.80,5,S\n")) == (1, 0, 0, 1)
    assert Variant.objects.get().unit_price_amount_cents == 1280


def test_wrong_rows_are_named_and_left_out(imported, lead):
    found = imported(
        f"{HEAD},product_url\n"
        "1,OK,Tee,12.80,5,S,\n"
        ',A,"two\nlines",12.80,5,S,\n'
        "1,B,Tee,12.805,-1,S,javascript:x\n"
        "1,C,Tee,12.80,5,S,,surplus\n"
        "1,OK,Tee,99.00,5,S,\n"
        "1,D\n"
    )
    assert tally(found) == (1, 0, 0, 5)
    amount = "must be an amount such as 12.80, without currency or thousands separator"
    assert errors(found) == [
        (3, "variant_identifier", "", "is empty: every row needs it"),
        (5, "unit_price", "12.805", amount),
        (5, "quantity_in_stock", "-1", "must be from 0 to 2147483647"),
        (5, "product_url", "javascript:x", "must be an address that begins with https://"),
        (
            6,
            "",
            "",
            "has 8 cells, the header has 7: put cells that hold the separator in double quotes",
        ),
        (
            7,
            "sku",
            "OK",
            "line 2 has this variant_identifier and sku already: keep one of them",
        ),
        (8, "title", "", "is empty: every row needs it"),
        (8, "unit_price", "", amount),
        (8, "quantity_in_stock", "", "must be a whole number, such as 12"),
    ]
    assert (found.error_count, found.rows_done) == (9, 6)
    assert Variant.objects.get().unit_price_amount_cents == 1280
    answer = lead.get(reverse("desk:catalog-import-errors", args=[found.pk]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["line", "column", "value", "what is wrong"]
    assert rows[3] == ["5", "quantity_in_stock", "'-1", "must be from 0 to 2147483647"]
    assert len(rows) == 10


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_the_file_of_errors_holds_no_formulas(imported, lead, cell):
    found = imported(f"{HEAD}\n1,A,Tee,{cell},5,S\n")
    answer = lead.get(reverse("desk:catalog-import-errors", args=[found.pk]))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[1][2] == f"'{cell}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x; =1+1", "x;' =1+1"),
        ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
        ("x\n+1\r\n-1", "x\n'+1\r\n'-1"),
        ("=1;=2", "'=1;'=2"),
        ("\t", "'\t"),
        ("a-b; c=d, e@f", "a-b; c=d, e@f"),
    ],
)
def test_no_part_of_a_cell_is_a_formula(text, shown):
    assert harmless(text) == shown


def test_errors_are_kept_up_to_a_limit_and_counted_beyond(imported, lead, monkeypatch):
    monkeypatch.setattr(imports, "MAX_ERRORS", 3)
    monkeypatch.setattr(imports, "CHUNK_ROWS", 2)
    rows = "".join(f"1,A{n},Tee,x,5,S\n" for n in range(7))
    found = imported(f"{HEAD}\n{rows}")
    assert (found.failed_count, found.error_count, found.errors.count()) == (7, 7, 3)
    text = lead.get(reverse("desk:catalog-import-errors", args=[found.pk])).content.decode()
    assert "4 more were found; the first 3 are kept" in text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (b" \n ", "the file is empty"),
        (HEAD.encode(), "the file has a header and no rows below it"),
        (b"a,b\n1,2\n", "missing: variant_identifier, sku, title, quantity_in_stock"),
        (
            HEAD.replace(",unit_price", "").encode() + b"\n1,A,T,1,S\n",
            "needs one of the columns unit_price_amount_cents and unit_price",
        ),
        (
            f"{HEAD},unit_price_amount_cents\n1,A,T,1,1,S,1".encode(),
            "needs one of the columns unit_price_amount_cents and unit_price",
        ),
        (f"{HEAD},sku\n1,A,T,1,1,S,B".encode(), "the column 'sku' is there twice"),
        (f"{HEAD},color\n1,A,T,1,1,S,B".encode(), "call it attribute:color"),
        (f"{HEAD},attribute:\n1,A,T,1,1,S,B".encode(), "names no attribute"),
        (HEAD.encode() + b"\n1,A,T\xe9e,1,1,S\n", "line 2 is not UTF-8"),
        (HEAD.encode("utf-16"), "line 1 is not UTF-8"),
        (f'{HEAD}\n1,A,"T{"x" * 200_000},1,1,S\n'.encode(), "a double quote is probably opened"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(upload, content, why):
    answer = upload(content)
    assert answer.status_code == 422
    page = answer.content.decode().replace("&#x27;", "'")
    assert why in page
    assert VariantImport.objects.count() == 0
    assert Job.objects.count() == 0


def test_a_file_of_too_many_rows_is_refused(upload, monkeypatch):
    monkeypatch.setattr(csv_survey, "MAX_ROWS", 3)
    assert upload(many(3)).status_code == 302
    answer = upload(many(4))
    assert answer.status_code == 422
    told = "more than 3 rows, which is the most that are read at a time: import it in parts"
    assert told in answer.content.decode()


def test_a_file_that_is_too_large_is_refused(upload, monkeypatch):
    monkeypatch.setattr("apps.desk.views.catalog.MAX_BYTES", 100)
    assert upload(f"{HEAD}\n1,A,T,1,1,S\n").status_code == 302
    answer = upload(f"{HEAD}\n1,A,{'T' * 100},1,1,S\n")
    assert answer.status_code == 422
    assert "at most 100 fit" in answer.content.decode()


def test_odd_contents_are_only_text(imported, lead):
    hostile = "<script>alert(1)</script>"
    found = imported(f"{HEAD}\n1,{hostile},{hostile},1,1,{hostile}\n1,B,a\0b,1,1,S\n")
    assert tally(found) == (1, 0, 0, 1)
    for url in ("/catalog/", "/catalog/products/1/", f"/catalog/imports/{found.pk}/"):
        assert "<script>alert" not in lead.get(url).content.decode()


# --- Stopping and going on ---------------------------------------------------------------------


def many(count):
    return HEAD + "\n" + "".join(f"p{n % 9},SKU-{n},Tee,12.80,5,S\n" for n in range(count))


def test_a_worker_that_dies_is_taken_over_where_it_stopped(upload, drain, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK_ROWS", 10)
    upload(many(45))
    whole = imports._import_chunk
    chunks = []

    def dies(pk, position, *rest):
        chunks.append(position)
        if len(chunks) == 3:
            raise MemoryError
        return whole(pk, position, *rest)

    monkeypatch.setattr(imports, "_import_chunk", dies)
    drain()
    found = VariantImport.objects.get()
    assert (found.state, found.rows_done, Variant.objects.count()) == ("running", 20, 20)
    Job.objects.update(not_before="2026-01-01T00:00:00Z")
    drain()
    found.refresh_from_db()
    assert chunks == [0, 10, 20, 20, 30, 40]
    assert (found.state, found.rows_done, tally(found)) == ("done", 45, (45, 0, 0, 0))


def test_a_chunk_that_fails_leaves_nothing_behind(upload, drain, monkeypatch):
    upload(many(5))

    def fails(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(imports, "_keep_errors", fails)
    drain()
    assert (Variant.objects.count(), VariantImport.objects.get().rows_done) == (0, 0)


def test_a_long_import_gives_others_their_turn(upload, drain, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK_ROWS", 10)
    monkeypatch.setattr(imports, "SECONDS_PER_RUN", -1.0)
    upload(many(15))
    assert Job.objects.get().label == "variants.csv"
    assert run_next()
    assert list(Job.objects.order_by("pk").values_list("state", flat=True)) == ["done", "waiting"]
    assert VariantImport.objects.get().rows_done == 10
    drain()
    found = VariantImport.objects.get()
    assert (found.state, found.rows_done, Job.objects.count()) == ("done", 15, 2)


def test_each_turn_goes_on_at_the_byte_where_the_last_one_stopped(upload, drain, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK_ROWS", 2)
    monkeypatch.setattr(imports, "SECONDS_PER_RUN", -1.0)
    read = []
    whole = csv_file.CsvFile._row

    def noted(self, line, cells, end):
        read.append(line)
        return whole(self, line, cells, end)

    monkeypatch.setattr(csv_file.CsvFile, "_row", noted)
    lines = [
        HEAD,
        "1,A,Tée,12.80,5,S",
        '1,B,"two\r\nlines",12.80,5,S',
        "",
        "1,A,again,1,1,S",
        "1,C,Tee,12.80,5,Größe",
        "1,B,again,1,1,S",
    ]
    upload("\ufeff" + "\r\n".join(lines))
    drain()
    found = VariantImport.objects.get()
    assert (found.state, Job.objects.count(), read) == ("done", 3, [2, 3, 6, 7, 8])
    assert tally(found) == (3, 0, 0, 2)
    assert [(e.line, e.value, e.message[:11]) for e in found.errors.all()] == [
        (6, "A", "line 2 has "),
        (8, "B", "line 3 has "),
    ]
    titles = dict(Variant.objects.values_list("sku", "title"))
    assert titles == {"A": "Tée", "B": "two\r\nlines", "C": "Tee"}
    assert (bytes(found.content), bytes(found.repeats)) == (b"", b"")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12")), min_size=1, max_size=12))
def test_repeats_are_told_from_first_ones(keys):
    rows = "".join(f"{name},{sku},T,1,1,S\n" for name, sku in keys)
    total, repeats = csv_survey.survey(csv_file.open_csv(f"{HEAD}\n{rows}".encode()))
    repeats = csv_survey.Repeats.from_bytes(repeats.to_bytes())
    firsts = [repeats.first_line(line) for line in range(2, len(keys) + 2)]
    assert (total, firsts) == (len(keys), [keys.index(key) + 2 for key in keys])


def test_canceling_stops_it_and_keeps_what_was_read(upload, drain, lead, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK_ROWS", 10)
    upload(many(45))
    found = VariantImport.objects.get()
    cancel = reverse("desk:catalog-import-cancel", args=[found.pk])
    whole = imports._import_chunk

    def then_cancels(pk, position, *rest):
        result = whole(pk, position, *rest)
        if position == 10:
            lead.post(cancel)
        return result

    monkeypatch.setattr(imports, "_import_chunk", then_cancels)
    drain()
    found.refresh_from_db()
    assert (found.state, found.rows_done, Variant.objects.count()) == ("canceled", 20, 20)
    assert bytes(found.content) == b""
    page = lead.post(cancel, follow=True).content.decode()
    assert "Too late: this import had ended already." in page


def test_a_job_for_an_import_that_has_ended_does_nothing(imported, drain):
    found = imported(many(3))
    Variant.objects.all().delete()
    with transaction.atomic():
        imports._enqueue(found)
    drain()
    assert Job.objects.filter(state="done").count() == 2
    assert Variant.objects.count() == 0


def test_a_product_has_at_most_so_many_variants(imported, monkeypatch):
    monkeypatch.setattr(imports, "MAX_VARIANTS_PER_PRODUCT", 2)
    rows = "".join(f"1,SKU-{n},Tee,1,1,S\n" for n in range(4))
    found = imported(f"{HEAD}\n{rows}1,SKU-0,Tee,2,1,S\n2,X,Tee,1,1,S\n")
    assert tally(found) == (3, 0, 0, 3)
    assert [(e[0], e[1]) for e in errors(found)][:2] == [
        (4, "variant_identifier"),
        (5, "variant_identifier"),
    ]
    assert VariantImportError.objects.first().message == (
        "the product has 2 variants already, which is the most there may be"
    )


def test_the_sample_can_be_imported(lead, imported):
    sample = lead.get(reverse("desk:catalog-sample"))
    assert 'filename="variants-sample.csv"' in sample["Content-Disposition"]
    assert tally(imported(sample.content)) == (3, 0, 0, 0)

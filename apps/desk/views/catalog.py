"""A product's variants, and importing files of them. The lists are in `lists.py`."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.rules import Action
from apps.catalog.csv_survey import MAX_ROWS
from apps.catalog.imports import MAX_BYTES, cancel_import, start_import
from apps.catalog.models import VariantImport
from apps.catalog.queries import find_product, imports_of
from apps.common.errors import Refused
from apps.desk.paging import page_of
from apps.desk.reads.catalog import SAMPLE_CSV, errors_csv, import_page, product_page
from apps.desk.seats import DeskRequest, at_desk, demand


class UploadForm(forms.Form):
    """A CSV file of variants."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text=f"UTF-8, at most {MAX_BYTES // 1024 // 1024} MB and {MAX_ROWS:,} rows. Commas, "
        "semicolons or tabs.",
        error_messages={
            "required": "Choose the file to import.",
            "empty": "The file is empty: choose the one with your variants.",
        },
    )

    def clean_file(self) -> "UploadedFile[Any]":
        """Refuses what is too large before anything reads it."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; at most {MAX_BYTES:,} fit. Import it in parts."
            )
        return file


@require_GET
@at_desk
def product(request: DeskRequest, identifier: str) -> HttpResponse:
    """A product's variants, which of them are offered, and exactly what Optoro is answered."""
    store = request.seat.store
    found = find_product(store_id=store.pk, variant_identifier=identifier)
    if found is None:
        raise Http404("There is no such product in this store's catalog.")
    return render(request, "desk/catalog_product.html", {"page": product_page(store, found)})


@require_http_methods(["GET", "HEAD", "POST"])
@at_desk
def imports(request: DeskRequest) -> HttpResponse:
    """Past imports and the form for another; POST takes a file in and queues it."""
    demand(request, Action.EDIT_CATALOG)
    is_posted = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if is_posted else UploadForm()
    if is_posted and form.is_valid():
        file: UploadedFile[Any] = form.cleaned_data["file"]
        try:
            started = start_import(
                store_id=request.seat.store.pk,
                user_id=int(request.seat.membership.user_id),
                name=file.name or "",
                content=file.read(),
            )
        except Refused as refusal:
            form.add_error("file", f"Not imported: {refusal}.")
        else:
            return redirect("desk:catalog-import", pk=started.pk)
    rows = imports_of(request.seat.store.pk)
    return render(
        request,
        "desk/catalog_imports.html",
        {"form": form, "page": page_of(request, rows)},
        status=422 if is_posted else 200,
    )


@require_GET
@at_desk
def sample(request: DeskRequest) -> HttpResponse:
    """A file to begin with."""
    demand(request, Action.EDIT_CATALOG)
    return _as_file(SAMPLE_CSV, "variants-sample.csv")


def _import(request: DeskRequest, pk: int) -> VariantImport:
    found = get_object_or_404(imports_of(request.seat.store.pk), pk=pk)
    demand(request, Action.EDIT_CATALOG)
    return found


@require_GET
@at_desk
def one_import(request: DeskRequest, pk: int) -> HttpResponse:
    """How far an import is, what it did, and what was wrong."""
    return render(request, "desk/catalog_import.html", {"page": import_page(_import(request, pk))})


@require_GET
@at_desk
def import_errors(request: DeskRequest, pk: int) -> HttpResponse:
    """What was wrong with an import's rows, as a file."""
    return _as_file(errors_csv(_import(request, pk)), f"import-{pk}-errors.csv")


@require_POST
@at_desk
def cancel(request: DeskRequest, pk: int) -> HttpResponse:
    """Stops an import where it is."""
    found = _import(request, pk)
    if cancel_import(store_id=found.store_id, pk=pk):
        messages.success(request, "Canceled. The rows read so far stay in the catalog.")
    else:
        messages.error(request, "Too late: this import had ended already.")
    return redirect("desk:catalog-import", pk=pk)


def _as_file(text: str, name: str) -> HttpResponse:
    """Returns a CSV file; its first character tells spreadsheets that it is UTF-8."""
    return HttpResponse(
        f"\ufeff{text}",
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

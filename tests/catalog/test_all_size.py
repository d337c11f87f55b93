"""The `all_size` attribute (contract §6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.catalog.rules import SIZE_ATTRIBUTES, all_sizes, is_size
from apps.catalog.types import Attribute


def product(*variants):
    return [[Attribute(name, value) for name, value in variant] for variant in variants]


def test_the_example_of_the_contract():
    told = product([("Size", "XL"), ("Color", "Black"), ("Variant", "PETITE"), ("Length", "32")])
    assert all_sizes(told) == ["XL | PETITE | 32"]


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ([], []),
        ([[]], [""]),
        ([[("Color", "Black")]], [""]),
        ([[("Size", "S")], [("Size", "M")]], ["", ""]),
        ([[("Length", "32"), ("Size", "S")]], ["32 | S"]),
        ([[("size", "S"), ("SIZE", "M")]], [""]),
        ([[("WAIST", "30"), ("in-seam", "32"), ("Inseam", "34")]], ["30 | 34"]),
        ([[("Shoe_Size", "9"), ("shoe  width", "EE")]], ["9 | EE"]),
        ([[("Size", "S"), ("Length", " ")]], [""]),
        ([[("Size", "S"), ("Fit", "Slim")], [("Size", "M")]], ["S | Slim", "M"]),
        ([[("Size", "S")], [("Fit", "Slim")]], ["S", "Slim"]),
        ([[("Size", "S"), ("Fit", "Slim")], [("Color", "Red")]], ["", ""]),
        ([[("Size", "S"), ("Fit", "Slim"), ("all_size", "S/Slim")]], [""]),
        ([[("Size", "S"), ("Fit", "Slim")], [("Size", "M"), ("All_Size", "M")]], ["", ""]),
    ],
)
def test_when_it_is_added(variants, expected):
    assert all_sizes(product(*variants)) == expected


def test_names_that_are_no_sizes():
    for name in ("Color", "Material", "Sizing chart", "Pack size", "", "all_size"):
        assert not is_size(name)
    for name in SIZE_ATTRIBUTES:
        assert is_size(name.upper())


names = st.sampled_from(["Size", "size", "Variant", "LENGTH", "Width", "Color", "Pattern", ""])
values = st.sampled_from(["S", "XL", "32", "", "Red"])
variants = st.lists(st.lists(st.builds(Attribute, names, values), max_size=5), max_size=6)


@given(variants)
def test_all_variants_of_a_product_get_it_or_none(told):
    values = all_sizes(told)
    assert len(values) == len(told)
    assert all(values) or not any(values)


@given(variants)
def test_its_parts_are_the_sizes_in_the_order_told(told):
    for variant, value in zip(told, all_sizes(told), strict=True):
        if value:
            sizes = [a.value for a in variant if is_size(a.name) and a.value]
            assert value.split(" | ") == sizes


@given(variants, st.randoms(use_true_random=False))
def test_the_order_of_variants_does_not_matter(told, random):
    order = list(range(len(told)))
    random.shuffle(order)
    assert all_sizes([told[n] for n in order]) == [all_sizes(told)[n] for n in order]


@given(variants)
def test_never_with_a_single_name(told):
    one = [[Attribute("Size", a.value) for a in variant] for variant in told]
    assert not any(all_sizes(one))

"""What the simulated shop sells, and to whom. All of it is made up."""

from dataclasses import dataclass
from functools import cache
from itertools import product
from zlib import crc32

from apps.sandbox.state import JsonObject

SIZES = ("XS", "S", "M", "L", "XL")
SHOES = ("38", "39", "40", "41", "42", "43")
ONE = ("",)


SALE_PERCENT = 80
MIN_STOCK = 4

# Where the variants of a product are told to the desk.
BY_API, IN_ORDERS, NOWHERE = "api", "orders", "nowhere"


@dataclass(frozen=True)
class Product:
    """An article with its colours and sizes. Prices are in cents of whichever currency.

    `more_sizes` are further size attributes, such as a length, each with its values.
    """

    number: int
    title: str
    price_cents: int
    weight_lb: float
    colours: tuple[str, ...]
    sizes: tuple[str, ...] = ONE
    more_sizes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def variant_identifier(self) -> str:
        """What the variants of this product have in common: the id that Optoro asks for."""
        return f"V{self.number}"

    @property
    def concept(self) -> str:
        """The brand it is sold under."""
        return {303: "Northfold Goods", 304: "Hearth & Loom"}.get(self.number // 100, "Northfold")

    @property
    def variants_are_told(self) -> str:
        """Where the desk learns of its variants; of some it never does."""
        if self.number in NEVER_TOLD:
            return NOWHERE
        return IN_ORDERS if self.number % 7 == 0 else BY_API

    @property
    def sale_colour(self) -> str | None:
        """The colour that is sold for less, if any."""
        is_on_sale = len(self.colours) > 1 and self.number % 3 == 0
        return self.colours[-1] if is_on_sale else None

    @property
    def articles(self) -> tuple["Article", ...]:
        """Every colour in every size."""
        return _articles(self)

    def variants(self) -> list[JsonObject]:
        """Returns what the desk is told of its variants (contract §6)."""
        return [article.as_variant() for article in self.articles]


@cache
def _articles(of: Product) -> tuple["Article", ...]:
    lengths = [values for _, values in of.more_sizes]
    return tuple(
        Article(of, place, colour, tuple(sizes))
        for place, (colour, *sizes) in enumerate(product(of.colours, of.sizes, *lengths))
    )


@dataclass(frozen=True)
class Article:
    """A product in one colour and size: what a SKU stands for. `place` counts them."""

    product: Product
    place: int
    colour: str
    sizes: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """Title, colour and sizes."""
        return [word for word in (self.product.title, self.colour, *self.sizes) if word]

    @property
    def sku(self) -> str:
        """The SKU, such as 30101-SAN-M."""
        code = "-".join(word[:3].upper().strip(" /-") for word in self.words[1:])
        return f"{self.product.number}-{code}".replace(" ", "")

    @property
    def title(self) -> str:
        """What the shopper reads."""
        return ", ".join(self.words)

    @property
    def upc(self) -> str:
        """A 12-digit UPC with its check digit."""
        digits = f"0{self.product.number:05d}{self.place:05d}"
        odd, even = (sum(int(digit) for digit in digits[start::2]) for start in (0, 1))
        return f"{digits}{-(odd * 3 + even) % 10}"

    @property
    def price_cents(self) -> int:
        """The price; one colour of some products is on sale."""
        is_on_sale = self.colour == self.product.sale_colour
        return self.product.price_cents * (SALE_PERCENT if is_on_sale else 100) // 100

    @property
    def in_stock(self) -> int:
        """How many there are: always the same number, and of every fifth none."""
        number = crc32(self.sku.encode())
        return 0 if number % 5 == 0 else MIN_STOCK + number % 20

    def as_variant(self) -> JsonObject:
        """Returns the article as a variant on offer for an exchange."""
        names = ("Size", *(name for name, _ in self.product.more_sizes))
        sizes = [
            {"name": name, "value": value}
            for name, value in zip(names, self.sizes, strict=True)
            if value
        ]
        attributes = [{"name": "Color", "value": self.colour}, *sizes]
        # The desk has to add it where the shop does not tell it.
        if len(sizes) > 1 and self.product.number % 2:
            joined = " | ".join(size["value"] for size in sizes)
            attributes.append({"name": "all_size", "value": joined})
        return {
            "attributes": attributes,
            "unit_price_amount_cents": self.price_cents,
            "quantity_in_stock": self.in_stock,
            "sku": self.sku,
            "title": self.title,
            "image_url": f"https://shop.example.com/images/{self.sku}.jpg",
            "product_url": f"https://shop.example.com/products/{self.product.number}",
        }


LENGTHS = ("Length", ("30", "32", "34"))
CUTS = ("Variant", ("REGULAR", "PETITE", "TALL"))
NEVER_TOLD = frozenset({30305, 30406, 30407, 30303})
PRODUCTS = (
    Product(30101, "Linen Shirt", 6900, 0.55, ("Sand", "White", "Sky"), SIZES),
    Product(30102, "Oxford Shirt", 7450, 0.6, ("White", "Blue"), SIZES),
    Product(30103, "Heavy Cotton T-Shirt", 2999, 0.5, ("Black", "White", "Rust"), SIZES),
    Product(30104, "Striped Long Sleeve", 3950, 0.52, ("Navy/White", "Red/White"), SIZES),
    Product(30105, "Merino Crew Sweater", 11900, 0.8, ("Charcoal", "Forest", "Oat"), SIZES),
    Product(30106, "Cable Knit Cardigan", 13450, 1.3, ("Cream", "Navy"), SIZES),
    Product(30107, "Selvedge Jeans", 14500, 1.7, ("Indigo", "Black"), SIZES, (LENGTHS,)),
    Product(
        30108, "Wide Corduroy Trousers", 9875, 1.5, ("Tobacco", "Olive"), SIZES, (CUTS, LENGTHS)
    ),
    Product(30109, "Pleated Wool Trousers", 15999, 1.2, ("Grey",), SIZES, (LENGTHS,)),
    Product(30110, "Wrap Dress", 12900, 0.7, ("Emerald", "Plum"), SIZES, (CUTS,)),
    Product(30111, "Poplin Shirt Dress", 10995, 0.75, ("White", "Mint"), SIZES),
    Product(30112, "Pleated Midi Skirt", 8450, 0.8, ("Camel", "Black"), SIZES),
    Product(30113, "Quilted Jacket", 18900, 2.1, ("Moss", "Navy"), SIZES),
    Product(30114, "Waxed Field Coat", 27450, 3.4, ("Olive",), SIZES),
    Product(30115, "Wool Overcoat", 34900, 4.2, ("Camel", "Charcoal"), SIZES),
    Product(30116, "Rain Shell", 15750, 1.1, ("Yellow", "Slate"), SIZES),
    Product(30117, "Running Tights", 6499, 0.45, ("Black",), SIZES),
    Product(30118, "Fleece Pullover", 8900, 1.0, ("Stone", "Pine"), SIZES),
    Product(30119, "Pyjama Set", 7999, 0.9, ("Blue Check", "Rose"), SIZES),
    Product(30120, "Swim Shorts", 4550, 0.35, ("Coral", "Navy"), SIZES),
    Product(30201, "Leather Sneakers", 12995, 2.2, ("White", "Tan"), SHOES),
    Product(30202, "Chelsea Boots", 21900, 3.1, ("Brown", "Black"), SHOES),
    Product(30203, "Suede Loafers", 16450, 1.9, ("Sand",), SHOES),
    Product(30204, "Trail Runners", 14250, 1.8, ("Grey/Lime",), SHOES),
    Product(30205, "Felt Slippers", 5475, 0.9, ("Grey", "Berry"), SHOES),
    Product(30301, "Leather Belt", 4995, 0.5, ("Cognac", "Black"), ("85", "95", "105")),
    Product(30302, "Cashmere Scarf", 8999, 0.3, ("Camel", "Grey", "Red")),
    Product(30303, "Ribbed Beanie", 2450, 0.2, ("Mustard", "Black")),
    Product(30304, "Canvas Tote", 3499, 0.8, ("Natural", "Black")),
    Product(30305, "Weekender Bag", 19850, 3.5, ("Olive",)),
    Product(30306, "Wool Socks, 3 Pairs", 2799, 0.4, ("Mixed",), ("35-38", "39-42", "43-46")),
    Product(30401, "Linen Duvet Cover", 17900, 4.8, ("White", "Clay"), ("Queen", "King")),
    Product(30402, "Percale Pillowcase", 2895, 0.4, ("White", "Blue Stripe")),
    Product(30403, "Wool Throw", 12450, 3.2, ("Heather", "Check")),
    Product(30404, "Waffle Bath Towel", 3650, 1.4, ("Sage", "White")),
    Product(30405, "Stoneware Dinner Plate", 1899, 1.7, ("Speckled", "Blue")),
    Product(30406, "Hand-Blown Carafe", 4275, 1.9, ("Clear",)),
    Product(30407, "Oak Cutting Board", 5999, 4.5, ("Oak",)),
    Product(30408, "Cast Iron Pan", 7999, 6.8, ("Black",), ("9 in", "12 in")),
    Product(30409, "Reading Lamp", 13999, 5.1, ("Brass", "White")),
    Product(30410, "Soy Candle", 2250, 1.1, ("Fig", "Cedar", "Rain")),
    Product(30411, "Jute Rug", 22500, 14.0, ("Natural",), ("4x6 ft", "5x8 ft")),
)


@cache
def articles_by_sku() -> dict[str, Article]:
    """Returns all there is to buy."""
    return {article.sku: article for product in PRODUCTS for article in product.articles}


FIRST_NAMES = (
    "Amelia", "Noah", "Priya", "Mateo", "Ingrid", "Kwame", "Sofia", "Liam", "Mei", "Omar",
    "Chloé", "Jonas", "Aaliyah", "Tomás", "Hannah", "Yusuf", "Grace", "Hiroshi", "Zoë", "Luca",
    "Naomi", "Viktor", "Leila", "Patrick", "Renée", "Samuel", "Anjali", "Diego", "Freya", "Emeka",
)  # fmt: skip
LAST_NAMES = (
    "Walker", "Nguyen", "Patel", "García", "Lindqvist", "Mensah", "O'Brien", "Kim", "Rossi",
    "Haddad", "Dubois", "Schäfer", "Johnson", "Novak", "Silva", "Tanaka", "Brooks", "Fischer",
    "Okafor", "Lefèvre", "Martin", "Cohen", "Bauer", "Reyes", "Sørensen", "Clarke", "Ahmed",
    "Murphy", "Ortiz", "Weber",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A town with a street in it, and the sales tax there in hundredths of a percent."""

    street: str
    city: str
    state: str
    zip_code: str
    country_code: str
    currency: str
    tax: int
    phone: str


PLACES = (
    Place("Maple Avenue", "Portland", "OR", "97205", "US", "USD", 0, "+1 503 555 01"),
    Place("W 21st Street", "New York", "NY", "10011", "US", "USD", 888, "+1 212 555 01"),
    Place("Valencia Street", "San Francisco", "CA", "94110", "US", "USD", 863, "+1 415 555 01"),
    Place("N Damen Avenue", "Chicago", "IL", "60647", "US", "USD", 1025, "+1 312 555 01"),
    Place("S Congress Avenue", "Austin", "TX", "78704", "US", "USD", 825, "+1 512 555 01"),
    Place("Peachtree Street NE", "Atlanta", "GA", "30309", "US", "USD", 890, "+1 404 555 01"),
    Place("Beacon Street", "Boston", "MA", "02116", "US", "USD", 625, "+1 617 555 01"),
    Place("E Pine Street", "Seattle", "WA", "98122", "US", "USD", 1035, "+1 206 555 01"),
    Place("Larimer Street", "Denver", "CO", "80205", "US", "USD", 881, "+1 303 555 01"),
    Place("Magazine Street", "New Orleans", "LA", "70115", "US", "USD", 945, "+1 504 555 01"),
    Place("Queen Street W", "Toronto", "ON", "M6J 1E8", "CA", "CAD", 1300, "+1 416 555 01"),
    Place("Rue Saint-Denis", "Montréal", "QC", "H2J 2L1", "CA", "CAD", 1498, "+1 514 555 01"),
    Place("Main Street", "Vancouver", "BC", "V5V 3N9", "CA", "CAD", 1200, "+1 604 555 01"),
    Place("Kastanienallee", "Berlin", "BE", "10435", "DE", "EUR", 1900, "+49 30 5550 01"),
    Place("Rue de Charonne", "Paris", "IDF", "75011", "FR", "EUR", 2000, "+33 1 55 50 01"),
    Place("Columbia Road", "London", "LND", "E2 7RG", "GB", "GBP", 2000, "+44 20 5550 01"),
    Place("Smith Street", "Melbourne", "VIC", "3066", "AU", "AUD", 1000, "+61 3 5550 01"),
    Place("Utrechtsestraat", "Amsterdam", "NH", "1017 VH", "NL", "EUR", 2100, "+31 20 555 01"),
)
CARDS = (("Visa", "4242"), ("Mastercard", "4444"), ("Amex", "0005"), ("Discover", "1117"))
REASONS = (
    "Changed Mind", "Too Small", "Too Large", "Not as Described", "Arrived Late",
    "Color Not as Expected", "Better Price Elsewhere", "Damaged",
)  # fmt: skip

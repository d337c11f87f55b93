"""What the simulated shop sells, and to whom. All of it is made up."""

from dataclasses import dataclass

SIZES = ("XS", "S", "M", "L", "XL")
SHOES = ("38", "39", "40", "41", "42", "43")
ONE = ("",)


@dataclass(frozen=True)
class Product:
    """An article with its colours and sizes. Prices are in cents of whichever currency."""

    number: int
    title: str
    price_cents: int
    weight_lb: float
    colours: tuple[str, ...]
    sizes: tuple[str, ...] = ONE


PRODUCTS = (
    Product(30101, "Linen Shirt", 6900, 0.55, ("Sand", "White", "Sky"), SIZES),
    Product(30102, "Oxford Shirt", 7450, 0.6, ("White", "Blue"), SIZES),
    Product(30103, "Heavy Cotton T-Shirt", 2999, 0.5, ("Black", "White", "Rust"), SIZES),
    Product(30104, "Striped Long Sleeve", 3950, 0.52, ("Navy/White", "Red/White"), SIZES),
    Product(30105, "Merino Crew Sweater", 11900, 0.8, ("Charcoal", "Forest", "Oat"), SIZES),
    Product(30106, "Cable Knit Cardigan", 13450, 1.3, ("Cream", "Navy"), SIZES),
    Product(30107, "Selvedge Jeans", 14500, 1.7, ("Indigo", "Black"), SIZES),
    Product(30108, "Wide Corduroy Trousers", 9875, 1.5, ("Tobacco", "Olive"), SIZES),
    Product(30109, "Pleated Wool Trousers", 15999, 1.2, ("Grey",), SIZES),
    Product(30110, "Wrap Dress", 12900, 0.7, ("Emerald", "Plum"), SIZES),
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
    Place("Utrechtsestraat", "Amsterdam", "NH", "1017 VH", "NL", "EUR", 2100, "+31 20 555 01"),
)
REASONS = (
    "Changed Mind", "Too Small", "Too Large", "Not as Described", "Arrived Late",
    "Color Not as Expected", "Better Price Elsewhere", "Damaged",
)  # fmt: skip

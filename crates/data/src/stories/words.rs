//! The words that fill a story's places.

/// Girls' and women's names.
pub(super) const GIRLS: &[&str] = &[
    "Ada", "Alma", "Anna", "Bella", "Clara", "Cora", "Daisy", "Edith", "Elsa", "Emma", "Flora", "Greta",
    "Hazel", "Ida", "Iris", "Jane", "June", "Kate", "Lena", "Lily", "Lucy", "Mabel", "Maya", "Mina", "Nora",
    "Olive", "Pearl", "Rosa", "Ruth", "Sally", "Tilda", "Vera", "Wanda", "Zoe",
];
/// Boys' and men's names.
pub(super) const BOYS: &[&str] = &[
    "Adam", "Albert", "Ben", "Carl", "Dan", "Edgar", "Felix", "Finn", "Fred", "George", "Gus", "Hans",
    "Henry", "Hugo", "Ivan", "Jack", "Jonas", "Karl", "Leo", "Louis", "Mark", "Max", "Milo", "Ned", "Noah",
    "Otto", "Paul", "Peter", "Ralph", "Sam", "Simon", "Theo", "Tom", "Walter",
];
/// What a heroine is.
pub(super) const GIRL_KINDS: &[&str] = &[
    "girl",
    "girl",
    "girl",
    "young baker",
    "young weaver",
    "goose girl",
    "miller's daughter",
];
/// What a hero is.
pub(super) const BOY_KINDS: &[&str] = &[
    "boy",
    "boy",
    "boy",
    "young fisher",
    "young shepherd",
    "stable boy",
    "miller's son",
];
/// What either may be.
pub(super) const ANIMAL_KINDS: &[&str] = &[
    "fox",
    "rabbit",
    "bear",
    "otter",
    "badger",
    "squirrel",
    "young wolf",
    "goat",
];
/// What old women are called.
pub(super) const OLD_WOMEN: &[&str] = &["Grandmother", "Aunt", "Old Mrs.", "Nurse"];
/// What old men are called.
pub(super) const OLD_MEN: &[&str] = &["Grandfather", "Uncle", "Old Mr.", "Captain"];
/// How someone is.
pub(super) const TRAITS: &[&str] = &[
    "brave",
    "careful",
    "careless",
    "cheerful",
    "clever",
    "curious",
    "dreamy",
    "eager",
    "gentle",
    "greedy",
    "hasty",
    "kind",
    "lazy",
    "lively",
    "lonely",
    "merry",
    "noisy",
    "patient",
    "polite",
    "proud",
    "quick",
    "quiet",
    "restless",
    "serious",
    "shy",
    "stubborn",
    "thoughtful",
    "timid",
    "wild",
];
/// With whom the hero lives.
pub(super) const FAMILIES: &[&str] = &[
    "mother",
    "father",
    "mother and father",
    "two sisters",
    "three brothers",
    "grandparents",
    "parents and a very old cat",
    "aunt and seven hens",
    "mother and a one-eared dog",
    "parents and a baby brother",
];
/// How a thing looks.
pub(super) const LOOKS: &[&str] = &[
    "blue", "brown", "golden", "green", "orange", "purple", "red", "silver", "white", "yellow", "old",
    "ancient", "bright", "broken", "carved", "curious", "dusty", "enormous", "fine", "heavy", "little",
    "painted", "plain", "polished", "pretty", "rusty", "shining", "small", "smooth", "striped", "tiny",
    "wooden",
];
/// Things that can be carried, lost, lent and broken.
pub(super) const THINGS: &[&str] = &[
    "apron", "ball", "basket", "bell", "bottle", "bowl", "box", "button", "cap", "clock", "coat", "compass",
    "cup", "doll", "drum", "fiddle", "flute", "hammer", "hat", "horn", "jar", "kettle", "key", "kite",
    "ladle", "lamp", "lantern", "map", "mirror", "needle", "net", "pail", "pot", "puppet", "ring", "rope",
    "saddle", "scarf", "shell", "spade", "spoon", "top", "umbrella", "watch", "whistle",
];
/// Places, each with its preposition.
pub(super) const PLACES: &[(&str, &str)] = &[
    ("at", "the market"),
    ("at", "the harbour"),
    ("at", "the well"),
    ("at", "the crossroads"),
    ("at", "the school"),
    ("behind", "the barn"),
    ("behind", "the church"),
    ("behind", "the bakery"),
    ("beside", "the pond"),
    ("beside", "the mill"),
    ("by", "the river"),
    ("by", "the sea"),
    ("by", "the old gate"),
    ("by", "the stone wall"),
    ("in", "the garden"),
    ("in", "the forest"),
    ("in", "the meadow"),
    ("in", "the orchard"),
    ("in", "the stable"),
    ("in", "the attic"),
    ("in", "the cellar"),
    ("in", "the square"),
    ("in", "the blacksmith's shop"),
    ("in", "the tower"),
    ("in", "the valley"),
    ("in", "the hay"),
    ("near", "the bridge"),
    ("near", "the lighthouse"),
    ("near", "the waterfall"),
    ("near", "the beehives"),
    ("on", "the hill"),
    ("on", "the road"),
    ("on", "the beach"),
    ("on", "the island"),
    ("on", "the roof"),
    ("under", "the oak tree"),
    ("under", "the willow"),
    ("under", "the stairs"),
];
/// Where one can live.
pub(super) const HOMES: &[(&str, &str)] = &[
    ("at", "the edge of the forest"),
    ("at", "the end of the lane"),
    ("at", "the foot of the mountain"),
    ("behind", "the town wall"),
    ("by", "the cold sea"),
    ("by", "the slow river"),
    ("in", "the last house of the village"),
    ("in", "the middle of the town"),
    ("in", "the green valley"),
    ("near", "the windmill"),
    ("on", "the north shore"),
    ("on", "the top of the hill"),
    ("under", "the great cliff"),
];
/// Small animals that come by.
pub(super) const ANIMALS: &[&str] = &[
    "ant",
    "bee",
    "blackbird",
    "crow",
    "dove",
    "duck",
    "frog",
    "hedgehog",
    "jackdaw",
    "kitten",
    "lamb",
    "mole",
    "mouse",
    "owl",
    "piglet",
    "puppy",
    "robin",
    "sparrow",
    "squirrel",
    "swallow",
    "toad",
    "turtle",
];
/// What one eats.
pub(super) const FOODS: &[&str] = &[
    "apple pie",
    "barley soup",
    "berry jam",
    "bread and butter",
    "cheese",
    "chestnuts",
    "cold milk",
    "cherry cake",
    "fish stew",
    "fresh bread",
    "ginger cookies",
    "honey",
    "hot porridge",
    "onion soup",
    "pancakes",
    "plum tart",
    "potatoes",
    "pumpkin soup",
    "raisin buns",
    "sweet pears",
    "warm rolls",
];
/// What grows in a garden.
pub(super) const PLANTS: &[&str] = &[
    "apple tree",
    "bean",
    "cherry tree",
    "cabbage",
    "lily",
    "melon",
    "pear tree",
    "pumpkin",
    "rose",
    "sunflower",
    "tulip",
    "turnip",
];
/// Seasons, each with the days that it has.
pub(super) const SEASONS: &[(&str, &[&str])] = &[
    ("spring", &["mild", "rainy", "bright", "windy", "fresh"]),
    ("summer", &["hot", "golden", "still", "dusty", "long"]),
    ("autumn", &["windy", "misty", "grey", "rainy", "crisp"]),
    ("winter", &["cold", "snowy", "frosty", "dark", "bitter"]),
];
/// Parts of a day.
pub(super) const PARTS: &[&str] = &["morning", "morning", "day", "afternoon", "evening"];
/// Small numbers.
pub(super) const NUMBERS: &[&str] = &[
    "two", "three", "four", "five", "six", "seven", "nine", "ten", "a dozen",
];

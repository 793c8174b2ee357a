//! Something is borrowed without asking; the truth is told, or it comes out.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "borrowed",
        &[
            "[opening]\n\n[takes] [spoils]\n\n[afraid] [tells-truth]\n\n[forgiven]\n\n[glad][moral-truth]",
            "[opening]\n\n[takes] [spoils]\n\n[afraid] [lies]\n\n[found-out]\n\n[sad] [makes-good][moral-lie]",
        ],
    ),
    (
        "takes",
        &[
            "{Elder} had {a object} that nobody was allowed to touch. One {time}, when {elder.he} was {at place}, {hero.name} took the {thing} without asking.",
            "\"I only want to hold it for a moment,\" thought {hero.name}, and {hero.he} took {elder's} {object} from the shelf. It was {a time}, and the house was empty.",
            "One {time}, {hero.name} needed {a thing}. {Elder} had one, but {elder} was out. So {hero.name} took it to {place}.",
        ],
    ),
    (
        "spoils",
        &[
            "But {hero.name} stumbled, and the {thing} fell on a stone. A piece of it was gone.",
            "{At place} it began to rain, and the {thing} got wet and would not dry.",
            "{Hero} played with it too wildly, and soon there was a crack in it as long as a finger.",
        ],
    ),
    (
        "afraid",
        &[
            "{Hero} hid behind the door and {hero.his} hands shook.",
            "\"What will {elder} say?\" thought {hero.name}.",
            "{Hero} could hear steps outside. It was {elder}, coming home.",
        ],
    ),
    (
        "tells-truth",
        &[
            "When {elder} came in, {hero.name} took a deep breath. \"I took your {thing} without asking,\" {hero.he} said, \"and I have spoiled it.\"",
            "It would have been easy to say that the {animal} had done it. But {hero.name} held out the {thing} and told {elder.name} the whole truth.",
        ],
    ),
    (
        "forgiven",
        &[
            "{Elder} was quiet for a while. \"{A thing} can be mended,\" {elder.he} said then. \"I am glad that I can trust you.\"",
            "\"That was wrong,\" said {elder.name}, \"but telling me was right, and it was harder.\" Then {elder.he} showed {hero.name} how to mend the {thing}.",
        ],
    ),
    (
        "lies",
        &[
            "\"Who has done this?\" asked {elder.name}. \"It was the {animal},\" said {hero.name}, and {hero.his} ears turned red.",
            "When {elder} asked about the {thing}, {hero.name} said, \"I have not seen it. I was {at place2} all day.\"",
        ],
    ),
    (
        "found-out",
        &[
            "But {elder} had just come from {place2}, and {elder.he} knew that {hero.name} had not been there. \"The {thing} I can forgive,\" {elder.he} said. \"The lie is worse.\"",
            "Then a piece of the {thing} fell out of {hero's} pocket. {Elder} looked at it, and {elder.he} looked at {hero.name}, and {elder.he} said nothing at all. That was worse than any scolding.",
            "The next day {friend.name}, who lived next door, came by. \"That was a fine {thing} that you had yesterday,\" {friend.he} said, while {elder} was listening. Now everything was out.",
        ],
    ),
    (
        "makes-good",
        &[
            "For {number} weeks {hero.name} worked {at place3} until there was enough money for a new {thing}. {Elder} took it and nodded, and little by little {elder.he} trusted {hero.him} again.",
            "\"I will never do it again,\" said {hero.name}, and {hero.he} kept {hero.his} word. But it was a long time before {elder} believed everything that {hero.he} said.",
        ],
    ),
    (
        "moral-truth",
        &[
            "[so] the truth is heavy only until it is told.",
            "[so] a mistake that is told is half mended.",
        ],
    ),
    (
        "moral-lie",
        &[
            "[so] a lie breaks more than {a thing}.",
            "[so] trust is lost in a minute and won in a year.",
        ],
    ),
];

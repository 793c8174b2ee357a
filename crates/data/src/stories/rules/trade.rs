//! A chain of trades that ends well or badly.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "trade",
        &[
            "[opening]\n\n[own] [trade-one]\n\n[trade-two]\n\n[trade-bad] [sad][moral-envy]",
            "[opening]\n\n[own] [trade-one]\n\n[trade-two]\n\n[trade-good] [glad][moral-generous]",
        ],
    ),
    (
        "trade-one",
        &[
            "{At place} {hero.he} met {friend.name}, who had {a object2}. \"Yours is nicer than mine,\" said {hero.name}. \"Shall we trade?\" So the {thing} went to {friend.name}, and {hero.name} got the {thing2}.",
            "One {time}, {friend.name} came along with {a object2}. {Friend} needed {a thing} and {hero.name} had one, so they traded.",
        ],
    ),
    (
        "trade-two",
        &[
            "A little later {hero.name} met {elder.name} {at place2}. {Elder} was carrying {a object3} and needed {a thing2}. Soon the {thing2} belonged to {elder.name}, and {hero.name} walked on with the {thing3}.",
            "{At place2} stood {elder} with {a object3}. \"I will give it to you for your {thing2},\" {elder.he} said, and {hero.name} agreed.",
        ],
    ),
    (
        "trade-bad",
        &[
            "But at home {hero.name} saw that the {thing3} was cracked from end to end. {Hero} thought of the {object} that {hero.he} had loved, and that was now in another house.",
            "In the evening {hero.name} looked at the {thing3} and did not know what to do with it. The {object} was gone, and {friend.name} did not want to trade back.",
        ],
    ),
    (
        "trade-good",
        &[
            "On the way home {a animal} was shivering in the rain, and {hero.name} used the {thing3} to make a roof for it. The owner of the {animal} saw it. \"You gave away the last thing that you had,\" {friend.he} said, for it was {friend.name}. \"Here, take your {thing} back.\"",
            "{Hero.name} gave the {thing3} to a poor woman, because she needed it more. When {friend.name} heard of that, {friend.he} brought back the {object} and wanted nothing for it.",
        ],
    ),
    (
        "moral-envy",
        &[
            "[so] what others have looks better only from far away.",
            "[so] do not give away what you love for what you merely like.",
        ],
    ),
    (
        "moral-generous",
        &[
            "[so] whoever gives with an open hand does not stay empty-handed.",
            "[so] the best trade is a gift.",
        ],
    ),
];

//! A contest, lost by boasting or won by practice.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "boast",
        &[
            "[opening] [friend]\n\n[boasts] [contest]\n\n[careless] [friend-wins]\n\n[sad] [congratulates][moral-pride]",
            "[opening] [friend]\n\n[laughed-at] [contest]\n\n[practises] [hero-wins]\n\n[glad] [evening][moral-practice]",
        ],
    ),
    (
        "boasts",
        &[
            "\"Nobody is as fast as I am,\" {hero.name} told everyone {at place}. \"I could run to {place2} and back before you have tied your shoes.\"",
            "{Hero.name} liked to talk about how well {hero.he} could swim. {Hero} talked about it {at place}, and {hero.he} talked about it {at place2}.",
        ],
    ),
    (
        "laughed-at",
        &[
            "{Hero.name} was the slowest runner of all. {At place} they laughed when {hero.he} came in last.",
            "When {hero.name} fell over {hero.his} own feet {at place}, everyone laughed. Only {friend.name} did not.",
        ],
    ),
    (
        "contest",
        &[
            "Then {elder} said, \"There will be a race to {place3} in {number} days, and whoever wins shall have {a object}.\"",
            "So a race was held, from {place} to {place3}. The prize was {a object}, and {elder} was the judge.",
        ],
    ),
    (
        "careless",
        &[
            "{Hero} did not practise, because {hero.he} was sure to win. On the day of the race {hero.he} even stopped to eat some {food}.",
            "Halfway there, {hero.name} was far in front, so {hero.he} lay down {at place2} and fell asleep.",
        ],
    ),
    (
        "friend-wins",
        &[
            "{Friend.name} ran slowly, but {friend.he} did not stop. When {hero.name} looked up, {friend.name} was holding the {object}.",
            "By the time that {hero.name} came to {place3}, {friend.name} was already there, and {elder} had handed over the {thing}.",
        ],
    ),
    (
        "congratulates",
        &[
            "But {hero.he} went to {friend.name} and said, \"You ran well. The {thing} is yours, and you have earned it.\"",
            "{Hero} swallowed {hero.his} anger and shook {friend's} hand. \"Will you teach me how to keep going?\" {hero.he} asked.",
        ],
    ),
    (
        "practises",
        &[
            "Every morning, before the others were awake, {hero.name} ran to {place2}. At first {hero.he} had to stop {number} times, then only once, and then not at all.",
            "{Friend.name} helped {hero.him}. They practised {at place2}, in the rain and in the heat, and when {hero.name} wanted to give up, {friend.name} said, \"Once more.\"",
        ],
    ),
    (
        "hero-wins",
        &[
            "On the day of the race nobody laughed. {Hero} came to {place3} first, and {elder} gave {hero.him} the {object}.",
            "It was close. But on the last hill {hero.name} still had breath, because {hero.he} had climbed it every day. {Hero} won the {thing} by one step.",
        ],
    ),
    (
        "moral-pride",
        &[
            "[so] whoever boasts in the morning may be silent at night.",
            "[so] slow feet that go on are faster than quick feet that rest.",
        ],
    ),
    (
        "moral-practice",
        &[
            "[so] whoever practises need not boast.",
            "[so] those who laugh at the start do not always laugh at the end.",
        ],
    ),
];

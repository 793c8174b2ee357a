//! Patience.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "growing",
        &[
            "[opening] [friend]\n\n[plants] [friend-plants]\n\n[waits] [friend-digs]\n\n[grows] [evening][moral-patience]",
            "[opening]\n\n[plants] [waits] [storm]\n\n[sad] [again]\n\n[grows] [glad][moral-again]",
        ],
    ),
    (
        "plants",
        &[
            "One spring day {elder} gave {hero.name} a seed. \"It will become {a plant},\" {elder.he} said. {Hero} put it in the ground {at place} with {a object}.",
            "One {time}, {hero.name} found a seed {at place}. {Hero} dug a hole with {a object} and planted it. \"You will be {a plant},\" {hero.he} told it.",
        ],
    ),
    (
        "friend-plants",
        &[
            "{Friend.name} planted one as well, right beside it.",
            "\"I want {a plant} too,\" said {friend.name}, and {friend.he} got a seed of {friend.his} own.",
        ],
    ),
    (
        "waits",
        &[
            "Every day {hero.name} carried water from {place2}. For {number} weeks there was nothing to see.",
            "{Hero} watered it in the morning and pulled the weeds in the evening, and {hero.he} waited.",
        ],
    ),
    (
        "friend-digs",
        &[
            "{Friend.name} could not wait. Every day {friend.he} dug up {friend.his} seed to see whether it had grown, and so it died.",
            "\"Nothing happens,\" said {friend.name} after {number} days, and {friend.he} went to play {at place3}. Without water the seed dried up.",
        ],
    ),
    (
        "storm",
        &[
            "Then a storm came in the night, and in the morning the little plant was broken.",
            "When the first green leaf was out, {a animal} came and ate it.",
        ],
    ),
    (
        "again",
        &[
            "\"Then I will begin again,\" said {hero.name} after a while. {Hero} got another seed, and this time {hero.he} built a fence of sticks around it.",
            "{Elder} sat down beside {hero.him}. \"Everything that grows has been small before,\" {elder.he} said, and {elder.he} gave {hero.him} another seed.",
        ],
    ),
    (
        "grows",
        &[
            "One morning a green tip looked out of the earth. By autumn it was the finest {plant} {at place}, and people came even from {place3} to see it.",
            "And then it grew, first as high as a hand, then as high as {hero.name}. There was never a more beautiful {plant} {at home}.",
        ],
    ),
    (
        "moral-patience",
        &[
            "[so] good things grow for those who can wait.",
            "[so] nothing grows faster because someone digs it up.",
        ],
    ),
    (
        "moral-again",
        &[
            "[so] whoever begins again has not lost.",
            "[so] it is not the storm that decides, but what is done after it.",
        ],
    ),
];

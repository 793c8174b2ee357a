//! Fear, and what is stronger.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "dark",
        &[
            "[opening] [afraid-of]\n\n[own] [falls-in]\n\n[goes-in] [nothing-there]\n\n[glad][moral-brave]",
            "[opening] [friend] [afraid-of]\n\n[friend-inside]\n\n[goes-in] [brings-out]\n\n[thanks][moral-brave-friend]",
        ],
    ),
    (
        "afraid-of",
        &[
            "There was only one thing that {hero.name} feared, and that was the cave {at place}. Something lived in there, people said.",
            "At night {hero.name} never went near {place}, because of the old cave and the noises that came out of it.",
        ],
    ),
    (
        "falls-in",
        &[
            "One {time}, the wind took the {thing} and carried it right into the cave.",
            "One {time}, {hero.name} let the {thing} fall, and it rolled and rolled until it was in the cave.",
        ],
    ),
    (
        "friend-inside",
        &[
            "One {time}, {friend.name} went into the cave to look for {a object}, and did not come out again.",
            "\"Help!\" someone called from the cave one {time}. It was {friend.name}, who had hurt {friend.his} leg in there.",
        ],
    ),
    (
        "goes-in",
        &[
            "{Hero.name} stood in front of the dark hole for a long time. {Hero.his} knees were shaking. \"I am afraid,\" {hero.he} said, \"but I am going.\" And {hero.he} took one step, and then another.",
            "{Hero.name} lit a lamp. It shook in {hero.his} hand, so that the shadows danced on the walls. But {hero.he} went on, counting {hero.his} steps.",
        ],
    ),
    (
        "nothing-there",
        &[
            "At the end of the cave sat {a animal}, and it was more afraid than {hero.name}. Beside it lay the {object}.",
            "The noises were only drops of water. The {thing} lay in a puddle, and {hero.name} had to laugh.",
        ],
    ),
    (
        "brings-out",
        &[
            "There sat {friend.name}, cold and pale. {Hero} put an arm around {friend.him}, and together they came out into the light.",
            "\"I knew that you would come,\" said {friend.name}. {Hero} took {friend.him} by the hand and led {friend.him} out.",
        ],
    ),
    (
        "moral-brave",
        &[
            "[so] what we fear is mostly smaller than our fear.",
            "[so] to be brave is to be afraid and to go all the same.",
        ],
    ),
    (
        "moral-brave-friend",
        &[
            "[so] friendship is stronger than fear.",
            "[so] for a friend, even the fearful find courage.",
        ],
    ),
];

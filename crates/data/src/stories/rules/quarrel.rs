//! Two want one thing; it breaks, or they share.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "quarrel",
        &[
            "[opening] [friend]\n\n[both-want]\n\n[pull] [it-breaks]\n\n[sad] [sorry]\n\n[mend] [evening][moral-share]",
            "[opening] [friend]\n\n[both-want]\n\n[take-turns] [glad]\n\n[evening][moral-turns]",
            "[opening] [friend]\n\n[both-want]\n\n[pull] [taken-away]\n\n[sorry][moral-share]",
        ],
    ),
    (
        "both-want",
        &[
            "One {time}, the two found {a object} {at place}. \"It is mine,\" said {hero.name}. \"I saw it first!\" \"But I picked it up,\" said {friend.name}.",
            "{Elder} left {a object} {at place}. \"I want to play with the {thing},\" said {hero.name}. \"So do I,\" said {friend.name}.",
            "One {time}, {a object} lay {at place}. {Hero.name} wanted it. {Friend.name} wanted it too, and there was only one.",
        ],
    ),
    (
        "pull",
        &[
            "{Hero.name} pulled at one side and {friend.name} pulled at the other.",
            "They shouted until the {animal} {at place2} ran away.",
            "\"Give it to me!\" \"No, give it to me!\" They pushed and pulled, and neither would let go.",
        ],
    ),
    (
        "it-breaks",
        &[
            "Then there was a loud crack. The {thing} was in two pieces, and now nobody had {a thing}.",
            "The {thing} flew out of their hands, hit the ground and broke.",
            "With a sad little sound the {object} came apart. All at once it was very quiet {at place}.",
        ],
    ),
    (
        "taken-away",
        &[
            "{Elder} heard the noise. \"If you cannot share the {thing},\" {elder.he} said, \"then neither of you shall have it.\" And {elder.he} carried it away.",
            "While they were shouting, a thief came by, took the {thing} and was gone. Nobody saw who it was, because they had only looked at each other.",
            "Because nobody was looking at the {thing}, {a animal} ran off with it and dropped it in the water.",
        ],
    ),
    (
        "sorry",
        &[
            "\"I am sorry,\" said {hero.name}. \"I am sorry too,\" said {friend.name}. \"You are worth more to me than {a thing}.\"",
            "{Hero.name} looked at {friend.name}, and {friend.name} looked at the ground. \"That was foolish of us,\" they both said.",
            "For a long time nobody spoke. Then {hero.name} held out {hero.his} hand, and {friend.name} took it.",
        ],
    ),
    (
        "mend",
        &[
            "They took the pieces to {elder.name}, who had glue and string. It took them {number} days, but in the end the {thing} was whole again.",
            "Together they mended the {thing}. It was not as pretty as before, but now it belonged to both.",
            "{Friend.name} held the pieces and {hero.name} tied them together. From then on, they used the {thing} together.",
        ],
    ),
    (
        "take-turns",
        &[
            "\"Let us not fight,\" said {hero.name}. \"You take it today, and I will take it tomorrow.\" So they did, and because they had to wait for it, the {thing} was twice as much fun.",
            "{Friend.name} thought for a while. \"We could use it together,\" {friend.he} said. \"I hold it, and you tell me what to do.\" That was better than either had hoped.",
        ],
    ),
    (
        "moral-share",
        &[
            "[so] whoever will not share may end up with nothing.",
            "[so] a friend is worth more than any {thing}.",
        ],
    ),
    (
        "moral-turns",
        &[
            "[so] what is shared is not halved but doubled.",
            "[so] those who take turns never have to fight.",
        ],
    ),
];

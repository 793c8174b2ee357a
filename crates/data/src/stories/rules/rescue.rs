//! A kindness that comes back.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "rescue",
        &[
            "[opening]\n\n[go] [trapped]\n\n[frees] [animal-goes]\n\n[later-trouble] [returned]\n\n[glad][moral-kind]",
            "[opening] [friend]\n\n[go] [trapped]\n\n[passes-by]\n\n[later-alone] [sad]\n\n[frees-late][moral-passed]",
        ],
    ),
    (
        "trapped",
        &[
            "There {a animal} was caught in a fence and could not get out.",
            "{Hero} heard a small voice. {A animal} had fallen into a hole, and it was too deep to climb out.",
            "{A animal} lay there, tangled up in an old net. \"Help me,\" its eyes seemed to say.",
        ],
    ),
    (
        "frees",
        &[
            "{Hero} was in a hurry, but {hero.he} stopped. With {a object} {hero.he} set the {animal} free.",
            "\"Hold still,\" said {hero.name}. {Hero} worked until {hero.his} fingers hurt, and at last the {animal} was free.",
        ],
    ),
    (
        "animal-goes",
        &[
            "The {animal} looked at {hero.him} once and was gone.",
            "\"Be careful next time,\" said {hero.name}, and the {animal} hurried away.",
        ],
    ),
    (
        "later-trouble",
        &[
            "In the next winter, {hero.name} lost the way {at place2}. Night fell, and there was no light anywhere.",
            "{Number} weeks later, {hero.name} was carrying {a object2} past {place2} when the ground gave way, and {hero.he} sat in a pit.",
            "Some time later, {hero.name} was asleep {at place3}, and {hero.he} did not smell the smoke. A fire had started.",
        ],
    ),
    (
        "returned",
        &[
            "Then {hero.he} heard a sound that {hero.he} knew. It was the {animal}. It called and called until {elder} came with a lantern and a rope.",
            "But the {animal} had seen it. It ran to the house of {friend.name} and pulled at {friend.his} coat until {friend.he} came along and helped {hero.name}.",
        ],
    ),
    (
        "passes-by",
        &[
            "\"I have no time,\" said {hero.name}, and {hero.he} went on. {Hero} wanted to be home for the {food}.",
            "{Hero} looked the other way. \"Someone else will come,\" {hero.he} thought.",
        ],
    ),
    (
        "later-alone",
        &[
            "On the way back, a wheel fell into the road, and {hero.name} could not lift it alone. {Number} people passed, and all of them looked the other way.",
            "That same day {hero.name} fell and hurt {hero.his} foot {at place2}. \"Help!\" {hero.he} called. \"Someone else will come,\" said the people who passed.",
        ],
    ),
    (
        "frees-late",
        &[
            "At last {friend.name} came and helped. \"Now come with me,\" said {hero.name}. \"There is {a animal} {at place} that has been waiting longer than I have.\" Together they set it free.",
            "Then {friend.name} stopped and held out a hand. {Hero.name} thought of the {animal}. Without waiting for supper {hero.he} went back to {place} and set it free.",
        ],
    ),
    (
        "moral-kind",
        &[
            "[so] a kindness comes back when it is needed most.",
            "[so] whoever stops for others is not left alone.",
        ],
    ),
    (
        "moral-passed",
        &[
            "[so] whoever looks away will be looked away from.",
            "[so] do not wait for someone else to come: be the one who comes.",
        ],
    ),
];

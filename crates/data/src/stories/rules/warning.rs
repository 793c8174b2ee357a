//! A warning is heard, or it is not.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "warning",
        &[
            "[opening]\n\n[warned]\n\n[ignores] [danger] [sad]\n\n[saved][moral-listen]",
            "[opening] [friend]\n\n[warned]\n\n[listens] [friend-ignores]\n\n[saves-friend] [evening][moral-wise]",
        ],
    ),
    (
        "warned",
        &[
            "One {time}, {elder} looked at the sky. \"Do not go to {place} today,\" {elder.he} said. \"A storm is coming.\"",
            "\"The ice {at place} is thin,\" said {elder.name} one winter morning. \"Stay away from it until I say so.\"",
            "\"Stay on the path,\" said {elder.name}, when {hero.name} set out on {a time}. \"Whoever leaves it {at place} gets lost.\"",
        ],
    ),
    (
        "ignores",
        &[
            "\"{Elder} is old and worries too much,\" thought {hero.name}. {Hero} took {hero.his} {object} and went to {place} all the same.",
            "{Hero} nodded, but as soon as {elder} was gone, {hero.he} was on the way to {place}.",
        ],
    ),
    (
        "danger",
        &[
            "It did not take long. There was a crash, and {hero.name} could go neither forward nor back.",
            "All of a sudden it was dark and cold, and every way looked the same. {Hero} held on to the {object} and called, but nobody answered.",
        ],
    ),
    (
        "saved",
        &[
            "Late at night a light came nearer. It was {elder}, who had seen the empty bed. {Elder} did not scold. {Elder.he} only said, \"Now you know why.\"",
            "When {hero.he} was almost too tired to call, {elder} found {hero.him} and carried {hero.him} home. There was {food}, and nobody spoke of it until the morning.",
        ],
    ),
    (
        "listens",
        &[
            "{Hero} would have liked to go, but {hero.he} remembered what {elder} had said, and {hero.he} stayed at home.",
            "\"{Elder} has lived here for a long time,\" thought {hero.name}, and {hero.he} went to {place2} instead.",
        ],
    ),
    (
        "friend-ignores",
        &[
            "{Friend.name} only laughed. \"You are afraid of everything,\" {friend.he} said, and {friend.he} went to {place} alone.",
            "\"Nothing will happen to me,\" said {friend.name}, took the {object}, and was gone.",
        ],
    ),
    (
        "saves-friend",
        &[
            "When {friend.name} did not come back, {hero.name} ran to {elder.name}. Together they took a rope, and they pulled {friend.him} out just in time. \"I should have listened,\" said {friend.name}.",
            "In the evening {hero.name} heard a cry from {place}. {Hero} did not go alone, but called {elder.name}, and so all three of them came home.",
        ],
    ),
    (
        "moral-listen",
        &[
            "[so] a warning is a gift, and it is wise to take it.",
            "[so] it is better to listen than to be rescued.",
        ],
    ),
    (
        "moral-wise",
        &[
            "[so] it takes courage to stay at home when others laugh.",
            "[so] whoever listens can help those who did not.",
        ],
    ),
];

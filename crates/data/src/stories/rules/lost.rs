//! A thing is lost and found; the moral depends on who found it, and how.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    (
        "lost",
        &[
            "[opening] [friend]\n\n[own] [go] [lose]\n\n[miss] [sad]\n\n[search] [asked-friend]\n\n[thanks] [evening][moral-help]",
            "[opening]\n\n[own] [go] [lose]\n\n[miss] [sad] [search]\n\n[looked-well] [glad]\n\n[evening][moral-look]",
            "[opening]\n\n[fed-animal]\n\n[own] [go] [lose]\n\n[miss] [sad] [search]\n\n[animal-brings] [glad][moral-small]",
        ],
    ),
    (
        "lose",
        &[
            "{Hero} ran so fast that the {thing} fell out of {hero.his} bag, and {hero.he} did not notice.",
            "While {hero.he} was talking to {elder.name}, {hero.he} put the {thing} down, and then {hero.he} forgot it.",
            "{Hero} had a hole in {hero.his} pocket, and {at place} the {thing} slipped through.",
            "There was so much to see {at place} that {hero.name} left the {thing} lying there.",
        ],
    ),
    (
        "miss",
        &[
            "Only at home did {hero.name} see that the {thing} was gone.",
            "\"Where is my {thing}?\" cried {hero.name} in the evening. It was not in {hero.his} bag, and it was not on the table.",
            "Later {hero.name} wanted to look at the {object}, but {hero.his} hands found nothing.",
            "Before going to bed, {hero.name} reached for the {thing}. It was not there!",
        ],
    ),
    (
        "search",
        &[
            "{Hero} looked {at place2}, but there was only {a animal}. {Hero} looked {at place3}, but there was nothing at all.",
            "First {hero.name} searched {at place3}, then {at place2}. \"Have you seen {a object}?\" {hero.he} asked everyone. Nobody had.",
            "The next day {hero.name} went to {place2} and turned over every stone. The {thing} was not there.",
            "{Number} times {hero.name} walked up and down {at place2}, and {number} times {hero.he} came back with empty hands.",
        ],
    ),
    (
        "asked-friend",
        &[
            "At last {hero.name} went to {friend.name}. \"I have lost my {thing},\" {hero.he} said. \"Where did you see it last?\" asked {friend.name}. \"{At place},\" said {hero.name}. So they went there together, and {friend} saw the {thing} at once, because {friend.he} was looking with fresh eyes.",
            "\"Why do you look so sad?\" asked {friend.name}. {Hero} told {friend.him} about the {thing}. \"But I saw {a object} {at place}!\" said {friend.name}. They ran all the way, and there it was.",
            "Then {friend.name} came by. \"Two can see more than one,\" {friend.he} said. They went back to {place}, {friend.name} on the left side and {hero.name} on the right. Soon {friend} held up the {object}.",
        ],
    ),
    (
        "looked-well",
        &[
            "Then {hero.name} sat down and thought. \"I had it when I came to {place},\" {hero.he} said to {hero.him}self, \"and I did not have it when I left.\" So {hero.he} went back to {place} and looked slowly, step by step. Under a leaf lay the {object}.",
            "\"I have been looking fast,\" thought {hero.name}, \"and I have not been looking well.\" {Hero} went back to {place} and began again, from one end to the other. After an hour, {hero.he} saw something {at place}. It was the {thing}.",
            "In the night {hero.name} went through the whole day in {hero.his} mind, and {hero.he} remembered {place}. In the morning {hero.he} went there, and the {thing} was just where {hero.he} had left it.",
        ],
    ),
    (
        "fed-animal",
        &[
            "Every morning {hero.name} put out some {food} for {a animal}. \"It is only {a animal},\" people said. \"It is hungry all the same,\" said {hero.name}.",
            "{At place2} lived {a animal} with a hurt leg. {Hero.name} brought it {food} until it was well.",
            "{Hero.name} never passed the {animal} {at place2} without a kind word and a bit of {food}.",
        ],
    ),
    (
        "animal-brings",
        &[
            "{Hero} had given up all hope. Then something scratched at the door. It was the {animal}, and beside it lay the {object}.",
            "The next morning the {animal} sat in front of the house. It looked at {hero.name}, went a few steps, and looked back. {Hero} followed it to {place}, and there lay the {thing}.",
            "\"Who is pulling at my sleeve?\" asked {hero.name}. It was the {animal}. It had found the {thing} {at place}, and it had not forgotten who had fed it.",
        ],
    ),
    (
        "moral-help",
        &[
            "[so] whoever asks for help finds more than whoever searches alone.",
            "[so] a friend's eyes are worth more than a lamp.",
        ],
    ),
    (
        "moral-look",
        &[
            "[so] it is better to look well than to look fast.",
            "[so] whoever stops to think finds what others run past.",
        ],
    ),
    (
        "moral-small",
        &[
            "[so] no kindness is too small to be remembered.",
            "[so] even the smallest friend can bring back what is lost.",
        ],
    ),
];

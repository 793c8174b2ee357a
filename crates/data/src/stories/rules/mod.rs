//! The story grammar (see [`super::grammar`] for its notation).
//!
//! A plot decides what happens and so which moral it ends with; the rules below it decide how that is said. Each plot
//! stands in a file of its own, with its morals.

mod boast;
mod borrowed;
mod dark;
mod growing;
mod lost;
mod quarrel;
mod rescue;
mod trade;
mod warning;

/// A name, and the forms that it can take.
pub(super) type Rule = (&'static str, &'static [&'static str]);

/// All rules.
pub(super) const RULES: &[&[Rule]] = &[
    COMMON,
    lost::RULES,
    quarrel::RULES,
    borrowed::RULES,
    rescue::RULES,
    boast::RULES,
    warning::RULES,
    trade::RULES,
    dark::RULES,
    growing::RULES,
];

/// Rules that belong to no plot.
const COMMON: &[Rule] = &[
    ("story", &["[plot]", "[title]\n\n[plot]"]),
    (
        "title",
        &[
            "{Hero.name} and the {object}",
            "The {object} of {hero.name}",
            "The Story of {hero.name} and {friend.name}",
            "What happened {at place}",
            "How {hero.name} learned a lesson",
            "{Hero.name}, {friend.name} and the {thing}",
        ],
    ),
    (
        "plot",
        &[
            "[lost]",
            "[quarrel]",
            "[borrowed]",
            "[rescue]",
            "[boast]",
            "[warning]",
            "[trade]",
            "[dark]",
            "[growing]",
        ],
    ),
    (
        "opening",
        &[
            "Once there was {a hero.nature} {hero.kind} named {hero.name}, who lived {at home}.",
            "{Hero.name} was {a hero.nature} {hero.kind}. {Hero} lived {at home} with {hero.his} {family}.",
            "In a small house {at home} lived {a hero.nature} {hero.kind} by the name of {hero.name}.",
            "Not long ago, {at home}, there lived {a hero.kind}. {Hero.his} name was {hero.name}, and everyone said that {hero.he} was {hero.nature}.",
            "{Hero.name} the {hero.kind} lived {at home}. {Hero} was {hero.nature}, and the whole place knew {hero.him}.",
            "Far away, {at home}, {a hero.nature} {hero.kind} called {hero.name} shared a house with {hero.his} {family}.",
        ],
    ),
    (
        "friend",
        &[
            "{Hero.his} best friend was {friend.name}, {a friend.nature} {friend.kind}.",
            "{Friend.name}, {a friend.nature} {friend.kind}, lived next door and came by every day.",
            "{Hero} was often seen with {friend.name}, who was as {friend.nature} as {hero.name} was {hero.nature}.",
            "There was also {friend.name}, {a friend.kind}. {Friend.he} was {friend.nature}, and the two did everything together.",
        ],
    ),
    (
        "own",
        &[
            "{Hero.name} had {a object}. {Elder} had given it to {hero.him}, and {hero.he} took it everywhere.",
            "Of all the things that {hero.name} had, {hero.he} loved {a object} best.",
            "For {hero.his} birthday, {hero.name} had been given {a object} by {elder.name}. There was no other {thing} like it.",
            "{Hero.name} owned only one thing that was worth anything, and that was {a object}.",
            "One {time2}, {hero.name} had found {a object} {at place3}. Nobody knew whose it was, so {hero.he} had kept it.",
        ],
    ),
    (
        "go",
        &[
            "One {time}, {hero.name} went to {place}.",
            "It was {a time} when {hero.name} set out for {place}.",
            "One {time} {hero.name} had an errand to do {at place}.",
            "\"I will be back before supper,\" said {hero.name} one {time}, and off {hero.he} went to {place}.",
            "On {a time}, {hero.name} walked all the way to {place}.",
        ],
    ),
    (
        "sad",
        &[
            "{Hero} was so sad that {hero.he} could not eat.",
            "{Hero} sat down and cried.",
            "{Hero.his} heart was heavy.",
            "{Hero} felt cold all over.",
            "Tears ran down {hero's} face.",
            "{Hero} did not know what to do.",
        ],
    ),
    (
        "glad",
        &[
            "{Hero} laughed out loud.",
            "{Hero} was so glad that {hero.he} danced.",
            "{Hero} felt warm all the way home.",
            "{Hero.his} heart was light again.",
            "{Hero} could not stop smiling.",
            "Never had {hero.name} been so happy.",
        ],
    ),
    (
        "thanks",
        &[
            "\"Thank you,\" said {hero.name}. \"I will not forget it.\"",
            "{Hero} thanked {friend.name} again and again.",
            "\"How can I ever thank you?\" asked {hero.name}. \"You just did,\" said {friend.name}.",
            "{Hero} shared {hero.his} {food} with {friend.name}, and they ate it to the last crumb.",
        ],
    ),
    (
        "evening",
        &[
            "That evening they ate {food} for supper.",
            "They walked home together as the sun went down.",
            "When the stars came out, they were still talking.",
            "At night, {hero.name} slept soundly.",
            "{Elder} gave them {food}, and they told {elder.him} everything.",
        ],
    ),
    (
        "so",
        &[
            "\n\nSince that day, {hero.name} has known that",
            "\n\nAnd so {hero.name} learned that",
            "\n\nThat is why they say {at home} that",
            "\n\n{Hero.name} never forgot it:",
            "\n\nAs {elder} used to say,",
            "\n\nThis is the lesson:",
            "\n\nEver since, {hero.name} has told everyone that",
        ],
    ),
];

//! Who and what a story is about. Everything is drawn before the first sentence, so that a thing that is lost in one
//! paragraph is the thing that is found in another.

use super::random::Random;
use super::words;

/// Someone in a story.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub name: String,
    /// A boy, a fox.
    pub kind: &'static str,
    pub nature: &'static str,
    pub pronouns: Pronouns,
}

/// Subject, object and possessive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pronouns(pub &'static str, pub &'static str, pub &'static str);

const SHE: Pronouns = Pronouns("she", "her", "her");
const HE: Pronouns = Pronouns("he", "him", "his");

/// Something that can be carried: `look` and `noun`, as in "red kite".
#[derive(Clone, Copy, Debug)]
pub(super) struct Thing {
    pub look: &'static str,
    pub noun: &'static str,
}

/// Preposition and noun, as in "by" and "the river".
pub(super) type Location = (&'static str, &'static str);

/// Everything that a story may name.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub hero: Person,
    pub friend: Person,
    pub elder: Person,
    /// Three different things.
    pub things: [Thing; 3],
    /// Three different places.
    pub places: [Location; 3],
    pub home: Location,
    pub animal: &'static str,
    pub family: &'static str,
    pub food: &'static str,
    pub plant: &'static str,
    /// Of different seasons.
    pub times: [String; 2],
    pub number: &'static str,
}

impl Cast {
    pub(super) fn draw(random: &mut Random) -> Self {
        let [hero, friend, elder] = people(random);
        let nouns: [&str; 3] = random.distinct(words::THINGS);
        let looks: [&str; 3] = random.distinct(words::LOOKS);
        let things = std::array::from_fn(|at| Thing {
            look: looks[at],
            noun: nouns[at],
        });
        let seasons: [(&str, &[&str]); 2] = random.distinct(words::SEASONS);
        let times = seasons.map(|(season, days)| time(random, season, days));
        Self {
            hero,
            friend,
            elder,
            things,
            places: random.distinct(words::PLACES),
            home: random.pick(words::HOMES),
            animal: random.pick(words::ANIMALS),
            family: random.pick(words::FAMILIES),
            food: random.pick(words::FOODS),
            plant: random.pick(words::PLANTS),
            times,
            number: random.pick(words::NUMBERS),
        }
    }
}

/// "cold winter morning"
fn time(random: &mut Random, season: &str, days: &[&str]) -> String {
    format!("{} {season} {}", random.pick(days), random.pick(words::PARTS))
}

/// Hero, friend and elder, of different names and of natures that differ between hero and friend.
fn people(random: &mut Random) -> [Person; 3] {
    let (girls, boys): ([&str; 3], [&str; 3]) = (random.distinct(words::GIRLS), random.distinct(words::BOYS));
    let natures: [&str; 3] = random.distinct(words::TRAITS);
    // In some stories all are animals, in others none is.
    let animals: Option<[&str; 3]> = random.chance(1, 4).then(|| random.distinct(words::ANIMAL_KINDS));
    std::array::from_fn(|at| {
        let female = random.chance(1, 2);
        let (name, kinds, pronouns) = if female {
            (girls[at], words::GIRL_KINDS, SHE)
        } else {
            (boys[at], words::BOY_KINDS, HE)
        };
        let titles = if female { words::OLD_WOMEN } else { words::OLD_MEN };
        let name = if at == 2 {
            format!("{} {name}", random.pick(titles))
        } else {
            name.to_owned()
        };
        let kind = animals.map_or_else(|| random.pick(kinds), |animals| animals[at]);
        Person {
            name,
            kind,
            nature: natures[at],
            pronouns,
        }
    })
}

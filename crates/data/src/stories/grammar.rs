//! Turns rules into a story.
//!
//! A rule is a name and its forms; a form is text with `[rule]`, replaced by one of that rule's forms, and `{slot}`,
//! replaced by what the cast has there. The slots:
//!
//! - `hero`, `friend`, `elder`: the name, or the pronoun where the last one named was the same; `hero's` likewise.
//! - `hero.name`, `hero.he`, `hero.him`, `hero.his`, `hero.kind`, `hero.nature`: just that.
//! - `object`, `object2`, `object3`: "red kite"; `thing`, `thing2`, `thing3`: "kite".
//! - `place`, `place2`, `place3`, `home`: "the river"; `at place`: "by the river".
//! - `animal`, `family`, `food`, `plant`, `time`, `time2`, `number`.
//!
//! `{a object}` puts the article in front, and a capital letter, as in `{Hero}` or `{A object}`, gives one.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::cast::{Cast, Person};
use super::random::Random;
use super::rules::RULES;

static FORMS: LazyLock<HashMap<&str, &[&str]>> =
    LazyLock::new(|| RULES.iter().copied().flatten().copied().collect());

/// Tells one story.
pub(super) struct Teller<'a> {
    cast: &'a Cast,
    random: &'a mut Random,
    /// Who was named last in this paragraph: a pronoun is understood as that one.
    last: Option<Role>,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Hero,
    Friend,
    Elder,
}

impl<'a> Teller<'a> {
    /// The story that the rule `story` makes of `cast`.
    pub(super) fn tell(cast: &'a Cast, random: &'a mut Random) -> String {
        let mut teller = Self {
            cast,
            random,
            last: None,
            text: String::new(),
        };
        teller.rule("story");
        teller.text
    }

    /// Every rule and slot that is named exists: a test looks at all of them.
    fn rule(&mut self, name: &str) {
        if let Some(forms) = FORMS.get(name) {
            let form = self.random.pick(forms);
            self.form(form);
        }
    }

    fn form(&mut self, form: &str) {
        for part in parts(form) {
            match part {
                Part::Text(text) => self.say(text),
                Part::Rule(name) => self.rule(name),
                Part::Slot(spec) => self.slot(spec),
            }
        }
    }

    fn say(&mut self, text: &str) {
        // A new paragraph names people anew.
        if text.contains('\n') {
            self.last = None;
        }
        self.text.push_str(text);
    }

    fn slot(&mut self, spec: &str) {
        let lower = spec.to_ascii_lowercase();
        let words = self.words(&lower).unwrap_or_default();
        if spec.starts_with(|first: char| first.is_ascii_uppercase()) {
            self.text.push_str(&capitalised(&words));
        } else {
            self.text.push_str(&words);
        }
    }

    fn words(&mut self, spec: &str) -> Option<String> {
        match spec.split_once(' ') {
            Some(("a", key)) => Some(with_article(&self.value(key)?)),
            Some(("at", key)) => {
                let (preposition, noun) = self.location(key)?;
                Some(format!("{preposition} {noun}"))
            }
            Some(_) => None,
            None => self.value(spec),
        }
    }

    fn value(&mut self, key: &str) -> Option<String> {
        if let Some((_, noun)) = self.location(key) {
            return Some(noun.to_owned());
        }
        let cast = self.cast;
        let [first, second, third] = &cast.things;
        let word = match key {
            "object" => return Some(format!("{} {}", first.look, first.noun)),
            "object2" => return Some(format!("{} {}", second.look, second.noun)),
            "object3" => return Some(format!("{} {}", third.look, third.noun)),
            "thing" => first.noun,
            "thing2" => second.noun,
            "thing3" => third.noun,
            "animal" => cast.animal,
            "family" => cast.family,
            "food" => cast.food,
            "plant" => cast.plant,
            "time" => &cast.times[0],
            "time2" => &cast.times[1],
            "number" => cast.number,
            _ => return self.person(key),
        };
        Some(word.to_owned())
    }

    fn location(&self, key: &str) -> Option<(&'static str, &'static str)> {
        let [first, second, third] = self.cast.places;
        match key {
            "place" => Some(first),
            "place2" => Some(second),
            "place3" => Some(third),
            "home" => Some(self.cast.home),
            _ => None,
        }
    }

    fn person(&mut self, key: &str) -> Option<String> {
        let (who, form) = match key.split_once('.') {
            Some((who, form)) => (who, form),
            None => key
                .strip_suffix("'s")
                .map_or((key, "flexible"), |who| (who, "possessive")),
        };
        let cast = self.cast;
        let (role, person) = match who {
            "hero" => (Role::Hero, &cast.hero),
            "friend" => (Role::Friend, &cast.friend),
            "elder" => (Role::Elder, &cast.elder),
            _ => return None,
        };
        let understood = self.last == Some(role) && self.random.chance(3, 4);
        let words = in_form(person, form, understood)?;
        if matches!(form, "name" | "flexible" | "possessive") {
            self.last = Some(role);
        }
        Some(words)
    }
}

fn in_form(person: &Person, form: &str, understood: bool) -> Option<String> {
    let Person { name, pronouns, .. } = person;
    let word = match form {
        "flexible" if understood => pronouns.0,
        "possessive" if understood => pronouns.2,
        "possessive" => return Some(format!("{name}'s")),
        "flexible" | "name" => name,
        "he" => pronouns.0,
        "him" => pronouns.1,
        "his" => pronouns.2,
        "kind" => person.kind,
        "nature" => person.nature,
        _ => return None,
    };
    Some(word.to_owned())
}

fn with_article(words: &str) -> String {
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {words}")
}

fn capitalised(words: &str) -> String {
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + characters.as_str()
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Rule(&'a str),
    Slot(&'a str),
}

/// A bracket that is not closed takes the rest.
fn parts(form: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = form;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let close = match first {
            '[' => ']',
            '{' => '}',
            _ => {
                let (text, after) = rest.split_at(rest.find(['[', '{']).unwrap_or(rest.len()));
                rest = after;
                return Some(Part::Text(text));
            }
        };
        let (name, after) = rest[1..].split_once(close).unwrap_or((&rest[1..], ""));
        rest = after;
        Some(if first == '[' {
            Part::Rule(name)
        } else {
            Part::Slot(name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_form_falls_into_parts() {
        let found: Vec<_> = parts("{Hero} ran. [rule]{at place}!").collect();
        assert_eq!(
            found,
            [
                Part::Slot("Hero"),
                Part::Text(" ran. "),
                Part::Rule("rule"),
                Part::Slot("at place"),
                Part::Text("!")
            ]
        );
    }

    #[test]
    fn every_rule_and_slot_exists_and_every_rule_is_used() {
        let mut random = Random::new(1, 1);
        let cast = Cast::draw(&mut random);
        let mut teller = Teller {
            cast: &cast,
            random: &mut random,
            last: None,
            text: String::new(),
        };
        let mut used = HashSet::from(["story"]);
        let rules: Vec<_> = RULES.iter().copied().flatten().collect();
        assert_eq!(FORMS.len(), rules.len(), "two rules of one name");
        for (name, forms) in &rules {
            assert_eq!(
                forms.iter().collect::<HashSet<_>>().len(),
                forms.len(),
                "a form twice in {name}"
            );
            for part in forms.iter().flat_map(|form| parts(form)) {
                match part {
                    Part::Rule(rule) => {
                        used.insert(rule);
                        assert!(FORMS.contains_key(rule), "{name}: [{rule}]");
                    }
                    Part::Slot(slot) => {
                        assert!(
                            teller.words(&slot.to_ascii_lowercase()).is_some(),
                            "{name}: {{{slot}}}"
                        );
                    }
                    Part::Text(text) => assert!(!text.contains([']', '}']), "{name}: {text}"),
                }
            }
        }
        let unused: Vec<_> = rules
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !used.contains(*name))
            .collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_pronoun_stands_only_for_the_last_one_named() {
        let mut random = Random::new(1, 1);
        let cast = Cast::draw(&mut random);
        let mut pronouns = 0;
        for index in 0..50 {
            let mut random = Random::new(2, index);
            let mut teller = Teller {
                cast: &cast,
                random: &mut random,
                last: None,
                text: String::new(),
            };
            teller.form("{Hero} saw {friend}. {Hero} waved. {Hero} left.\n\n{Hero} slept.");
            let (hero, friend) = (&cast.hero.name, &cast.friend.name);
            let he = capitalised(cast.hero.pronouns.0);
            let with =
                |word: &str| format!("{hero} saw {friend}. {hero} waved. {word} left.\n\n{hero} slept.");
            assert!([with(hero), with(&he)].contains(&teller.text), "{}", teller.text);
            pronouns += usize::from(teller.text == with(&he));
        }
        assert!((20..50).contains(&pronouns), "{pronouns}");
    }

    #[test]
    fn articles_fit() {
        assert_eq!(
            [with_article("old key"), with_article("red key")],
            ["an old key", "a red key"]
        );
        assert_eq!(capitalised("the river"), "The river");
    }
}

//! What a verifier has looked at: a person's answer where no program has one.
#![allow(clippy::unwrap_used)] // helpers of tests

mod common;
mod verifying;

use std::fs;

use blueberry_records::sign::{self, Signer};
use blueberry_records::verify::*;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};
use verifying::{Place, QUICK, SEEDS, assert_fails, says, silent};

fn signer(place: &Place) -> Signer {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let key = key.to_openssh(LineEnding::LF).unwrap();
    Signer::open(&place.dir.write("key", key.as_bytes()), None).unwrap()
}

/// Gives one run of this side a log that says it took 11 s, where its program takes a moment.
fn too_long(role: Role) -> impl Fn(Role, u64) -> f64 {
    move |side, seed| match (side == role, seed == SEEDS[1]) {
        (true, true) => 1.0,
        _ => QUICK,
    }
}

#[test]
fn what_the_verifier_looked_at_is_answered_and_signed() {
    let place = Place::new();
    let mut request = place.request(true, Sandbox::None);
    // Longer off the clock than the record beside it, as a program that compiles more, and within the limits.
    let conditions = &mut request.options.conditions;
    (conditions.unclocked_limit_s, conditions.warm_up_limit_s) = (10, 4);
    place.act(Role::Challenger, "sleep_ms 1800");
    place.provide(&place.plan(&request), |_, _| QUICK);
    let open = silent(&request).unwrap();
    assert_eq!(open.outcome, Outcome::Undecided, "{open:#?}");
    assert!(says(&open, "verify-clock").is_some(), "{open:#?}");

    let signer = signer(&place);
    request.signer = Some(&signer);
    request.reviews = vec!["verify-clock=it compiles more kernels".parse().unwrap()];
    let looked_at = verify(&request, &mut |progress| {
        assert!(
            matches!(progress, Progress::GoesOn { .. }),
            "run again: {progress:?}"
        );
    })
    .unwrap();
    assert_eq!(looked_at.outcome, Outcome::Verified, "{looked_at:#?}");
    assert_eq!(says(&looked_at, "verify-clock"), None);
    assert!(looked_at.holds.iter().any(|rule| rule == "verify-clock"));
    let review = &looked_at.reviews[0];
    assert_eq!(
        (&review.rule, &review.reason),
        (&request.reviews[0].rule, &request.reviews[0].reason)
    );
    assert_eq!(review.answered.len(), SEEDS.len());
    assert!(
        review.answered[0].starts_with("00-challenger-101: "),
        "{review:?}"
    );
    assert_eq!(looked_at.runs, open.runs);

    let folder = &place.challenger.folder;
    write(&looked_at, &request.work, folder, Some(&signer)).unwrap();
    let text = fs::read_to_string(folder.join(VERIFICATION_FILE)).unwrap();
    assert_eq!(Verification::parse(&text).unwrap(), looked_at);
    let signature = fs::read_to_string(folder.join(VERIFICATION_SIGNATURE_FILE)).unwrap();
    let key = looked_at.public_key.as_deref().unwrap();
    sign::verify(key, text.as_bytes(), &signature).unwrap();
    let changed = text.replace("more kernels", "fewer kernels");
    assert_ne!(changed, text);
    assert!(sign::verify(key, changed.as_bytes(), &signature).is_err());
}

/// Else a record that is to lose could be waved through.
#[test]
fn what_the_records_own_run_breaks_is_answered_by_nobody() {
    let place = Place::new();
    let mut request = place.request(true, Sandbox::None);
    place.provide(&place.plan(&request), too_long(Role::Record));
    assert!(says(&silent(&request).unwrap(), "verify-clock").is_some());
    request.reviews = vec!["verify-clock=its clock was set".parse().unwrap()];
    let error = silent(&request).unwrap_err().to_string();
    assert!(error.contains("has no open question"), "{error}");
}

#[test]
fn what_is_not_open_is_not_answered() {
    let place = Place::new();
    let mut request = place.request(true, Sandbox::None);
    place.provide(&place.plan(&request), too_long(Role::Challenger));
    assert_fails(&silent(&request).unwrap(), "verify-clock", "more than the");
    for review in ["verify-clock=I do not mind", "eval-time=I have seen it"] {
        let review: Review = review.parse().unwrap();
        request.reviews = vec![review.clone()];
        let error = silent(&request).unwrap_err().to_string();
        let words = format!(
            "--looked-at {}: the verification has no open question",
            review.rule
        );
        assert!(error.contains(&words), "{error}");
    }
}

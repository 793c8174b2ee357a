use blueberry_rules::Answer;

use super::{FolderCheck, Subject, fail, pass};
use crate::curve::{CurveError, VERSION, loss_curve, pixels, png, svg};

pub const CHECK: FolderCheck = FolderCheck {
    id: "record-curve",
    text: "The pictures of the loss are drawn from the logs.",
    check,
};

fn check(subject: &Subject) -> Answer {
    let record = &subject.opened.record;
    if record.curve == 0 || record.curve > VERSION {
        return fail(format!(
            "record.toml says that version {} of the drawing drew them, and there is none above {VERSION}",
            record.curve
        ));
    }
    if record.curve != VERSION {
        // Of another version only the digests say that they are as they were handed in.
        let why = format!(
            "drawn by version {} of the drawing, this build has {VERSION}",
            record.curve
        );
        return Answer::NotApplicable { why };
    }
    match differing(subject) {
        Ok(None) => pass("curve.svg, curve.png"),
        Ok(Some(name)) => fail(format!("{name} does not show the logs")),
        Err(error) => Answer::CannotTell {
            missing: error.to_string(),
        },
    }
}

fn differing(subject: &Subject) -> Result<Option<&'static str>, CurveError> {
    let opened = subject.opened;
    let picture = loss_curve(&opened.record.title, subject.category, &opened.runs);
    let folder = &opened.folder;
    let drawn = svg(&picture)?;
    let is_drawn = |bytes: Vec<u8>| bytes == drawn.as_bytes();
    if !folder.read("curve.svg").is_ok_and(is_drawn) {
        return Ok(Some("curve.svg"));
    }
    // A PNG by its pixels: another version of the encoder packs them otherwise.
    let drawn = pixels(&png(&picture)?);
    let shown = folder.read("curve.png").ok().and_then(|bytes| pixels(&bytes));
    Ok((shown.is_none() || shown != drawn).then_some("curve.png"))
}

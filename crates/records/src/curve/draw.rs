//! Drawing a picture as SVG or PNG. There is no sense in here.

use std::path::Path;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{CurveError, Line, Picture, Tick};

pub(super) const SIZE: (u32, u32) = (960, 540);
const FONT: &str = "sans-serif";
/// Left, right, upper and lower edge of the frame in pixels.
const FRAME: (i32, i32, i32, i32) = (80, 930, 50, 480);
/// Colours that are told apart by eyes of every kind: Okabe and Ito, "Color Universal Design", 2008.
const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// The picture as SVG.
///
/// # Errors
/// [`CurveError`].
pub fn svg(picture: &Picture) -> Result<String, CurveError> {
    let mut text = String::new();
    draw(
        &SVGBackend::with_string(&mut text, SIZE).into_drawing_area(),
        picture,
    )?;
    Ok(text)
}

/// The picture as PNG.
///
/// # Errors
/// [`CurveError`].
pub fn png(picture: &Picture) -> Result<Vec<u8>, CurveError> {
    // The encoder only writes to files.
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("curve.png");
    draw_png(&path, picture)?;
    Ok(std::fs::read(&path)?)
}

fn draw_png(path: &Path, picture: &Picture) -> Result<(), CurveError> {
    draw(&BitMapBackend::new(path, SIZE).into_drawing_area(), picture)
}

type Area<B> = DrawingArea<B, Shift>;

fn draw<B: DrawingBackend>(area: &Area<B>, picture: &Picture) -> Result<(), CurveError> {
    load_font()?;
    let drawn = || -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        draw_axes(area, picture)?;
        for line in &picture.lines {
            draw_line(area, line)?;
        }
        if let Some(bar) = &picture.bar {
            draw_bar(area, bar)?;
        }
        draw_legend(area, picture)?;
        area.present()
    };
    drawn().map_err(|error| CurveError::Draw(error.to_string()))
}

/// The library's table of fonts is empty.
fn load_font() -> Result<(), CurveError> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED
        .get_or_init(|| register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());
    if loaded {
        Ok(())
    } else {
        Err(CurveError::Draw("the built-in font is damaged".into()))
    }
}

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw_axes<B: DrawingBackend>(area: &Area<B>, picture: &Picture) -> Drawn<B> {
    let (left, right, upper, lower) = FRAME;
    for tick in &picture.x_ticks {
        let x = x_of(tick.place);
        stroke(area, &[(x, upper), (x, lower)], &GRID, 1)?;
        write(area, &tick.label, (x, lower + 8), 15, (HPos::Center, VPos::Top))?;
    }
    for tick in &picture.y_ticks {
        let y = y_of(tick.place);
        stroke(area, &[(left, y), (right, y)], &GRID, 1)?;
        write(area, &tick.label, (left - 8, y), 15, (HPos::Right, VPos::Center))?;
    }
    stroke(area, &[(left, upper), (left, lower), (right, lower)], &INK, 1)?;
    let middle = (left + right) / 2;
    write(area, &picture.title, (middle, 14), 20, (HPos::Center, VPos::Top))?;
    write(
        area,
        &picture.x_label,
        (middle, lower + 32),
        16,
        (HPos::Center, VPos::Top),
    )?;
    write(
        area,
        &picture.y_label,
        (left, upper - 8),
        16,
        (HPos::Center, VPos::Bottom),
    )
}

fn draw_line<B: DrawingBackend>(area: &Area<B>, line: &Line) -> Drawn<B> {
    let color = PALETTE[line.color % PALETTE.len()];
    let points: Vec<_> = line.points.iter().map(|&(x, y)| (x_of(x), y_of(y))).collect();
    if line.raw {
        return stroke(area, &points, &pale(color), 1);
    }
    stroke(area, &points, &color, 2)?;
    points
        .iter()
        .try_for_each(|&point| area.draw(&Circle::new(point, 3, color.filled())))
}

/// Mixed with white: transparency is rounded differently by viewers.
fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let mix = |part: u8| part / 2 + 127;
    RGBColor(mix(r), mix(g), mix(b))
}

fn draw_bar<B: DrawingBackend>(area: &Area<B>, bar: &Tick) -> Drawn<B> {
    let (left, right, ..) = FRAME;
    let y = y_of(bar.place);
    for x in (left..right).step_by(12) {
        stroke(area, &[(x, y), ((x + 6).min(right), y)], &INK, 1)?;
    }
    write(area, &bar.label, (right, y - 4), 15, (HPos::Right, VPos::Bottom))
}

fn draw_legend<B: DrawingBackend>(area: &Area<B>, picture: &Picture) -> Drawn<B> {
    let (_, right, upper, _) = FRAME;
    let named = picture
        .lines
        .iter()
        .filter_map(|line| Some((line.color, line.name.as_ref()?)));
    for (row, (color, name)) in named.enumerate() {
        let y = upper + 14 + 20 * row as i32;
        stroke(
            area,
            &[(right - 30, y), (right, y)],
            &PALETTE[color % PALETTE.len()],
            2,
        )?;
        write(area, name, (right - 38, y), 15, (HPos::Right, VPos::Center))?;
    }
    Ok(())
}

fn stroke<B: DrawingBackend>(
    area: &Area<B>,
    points: &[(i32, i32)],
    color: &RGBColor,
    width: u32,
) -> Drawn<B> {
    area.draw(&PathElement::new(points.to_vec(), color.stroke_width(width)))
}

fn write<B: DrawingBackend>(
    area: &Area<B>,
    text: &str,
    at: (i32, i32),
    size: i32,
    anchor: (HPos, VPos),
) -> Drawn<B> {
    let style = TextStyle::from((FONT, size).into_font())
        .color(&INK)
        .pos(Pos::new(anchor.0, anchor.1));
    area.draw_text(text, &style, at)
}

fn x_of(place: f64) -> i32 {
    let (left, right, ..) = FRAME;
    left + (place * f64::from(right - left)).round() as i32
}

fn y_of(place: f64) -> i32 {
    let (.., upper, lower) = FRAME;
    lower - (place * f64::from(lower - upper)).round() as i32
}

//! Items of a draw list: how the page hands them over and how the shader reads them.

/// Numbers of an item as the page hands it over, in this order: kind (0 line, 1 band, 2 mark), first point, count of
/// points, width in CSS pixels, `reach` (right of it the second colour holds), colour and second colour (red, green,
/// blue, alpha, 0 to 1 each), dash (on, off, on, off in CSS pixels).
pub const NUMBERS: usize = 17;

/// Bytes of an item in the shader's `Style`.
pub const STYLE_BYTES: usize = 80;

/// Where the picture lies.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// In CSS pixels.
    pub width: f32,
    /// In CSS pixels.
    pub height: f32,
    /// Device pixels in a CSS pixel.
    pub ratio: f32,
}

/// One draw call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    kind: u32,
    first: u32,
    count: u32,
    width: f32,
    reach: f32,
    color: [f32; 4],
    ahead: [f32; 4],
    dash: [f32; 4],
}

impl Item {
    /// Reads an item; `None` where it names points beyond `points` or is not whole.
    #[must_use]
    pub fn read(numbers: &[f32], points: u32) -> Option<Self> {
        let &[kind, first, count, width, reach, ref rest @ ..] = numbers else {
            return None;
        };
        let mut quads = rest
            .chunks_exact(4)
            .map(|quad| [quad[0], quad[1], quad[2], quad[3]]);
        let item = Self {
            kind: kind as u32,
            first: first as u32,
            count: count as u32,
            width,
            reach,
            color: premultiplied(quads.next()?),
            ahead: premultiplied(quads.next()?),
            dash: quads.next()?,
        };
        (item.first.checked_add(item.count)? <= points).then_some(item)
    }

    /// How often the shader's four corners are drawn: a line has a segment less than points.
    #[must_use]
    pub fn instances(&self) -> u32 {
        if self.kind == 0 {
            self.count.saturating_sub(1)
        } else {
            self.count
        }
    }

    /// The bytes of the shader's `Style`.
    #[must_use]
    pub fn style(&self, view: View) -> [u8; STYLE_BYTES] {
        let mut bytes = [0; STYLE_BYTES];
        let floats = self.color.into_iter().chain(self.ahead).chain(self.dash);
        let floats = floats
            .chain([view.width, view.height, self.width, self.reach])
            .map(f32::to_le_bytes);
        let tail = [
            self.kind.to_le_bytes(),
            self.first.to_le_bytes(),
            view.ratio.to_le_bytes(),
        ];
        for (place, word) in bytes.chunks_exact_mut(4).zip(floats.chain(tail)) {
            place.copy_from_slice(&word);
        }
        bytes
    }
}

fn premultiplied([red, green, blue, alpha]: [f32; 4]) -> [f32; 4] {
    [red * alpha, green * alpha, blue * alpha, alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of points 2, 3 and 4, half transparent red, grey ahead of x = 100.
    fn numbers() -> Vec<f32> {
        let mut numbers = vec![0.0, 2.0, 3.0, 1.5, 100.0];
        numbers.extend([1.0, 0.0, 0.0, 0.5]);
        numbers.extend([0.5, 0.5, 0.5, 1.0]);
        numbers.extend([6.0, 3.0, 0.0, 0.0]);
        numbers
    }

    #[test]
    fn an_item_is_read_whole_and_within_its_points() {
        assert_eq!(numbers().len(), NUMBERS);
        assert!(Item::read(&numbers(), 5).is_some());
        assert_eq!(Item::read(&numbers(), 4), None, "point 4 is not there");
        assert_eq!(Item::read(&numbers()[..16], 5), None);
        assert_eq!(Item::read(&[], 5), None);
    }

    #[test]
    fn counts_that_overflow_are_refused() {
        let mut numbers = numbers();
        numbers[1] = f32::MAX;
        numbers[2] = f32::MAX;
        assert_eq!(Item::read(&numbers, u32::MAX), None);
    }

    #[test]
    fn a_line_has_a_segment_less_than_points() {
        let mut numbers = numbers();
        assert_eq!(Item::read(&numbers, 5).unwrap().instances(), 2);
        numbers[0] = 1.0;
        assert_eq!(Item::read(&numbers, 5).unwrap().instances(), 3);
    }

    #[test]
    fn the_style_is_laid_out_as_the_shader_reads_it() {
        let view = View {
            width: 640.0,
            height: 360.0,
            ratio: 2.0,
        };
        let bytes = Item::read(&numbers(), 5).unwrap().style(view);
        let float = |index: usize| f32::from_le_bytes(bytes[4 * index..4 * index + 4].try_into().unwrap());
        assert_eq!([float(0), float(3)], [0.5, 0.5], "the colour is premultiplied");
        assert_eq!([float(8), float(12), float(13)], [6.0, 640.0, 360.0]);
        assert_eq!([float(14), float(15), float(18)], [1.5, 100.0, 2.0]);
        assert_eq!(bytes[68..72], 2u32.to_le_bytes(), "`first` follows `kind`");
    }
}

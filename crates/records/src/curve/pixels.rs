//! The pixels of a PNG: another version of the encoder packs the same picture otherwise.

use png::{BitDepth, ColorType, Decoder};

use super::draw::SIZE;

/// The pixels of a picture as this build draws them, RGB row by row; `None` for a file that is none of that kind and size.
/// Of other sizes nothing is unpacked: a few bytes can unfold to gigabytes.
#[must_use]
pub fn pixels(file: &[u8]) -> Option<Vec<u8>> {
    if !is_plain(file) {
        return None;
    }
    let mut reader = Decoder::new(file).read_info().ok()?;
    let info = reader.info();
    let kind = (info.color_type, info.bit_depth, info.interlaced);
    if (info.width, info.height) != SIZE || kind != (ColorType::Rgb, BitDepth::Eight, false) {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut pixels).ok()?;
    Some(pixels)
}

/// Whether a file has the parts of a plain picture alone: by others a browser shows it in other colours, or as a film.
fn is_plain(file: &[u8]) -> bool {
    const PARTS: [&[u8; 4]; 3] = [b"IHDR", b"IDAT", b"IEND"];
    let Some(mut rest) = file.strip_prefix(b"\x89PNG\r\n\x1a\n") else {
        return false;
    };
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, kind @ ..] = head;
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        // Its sum is behind it.
        match behind.get(length.saturating_add(4)..) {
            Some(next) if PARTS.contains(&kind) => rest = next,
            _ => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // helpers of tests, where a panic is the answer
mod tests {
    use png::{Compression, Encoder};

    use super::*;
    use crate::curve::{loss_curve, png};
    use crate::testing::{categories, claim_runs};

    fn encoded(pixels: &[u8], width: u32, packed: Compression) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, SIZE.1);
        encoder.set_color(ColorType::Rgb);
        encoder.set_compression(packed);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn a_picture_that_is_packed_otherwise_has_the_same_pixels() {
        let drawn = png(&loss_curve("Muon", &categories().list[0], &claim_runs())).unwrap();
        let expected = pixels(&drawn).unwrap();
        let other = encoded(&expected, SIZE.0, Compression::Best);
        assert_ne!(other, drawn);
        assert_eq!(pixels(&other).as_ref(), Some(&expected));
        let mut changed = expected.clone();
        changed[12_345] ^= 1;
        let changed = pixels(&encoded(&changed, SIZE.0, Compression::Fast));
        assert!(changed.is_some_and(|changed| changed != expected));
    }

    #[test]
    fn what_is_no_plain_picture_of_the_size_has_none() {
        let drawn = png(&loss_curve("Muon", &categories().list[0], &claim_runs())).unwrap();
        assert_eq!(pixels(&drawn[..drawn.len() - 20]), None);
        assert_eq!(pixels(&[&drawn[..], b"more"].concat()), None);
        let half = vec![0; 3 * (SIZE.0 * SIZE.1 / 2) as usize];
        assert_eq!(pixels(&encoded(&half, SIZE.0 / 2, Compression::Fast)), None);
        // A gamma by which all of it is black, behind the head of 33 bytes.
        let gamma = b"\0\0\0\x04gAMA\0\0\0\x01\0\0\0\0";
        assert_eq!(pixels(&[&drawn[..33], gamma, &drawn[33..]].concat()), None);
    }
}

//! The checksum of TFRecord files: CRC-32C (Castagnoli), masked.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0x82f6_3b78
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

/// CRC-32C, rotated and offset, since a checksum over bytes that hold their own checksum is weak.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    let sum = !bytes.iter().fold(!0u32, |sum, &byte| {
        (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)]
    });
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches_the_published_check_value() {
        // CRC-32C of "123456789" is 0xe3069283.
        let expected = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(super::masked(b"123456789"), expected);
    }
}

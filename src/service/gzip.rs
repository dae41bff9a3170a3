//! Gzip: a container for text that is not compressed, which every reader of gzip accepts.

/// Returns a gzip member (RFC 1952) with one stored block (RFC 1951) for each 64 KiB.
pub(crate) fn stored(data: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, no hint, an unknown operating system.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut chunks = data.chunks(usize::from(u16::MAX)).peekable();
    // Without any data there is no chunk, but the format needs a last block.
    if chunks.peek().is_none() {
        store(&mut gzip, &[], true);
    }
    while let Some(chunk) = chunks.next() {
        store(&mut gzip, chunk, chunks.peek().is_none());
    }
    gzip.extend_from_slice(&crc32(data).to_le_bytes());
    // The format keeps the length modulo 2^32.
    let length = u32::try_from(data.len() & 0xffff_ffff).unwrap_or_default();
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip
}

fn store(gzip: &mut Vec<u8>, chunk: &[u8], is_last: bool) {
    // The chunks are as long as the length can say, so the default is never used.
    let length = u16::try_from(chunk.len()).unwrap_or_default();
    gzip.push(u8::from(is_last));
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip.extend_from_slice(&(!length).to_le_bytes());
    gzip.extend_from_slice(chunk);
}

/// Returns the checksum of ISO 3309, bit by bit: chat logs of tests are short.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn blocks_have_at_most_64_kib() {
        let gzip = stored(&[b'a'; 65_536]);
        assert_eq!(gzip.len(), 10 + (5 + 65_535) + (5 + 1) + 8);
        assert_eq!(stored(b"").len(), 10 + 5 + 8);
        assert_eq!(&stored(b"hi")[10..17], [1, 2, 0, 0xfd, 0xff, b'h', b'i']);
        assert_eq!(stored(b"123456789")[24..], [0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0]);
    }
}

//! The first layer (RFC 4418 §5.2): chunks of a message to 64 bits each.

/// Most bytes that are hashed to one value.
pub(super) const CHUNK_LEN: usize = 1024;
/// Words of key that a whole chunk meets.
pub(super) const CHUNK_WORDS: usize = CHUNK_LEN / 4;
/// Bytes that are hashed at a time; what is left at a chunk's end is filled up with zeros.
const BLOCK_LEN: usize = 32;
/// Words of a block.
const BLOCK_WORDS: usize = BLOCK_LEN / 4;

/// The value of `chunk`, of at most 1024 bytes, under the words of `key` from its first one on.
pub(super) fn hash(key: &[u32], chunk: &[u8]) -> u64 {
    let (blocks, rest) = chunk.as_chunks();
    let mut sum = nh(key, blocks);
    // An empty chunk is a block of zeros.
    if !rest.is_empty() || blocks.is_empty() {
        let mut last = [0; BLOCK_LEN];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let key = key.get(blocks.len().saturating_mul(BLOCK_WORDS)..).unwrap_or_default();
        sum = sum.wrapping_add(nh(key, &[last]));
    }
    let bits = u64::try_from(chunk.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    sum.wrapping_add(bits)
}

/// NH (RFC 4418 §5.2.2). Of each block, word i and word i + 4 are multiplied after words of the key were added. There
/// are four sums, so that no product waits for the one before: this loop is all that a long packet costs.
fn nh(key: &[u32], blocks: &[[u8; BLOCK_LEN]]) -> u64 {
    let mut sums = [0_u64; 4];
    for (block, key) in blocks.iter().zip(key.as_chunks::<BLOCK_WORDS>().0) {
        let (low, high) = block.as_chunks::<4>().0.split_at(4);
        let (low_key, high_key) = key.split_at(4);
        let pairs = low.iter().zip(low_key).zip(high.iter().zip(high_key));
        for (sum, ((low, low_key), (high, high_key))) in sums.iter_mut().zip(pairs) {
            let low = u32::from_le_bytes(*low).wrapping_add(*low_key);
            let high = u32::from_le_bytes(*high).wrapping_add(*high_key);
            *sum = sum.wrapping_add(u64::from(low).wrapping_mul(u64::from(high)));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

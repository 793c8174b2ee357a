// @ts-check
// A zstd frame of blocks that hold their bytes as they are: packed as far as a reader of the format can tell.

const MAGIC = 0xfd2fb528;
const BLOCK_BYTES = 2 ** 17;

/** @param {string} text */
export function zstd(text) {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(9);
  head.writeUInt32LE(MAGIC, 0);
  // One segment, whose length stands in four bytes.
  head.writeUInt8(0b1010_0000, 4);
  head.writeUInt32LE(bytes.length, 5);
  const parts = [head];
  for (let at = 0; at === 0 || at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    const about = Buffer.alloc(3);
    about.writeUIntLE((block.length << 3) | (at + BLOCK_BYTES >= bytes.length ? 1 : 0), 0, 3);
    parts.push(about, block);
  }
  return Buffer.concat(parts);
}

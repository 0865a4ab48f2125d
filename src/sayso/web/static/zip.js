/**
 * Files as one zip archive, stored as they are: recordings hardly shrink.
 */

/** CRC-32 of each byte. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const VERSION = 20;
const UTF8_NAMES = 0x0800;
const FIRST_DAY = 0x21; // 1980-01-01, as archives count: when something was recorded stays private

/**
 * @param {{ name: string, bytes: Uint8Array<ArrayBuffer> }[]} files names with `/` between folders
 * @returns {Blob}
 */
export function makeZip(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let offset = 0;
  let directoryBytes = 0;
  for (const { name, bytes } of files) {
    const encodedName = new TextEncoder().encode(name);
    const common = [VERSION, UTF8_NAMES, 0, 0, FIRST_DAY];
    const sizes = [checksum(bytes), bytes.length, bytes.length];
    const local = record(0x04034b50, [...common], sizes, [encodedName.length, 0]);
    const central = record(0x02014b50, [VERSION, ...common], sizes, [encodedName.length, 0, 0, 0, 0], [0, offset]);
    parts.push(local, encodedName, bytes);
    directory.push(central, encodedName);
    offset += local.length + encodedName.length + bytes.length;
    directoryBytes += central.length + encodedName.length;
  }
  const count = files.length;
  const end = record(0x06054b50, [0, 0, count, count], [directoryBytes, offset], [0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/**
 * Numbers, little-endian: a signature of 4 bytes, then groups of 2 and 4 bytes in turn.
 *
 * @param {number} signature
 * @param {number[][]} groups
 */
function record(signature, ...groups) {
  const bytes = [[signature, 4], ...groups.flatMap((group, i) => group.map((value) => [value, i % 2 === 0 ? 2 : 4]))];
  const view = new DataView(new ArrayBuffer(bytes.reduce((sum, [, width]) => sum + width, 0)));
  let at = 0;
  for (const [value, width] of bytes) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return new Uint8Array(view.buffer);
}

/** @param {Uint8Array} bytes @returns {number} CRC-32 */
function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

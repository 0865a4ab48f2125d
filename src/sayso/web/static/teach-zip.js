/**
 * A zip of a folder of words, read: `<word>/<recording>`, in whatever folders around. The names are never paths.
 */

const MOST_FILES = 2000;
const MOST_FILE_BYTES = 16 * 2 ** 20; // of one recording, unpacked
const MOST_BYTES = 128 * 2 ** 20; // of all of them
const [END, ENTRY] = [0x06054b50, 0x02014b50];
const [STORED, DEFLATED] = [0, 8];

/** `zip`: no zip that can be read; `large`: it unpacks to too much.
 * @typedef {"zip" | "large"} ZipReason */

export class ZipError extends Error {
  /** @param {ZipReason} reason */
  constructor(reason) {
    super(`zip: ${reason}`);
    this.reason = reason;
  }
}

/**
 * @param {Blob} file
 * @returns {Promise<{ word: string, bytes: Uint8Array<ArrayBuffer> }[]>} recordings; hidden and special names left out
 * @throws {ZipError}
 */
export async function readWordsZip(file) {
  if (file.size > MOST_BYTES) throw new ZipError("large");
  const content = await file.arrayBuffer();
  try {
    return await readEntries(content);
  } catch (error) {
    if (error instanceof ZipError) throw error;
    throw new ZipError("zip"); // cut off, or no zip at all
  }
}

/** @param {ArrayBuffer} content */
async function readEntries(content) {
  const view = new DataView(content);
  let end = view.byteLength - 22;
  while (view.getUint32(end, true) !== END) end -= 1; // before it, a comment may stand
  const count = view.getUint16(end + 10, true);
  if (count > MOST_FILES) throw new ZipError("large");
  const found = [];
  let left = MOST_BYTES;
  let at = view.getUint32(end + 16, true);
  for (let index = 0; index < count; index += 1) {
    if (view.getUint32(at, true) !== ENTRY) throw new ZipError("zip");
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const packed = view.getUint32(at + 20, true);
    const [nameBytes, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const local = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(new Uint8Array(content, at + 46, nameBytes));
    at += 46 + nameBytes + extra + comment;
    const [word, recording] = name.replaceAll("\\", "/").split("/").slice(-2);
    if (!recording || /^[._]/.test(recording) || /^[._]/.test(word)) continue;
    if (flags & 1 || ![STORED, DEFLATED].includes(method)) throw new ZipError("zip");
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const bytes = new Uint8Array(content, start, packed);
    const unpacked = method === STORED ? bytes.slice() : await inflate(bytes, Math.min(left, MOST_FILE_BYTES));
    left -= unpacked.length;
    if (left < 0 || unpacked.length > MOST_FILE_BYTES) throw new ZipError("large");
    found.push({ word, bytes: unpacked });
  }
  return found;
}

/** What an entry claims of its size is not believed. @param {Uint8Array<ArrayBuffer>} bytes @param {number} most */
async function inflate(bytes, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let size = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.length;
    if (size > most) {
      void reader.cancel();
      throw new ZipError("large");
    }
    parts.push(/** @type {Uint8Array<ArrayBuffer>} */ (step.value));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

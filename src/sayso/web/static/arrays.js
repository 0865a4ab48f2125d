/**
 * Arrays of numbers.
 */

/**
 * One after another in one.
 *
 * @template {Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>} T
 * @param {new (length: number) => T} Kind
 * @param {(Float32Array | Uint8Array)[]} parts
 * @returns {T}
 */
export function concatenated(Kind, parts) {
  const result = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

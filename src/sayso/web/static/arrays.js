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

/**
 * Exactly so long: in the middle of zeros, or the stretch with the most energy; as `audio.fit_window`.
 *
 * @param {Float32Array} samples
 * @param {number} length
 */
export function fitWindow(samples, length) {
  const window = new Float32Array(length);
  if (samples.length <= length) {
    window.set(samples, Math.floor((length - samples.length) / 2));
    return window;
  }
  let energy = 0;
  let [best, start] = [-1, 0];
  for (let at = 0; at < samples.length; at++) {
    energy += samples[at] ** 2;
    if (at >= length) energy -= samples[at - length] ** 2;
    if (at >= length - 1 && energy > best + 1e-12) [best, start] = [energy, at - length + 1];
  }
  window.set(samples.subarray(start, start + length));
  return window;
}

/**
 * Lessons as files: a zip of recordings, out and in.
 */

import { readSpeaker } from "./choices.js";
import { decode } from "./decode.js";
import { faultOf, findWord } from "./teach-sound.js";
import { readWordsZip } from "./teach-zip.js";
import { encodeWav } from "./wav.js";
import { makeZip } from "./zip.js";

/** @typedef {import("./teach-store.js").Take} Take */

const LONGEST_S = 10; // of an imported recording: beyond, it is no recording of a word

/** The recordings in the field's layout. @param {Take[]} takes @param {number} rate in hertz @returns {Blob} */
export function zipOf(takes, rate) {
  const speaker = readSpeaker();
  /** @type {Map<string, number>} */
  const counts = new Map();
  const files = takes.map(({ word, samples }) => {
    const number = counts.get(word) ?? 0;
    counts.set(word, number + 1);
    const bytes = new Uint8Array(encodeWav(Float32Array.from(samples), rate));
    return { name: `${word}/${speaker}_nohash_${number}.wav`, bytes };
  });
  return makeZip(files);
}

/** @param {Blob} content @param {string} name */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * The recordings of a zip, each cut to its word; null where one cannot be used.
 *
 * @param {Blob} file @param {number} rate in hertz @param {number} length of a window, in samples
 * @throws {import("./teach-zip.js").ZipError}
 */
export async function* takesOf(file, rate, length) {
  for (const { word, bytes } of await readWordsZip(file)) {
    const samples = await decode(new Blob([bytes]), rate);
    const isUsable = samples !== null && samples.length > 0 && samples.length <= LONGEST_S * rate;
    yield { word, ...(isUsable ? cut(samples, rate, length) : { samples: null, fault: null }) };
  }
}

/**
 * The word in a recording, and what is to be told of it.
 *
 * @param {Float32Array} samples @param {number} rate @param {number} length
 * @returns {{ samples: Float32Array | null, fault: Take["fault"] }} no samples where it is silent
 */
export function cut(samples, rate, length) {
  const fault = faultOf(samples, rate);
  if (fault === "silent") return { samples: null, fault: null };
  return { samples: findWord(samples, rate, length), fault };
}

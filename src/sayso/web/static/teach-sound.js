/**
 * The word found in a recording, and how else it might have sounded: the same as `teaching/recordings.py`.
 */

import { fitWindow } from "./arrays.js";
import { VARIANTS } from "./teaching.js";

const FRAME_SECONDS = 0.02;
const QUIET_DB = 35;
const GAP_SECONDS = 0.25;
const WORD_SECONDS = 1.2;
const FAINT_PEAK = 0.003;
const CLIPPED = 0.998;
const CLIPPED_SHARE = 0.005;

/** What is wrong with a recording: `silent` cannot be used, `clipped` and `long` can.
 * @param {Float32Array} samples @param {number} rate @returns {"silent" | "clipped" | "long" | null} */
export function faultOf(samples, rate) {
  const peak = samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0);
  if (peak < FAINT_PEAK) return "silent";
  const clipped = samples.reduce((count, sample) => count + Number(Math.abs(sample) >= CLIPPED), 0);
  if (clipped / samples.length > CLIPPED_SHARE) return "clipped";
  const [start, end] = loudSpans(samples, rate)[0];
  return end - start > WORD_SECONDS * rate ? "long" : null;
}

/** The window in which a word is said. @param {Float32Array} samples @param {number} rate @param {number} length */
export function findWord(samples, rate, length) {
  const [start, end] = loudSpans(samples, rate)[0];
  if (samples.length <= length) return fitWindow(samples, length);
  if (end - start > length) return fitWindow(samples.subarray(start, end), length);
  const first = Math.min(Math.max(Math.floor((start + end - length) / 2), 0), samples.length - length);
  return samples.slice(first, first + length);
}

/** Where something is said: start and end in samples, the stretch with most energy first. @param {Float32Array} samples @param {number} rate */
export function loudSpans(samples, rate) {
  const frame = Math.round(FRAME_SECONDS * rate);
  const count = Math.max(1, Math.floor(samples.length / frame));
  const energy = Float64Array.from({ length: count }, (_, index) => {
    let sum = 0;
    for (let at = index * frame; at < (index + 1) * frame; at++) sum += samples[at % samples.length] ** 2;
    return sum / frame + 1e-12;
  });
  const highest = Math.max(...energy);
  const floor = energy.toSorted()[Math.floor(count / 10)];
  const least = Math.max(highest * 10 ** (-QUIET_DB / 10), Math.min(4 * floor, highest / 4));
  /** @type {number[][]} */
  const groups = [];
  energy.forEach((value, index) => {
    if (value < least) return;
    const last = groups.at(-1);
    if (last && index - last[last.length - 1] <= GAP_SECONDS / FRAME_SECONDS) last.push(index);
    else groups.push([index]);
  });
  const sums = new Map(groups.map((group) => [group, group.reduce((sum, index) => sum + energy[index], 0)]));
  groups.sort((first, second) => (sums.get(second) ?? 0) - (sums.get(first) ?? 0));
  return groups.map((group) => [group[0] * frame, (group[group.length - 1] + 1) * frame]);
}

/** How else a window might have sounded, itself first. @param {Float32Array} samples @param {number} rate */
export function vary(samples, rate) {
  const noise = makeNoise(samples.length);
  const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
  return VARIANTS.map(([shiftMs, gainDb, snrDb]) => {
    const shift = Math.floor((shiftMs * rate) / 1000);
    const gain = 10 ** (gainDb / 20);
    const factor = snrDb === null ? 0 : level * 10 ** (-snrDb / 20);
    return Float32Array.from(samples, (_, index) => {
      const moved = samples[index - shift] ?? 0;
      return Math.min(1, Math.max(-1, (moved + noise[index] * factor) * gain));
    });
  });
}

/** White noise of power one, the same everywhere: each sample is a hash of its number. @param {number} length */
function makeNoise(length) {
  return Float64Array.from({ length }, (_, index) => {
    let mixed = index;
    for (const [factor, shift] of [[0x9e3779b1, 16], [0x85ebca6b, 13], [0xc2b2ae35, 16]]) {
      mixed = Math.imul(mixed, factor);
      mixed ^= mixed >>> shift;
    }
    return ((mixed >>> 0) / 2 ** 31 - 1) * Math.sqrt(3);
  });
}

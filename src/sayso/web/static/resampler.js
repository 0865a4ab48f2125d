/**
 * A stream of samples at another rate: a windowed sinc, which lets no echo of what cannot be kept through.
 *
 * Only for browsers that give the microphone at its own rate alone; the others resample by themselves.
 */

import { concatenated } from "./arrays.js";

const ZERO_CROSSINGS = 16; // of the sinc on each side: more is sharper and slower
const PASSED = 0.92; // of the band that the slower rate can hold

export class Resampler {
  /** @param {number} from hertz @param {number} to hertz */
  constructor(from, to) {
    this.step = from / to; // input samples for each output sample
    this.cutoff = (PASSED * Math.min(1, to / from)) / 2; // in cycles per input sample
    this.reach = Math.ceil(ZERO_CROSSINGS / (2 * this.cutoff));
    this.buffer = new Float32Array(this.reach); // silence before the stream
    this.at = this.reach; // of the next output sample, in the buffer
  }

  /** @param {Float32Array} samples @returns {Float32Array} all that can be told by now */
  feed(samples) {
    const joined = concatenated(Float32Array, [this.buffer, samples]);
    const result = [];
    for (; this.at + this.reach < joined.length; this.at += this.step) result.push(this.#sample(joined, this.at));
    const done = Math.min(joined.length, Math.max(0, Math.floor(this.at) - this.reach));
    this.buffer = joined.slice(done);
    this.at -= done;
    return Float32Array.from(result);
  }

  /** @param {Float32Array} samples @param {number} at */
  #sample(samples, at) {
    let sum = 0;
    const first = Math.max(0, Math.ceil(at - this.reach));
    const last = Math.min(samples.length - 1, Math.floor(at + this.reach));
    for (let i = first; i <= last; i += 1) {
      const x = 2 * this.cutoff * (i - at);
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      sum += samples[i] * sinc * Math.cos((Math.PI * (i - at)) / (2 * this.reach + 2)) ** 2;
    }
    return 2 * this.cutoff * sum;
  }
}

/** A whole recording at another rate. @param {Float32Array} samples @param {number} from @param {number} to */
export function resample(samples, from, to) {
  if (from === to) return samples;
  const resampler = new Resampler(from, to);
  const ending = new Float32Array(resampler.reach + 1);
  return concatenated(Float32Array, [resampler.feed(samples), resampler.feed(ending)]);
}

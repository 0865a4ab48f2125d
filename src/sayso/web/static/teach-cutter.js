/**
 * Words out of a stream of sound, one after another, where each is followed by a moment of quiet.
 */

import { concatenated } from "./arrays.js";

const FRAME_S = 0.02;
const BEFORE_S = 0.3; // kept from before it grew loud: words begin softly
const QUIET_S = 0.4; // ends a word
const SHORTEST_S = 0.08; // of loud sound: less is a click
const LONGEST_S = 2.5; // beyond it, nobody says one word
const LEAST_POWER = 2e-5; // -47 dB of full scale
const ABOVE_FLOOR = 10; // 10 dB
const FLOOR_RISES = 1.02; // a frame: a new noise is known for one within seconds

export class Cutter {
  #frame;
  /** @type {number[]} samples not yet in a frame */
  #rest = [];
  /** @type {Float32Array[]} */
  #frames = [];
  #floor = 1e-6;
  #loud = 0; // frames, of the word being said
  #quiet = 0; // frames since it was last loud
  #isTalking = false;
  #isLong = false;

  /** @param {number} rate of the samples fed, in hertz */
  constructor(rate) {
    this.#frame = Math.round(FRAME_S * rate);
  }

  /**
   * Take what came next.
   *
   * @param {Float32Array} block
   * @returns {(Float32Array | "long")[]} the words that ended, with a moment before and after; `long` for talk
   */
  feed(block) {
    /** @type {(Float32Array | "long")[]} */
    const found = [];
    this.#rest.push(...block);
    while (this.#rest.length >= this.#frame) {
      const word = this.#take(Float32Array.from(this.#rest.splice(0, this.#frame)));
      if (word) found.push(word);
    }
    return found;
  }

  /** @param {Float32Array} frame @returns {Float32Array | "long" | null} */
  #take(frame) {
    const power = frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length;
    const isLoud = power > Math.max(LEAST_POWER, ABOVE_FLOOR * this.#floor);
    this.#floor = Math.min(Math.max(power, 1e-9), this.#floor * FLOOR_RISES);
    this.#frames.push(frame);
    if (isLoud) {
      this.#isTalking = true;
      this.#loud += 1;
      this.#quiet = 0;
    } else this.#quiet += 1;
    const most = this.#isTalking ? BEFORE_S + LONGEST_S + QUIET_S : BEFORE_S;
    const isLong = this.#isTalking && this.#frames.length > most / FRAME_S;
    if (this.#frames.length > most / FRAME_S) this.#frames.shift();
    if (!this.#isTalking || this.#quiet < QUIET_S / FRAME_S) {
      this.#isLong ||= isLong;
      return null;
    }
    const word = this.#loud * FRAME_S >= SHORTEST_S ? concatenated(Float32Array, this.#frames) : null;
    const found = this.#isLong ? "long" : word;
    this.#frames = this.#frames.slice(-BEFORE_S / FRAME_S);
    this.#isTalking = false;
    this.#isLong = false;
    this.#loud = 0;
    return found;
  }
}

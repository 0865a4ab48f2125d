/**
 * Whether the sound is too quiet or too loud to be heard well.
 */

const TOO_LOUD = 0.99; // of full scale: beyond it the sound is cut off
const TOO_QUIET_DBFS = -45; // of the loudest block: speech at arm's length is some 20 dB louder
const LOUD_SHOWN_S = 1.5;
const QUIET_AFTER_S = 4;

/** @typedef {"loud" | "quiet" | "right"} Verdict */

export class Loudness {
  #seconds = 0;
  #clipped = -Infinity; // seconds at which it was last too loud
  #heard = 0; // seconds at which something was last heard

  /** @param {Float32Array} block @param {number} sampleRate @returns {Verdict} */
  judge(block, sampleRate) {
    this.#seconds += block.length / sampleRate;
    let power = 0;
    for (const sample of block) {
      power += sample * sample;
      if (Math.abs(sample) >= TOO_LOUD) this.#clipped = this.#seconds;
    }
    if (10 * Math.log10(power / block.length + Number.MIN_VALUE) > TOO_QUIET_DBFS) this.#heard = this.#seconds;
    if (this.#seconds - this.#clipped < LOUD_SHOWN_S) return "loud";
    return this.#seconds - this.#heard > QUIET_AFTER_S ? "quiet" : "right";
  }
}

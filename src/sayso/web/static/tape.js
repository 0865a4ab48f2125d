/**
 * The last moments of a stream, so that a word can be cut out once it is known to have been one.
 */

const KEPT_S = 15;

export class Tape {
  /** @type {Float32Array[]} */
  #blocks = [];
  #end = 0; // samples since the stream began
  #start = 0; // the oldest sample that is kept

  /** @param {number} sampleRate hertz */
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
  }

  /** @param {Float32Array} block */
  append(block) {
    this.#blocks.push(block);
    this.#end += block.length;
    while (this.#end - this.#start - this.#blocks[0].length >= KEPT_S * this.sampleRate) {
      this.#start += this.#blocks[0].length;
      this.#blocks.shift();
    }
  }

  /**
   * The stretch of a given length about the middle of a word.
   *
   * @param {{ start_s: number, end_s: number }} word
   * @param {number} seconds
   * @returns {Float32Array<ArrayBuffer>} less where the stream has only just begun
   */
  cut({ start_s, end_s }, seconds) {
    const length = Math.round(seconds * this.sampleRate);
    const middle = Math.round(((start_s + end_s) / 2) * this.sampleRate);
    const until = Math.min(this.#end, middle + Math.ceil(length / 2));
    const from = Math.max(this.#start, until - length);
    const result = new Float32Array(Math.max(0, until - from));
    let at = this.#start;
    for (const block of this.#blocks) {
      const begin = Math.max(0, from - at);
      const piece = block.subarray(begin, Math.max(begin, until - at));
      if (piece.length > 0) result.set(piece, at + begin - from);
      at += block.length;
    }
    return result;
  }
}

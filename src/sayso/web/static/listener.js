/**
 * A stream of samples -> the words in it, each with its time.
 *
 * The same as `listener.py`: windows lie on the stream's own clock, so that the sizes of the chunks it is fed
 * never matter, and memory does not grow. It knows no model: it is given `score`.
 */

import { Decider, SETTINGS, indexOfLargest, roundHalfEven } from "./decision.js";

const BATCH_HOPS = 32; // windows scored at once, at most, when much sound comes at once
const FLOOR = 1e-5; // level taken for digital silence: -100 dB

/** @typedef {import("./decision.js").ListenerSettings} ListenerSettings */
/** @typedef {import("./decision.js").Decision} Decision */
/** A word, the stretch of the stream in which it was heard, and the averaged probability of every label; `accepted` is
 * false only with the setting `unsure`.
 * @typedef {{ word: string, confidence: number, start_s: number, end_s: number, averages: number[], accepted: boolean }}
 *   Detection */
/** Turns windows, one after another, into a row of probabilities for each.
 * @typedef {(windows: Float32Array, count: number) => ArrayLike<number>[] | Promise<ArrayLike<number>[]>} Score */

/** Finds words in a stream of any length. */
export class Listener {
  /** @type {Promise<unknown>} chunks are heard one after another */
  #turn = Promise.resolve();
  buffer = new Float32Array();
  filled = 0;
  clock = 0; // samples before the end of the latest window
  /** @type {number[]} of the latest hops */
  levels = [];

  /**
   * @param {Score} score
   * @param {string[]} labels
   * @param {{ sampleRate: number, windowSamples: number, settings?: Partial<ListenerSettings> }} stream
   */
  constructor(score, labels, { sampleRate, windowSamples, settings = {} }) {
    this.settings = { ...SETTINGS, ...settings };
    this.score = score;
    this.labels = labels;
    this.sampleRate = sampleRate;
    this.window = windowSamples;
    this.hop = roundHalfEven(this.settings.hop_seconds * sampleRate);
    this.gate = 10 ** (this.settings.gate_dbfs / 20); // as an amplitude
    this.contrast = 10 ** (this.settings.contrast_db / 20);
    this.frames = Math.ceil(windowSamples / this.hop); // hops that touch a window
    this.decider = new Decider(labels, this.settings);
    this.edge = roundHalfEven(this.settings.edge_seconds / this.settings.hop_seconds);
    this.#restart();
  }

  /**
   * Listen to what came next.
   *
   * @param {Float32Array} samples in [-1, 1], any number
   * @returns {Promise<Detection[]>} the words decided for meanwhile
   */
  feed(samples) {
    const result = this.#turn.then(() => this.#feed(samples));
    this.#turn = result.catch(() => {});
    return result;
  }

  /** End the stream as if half a window of silence followed; the next feed begins a new stream. */
  async finish() {
    const detections = await this.feed(new Float32Array(Math.floor(this.window / 2) + this.hop));
    this.#restart();
    return detections;
  }

  #restart() {
    // The stream is taken to begin in silence, so that the first window ends with the first hop.
    this.buffer = new Float32Array(this.window + (BATCH_HOPS - 1) * this.hop);
    this.filled = this.window - this.hop;
    this.clock = 0;
    this.decider = new Decider(this.labels, this.settings);
    this.levels = Array(this.frames - 1 + this.decider.smoothingHops).fill(0);
  }

  /** @param {Float32Array} samples */
  async #feed(samples) {
    const detections = [];
    let rest = samples;
    while (rest.length > 0) {
      const taken = rest.subarray(0, this.buffer.length - this.filled);
      this.buffer.set(taken, this.filled);
      this.filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.filled >= this.window) detections.push(...(await this.#advance()));
    }
    return detections;
  }

  /** Score all windows that are complete, and drop what no later window needs. */
  async #advance() {
    const { hop, window, frames } = this;
    const count = Math.floor((this.filled - window) / hop) + 1;
    const starts = Array.from({ length: count }, (_, index) => index * hop);
    const latest = starts.map((start) => deviation(this.buffer.subarray(start + window - hop, start + window)));
    const levels = [...this.levels, ...latest];
    const isOpen = starts.map((_, index) => {
      const end = levels.length - count + index + 1;
      const ofWindow = levels.slice(end - frames, end);
      const loudest = indexOfLargest(ofWindow);
      const quietest = frames > 1 ? Math.min(...ofWindow) : 0; // of one hop alone nothing stands out
      const isSound = ofWindow[loudest] >= this.gate && ofWindow[loudest] >= this.contrast * quietest;
      return isSound && loudest >= this.edge && loudest < frames - this.edge;
    });
    const open = starts.filter((_, index) => isOpen[index]);
    const windows = new Float32Array(open.length * window);
    open.forEach((start, i) => windows.set(this.buffer.subarray(start, start + window), i * window));
    const scores = open.length > 0 ? [...(await this.score(windows, open.length))] : [];
    const detections = [];
    for (let index = 0; index < count; index += 1) {
      this.clock += hop;
      const scored = isOpen[index] ? (scores.shift() ?? null) : null;
      const decision = this.decider.step(scored);
      if (decision) {
        const until = levels.length - count + index + 1 - decision.hopsAgo;
        detections.push(this.#locate(decision, levels.slice(until - frames, until)));
      }
    }
    this.levels = levels.slice(count);
    this.buffer.copyWithin(0, count * hop, this.filled);
    this.filled -= count * hop;
    return detections;
  }

  /**
   * Find the word in the window that is surest of it: the hops about the loudest one.
   *
   * @param {Decision} decision says which window
   * @param {number[]} ofWindow levels of the hops that touch the window
   * @returns {Detection}
   */
  #locate(decision, ofWindow) {
    const levels = ofWindow.map((level) => Math.max(level, FLOOR));
    const loudest = indexOfLargest(levels);
    const quiet = Math.sqrt(Math.min(...levels) * levels[loudest]); // half way, in decibels
    let first = loudest;
    let last = loudest;
    while (first > 0 && levels[first - 1] >= quiet) first -= 1;
    while (last < levels.length - 1 && levels[last + 1] >= quiet) last += 1;
    const windowEnd = this.clock - decision.hopsAgo * this.hop;
    const start = windowEnd - (levels.length - first) * this.hop;
    const end = windowEnd - (levels.length - 1 - last) * this.hop;
    return {
      word: this.labels[decision.label],
      confidence: decision.confidence,
      start_s: Math.max(start, windowEnd - this.window, 0) / this.sampleRate,
      end_s: end / this.sampleRate,
      averages: decision.averages,
      accepted: decision.accepted,
    };
  }
}

/** How far samples swing: a constant offset is no sound. @param {Float32Array} samples */
function deviation(samples) {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  return Math.sqrt(samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / samples.length);
}

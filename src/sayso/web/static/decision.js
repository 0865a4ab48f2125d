/**
 * From a probability for each label at each hop to: now a word was said.
 *
 * The same as `decision.py`, line by line; the tests hold both to the same sequences.
 */

import { REJECTIONS } from "./card.js";

const ROUNDING = 1e-6; // of a sum of probabilities, so that a presence of 1 can be reached

/** How eagerly a listener reports words; `decision.py` says what each does. */
export const SETTINGS = {
  hop_seconds: 0.1,
  smoothing_seconds: 0.3,
  /** @type {string[] | null} */
  words: null,
  threshold: 0.5,
  /** @type {Record<string, number>} */
  word_thresholds: {},
  presence_threshold: 0.95,
  release_ratio: 0.5,
  release_seconds: 0.3,
  suppression_seconds: 0.5,
  minimum_count: 2,
  gate_dbfs: -60,
  edge_seconds: 0.2,
};

/** @typedef {typeof SETTINGS} ListenerSettings */
/** A word, decided at some hop: its label, averaged probability, how many hops ago it was surest, and all averages.
 * @typedef {{ label: number, confidence: number, hopsAgo: number, averages: number[] }} Decision */

/** Decides at each hop whether a word was said; remembers as much as it averages. */
export class Decider {
  #hops;
  #silentHops;

  /** @param {string[]} labels @param {ListenerSettings} settings */
  constructor(labels, settings) {
    const hopsIn = (/** @type {number} */ seconds) => Math.max(1, roundHalfEven(seconds / settings.hop_seconds));
    this.smoothingHops = hopsIn(settings.smoothing_seconds);
    this.releaseHops = hopsIn(settings.release_seconds);
    this.suppressionHops = Math.max(1, Math.ceil(settings.suppression_seconds / settings.hop_seconds - 1e-6));
    this.minimumCount = settings.minimum_count;
    this.thresholds = labels.map((label) => settings.word_thresholds[label] ?? settings.threshold);
    this.release = this.thresholds.map((level) => level * settings.release_ratio);
    this.presenceThreshold = settings.presence_threshold;
    this.isWanted = labels.map((label) => !REJECTIONS.includes(label) && (settings.words?.includes(label) ?? true));
    this.isWord = labels.map((label) => !REJECTIONS.includes(label));
    /** @type {ArrayLike<number>[]} oldest first */
    this.history = Array.from({ length: this.smoothingHops }, () => new Float64Array(labels.length));
    this.armed = labels.map(() => true);
    this.lowHops = labels.map(() => 0); // for how many hops each average is low by now
    this.#silentHops = this.smoothingHops + this.releaseHops; // since a window was scored
    this.#hops = this.suppressionHops; // since the last decision
  }

  /**
   * Go one hop on.
   *
   * @param {ArrayLike<number> | null} probabilities of this hop's window; null stands for silence
   * @returns {Decision | null}
   */
  step(probabilities) {
    this.#hops += 1;
    this.#silentHops = probabilities === null ? this.#silentHops + 1 : 0;
    if (this.#silentHops > this.smoothingHops + this.releaseHops) return null; // nothing left to forget
    this.history.shift();
    this.history.push(probabilities ?? new Float64Array(this.armed.length));
    const smoothed = this.armed.map((_, label) => this.#average(label));
    smoothed.forEach((level, label) => {
      this.lowHops[label] = level < this.release[label] ? this.lowHops[label] + 1 : 0;
      this.armed[label] ||= this.lowHops[label] >= this.releaseHops;
    });
    const best = indexOfLargest(smoothed);
    const presence = smoothed.reduce((sum, level, label) => (this.isWord[label] ? sum + level : sum), 0);
    if (
      this.#hops < this.suppressionHops ||
      smoothed[best] < this.thresholds[best] ||
      presence < this.presenceThreshold - ROUNDING ||
      !(this.armed[best] && this.isWanted[best]) ||
      this.#lead(best) < this.minimumCount
    ) {
      return null;
    }
    this.armed[best] = false;
    this.#hops = 0;
    const latestFirst = this.history.map((row) => row[best]).reverse();
    return { label: best, confidence: smoothed[best], hopsAgo: indexOfLargest(latestFirst), averages: smoothed };
  }

  /** @param {number} label */
  #average(label) {
    return this.history.reduce((sum, row) => sum + row[label], 0) / this.smoothingHops;
  }

  /** In how many of the averaged windows a label leads; silence has no leader. @param {number} label */
  #lead(label) {
    return this.history.filter((row) => indexOfLargest(row) === label && row[label] > 0).length;
  }
}

/** The first of the largest. @param {ArrayLike<number>} values */
export function indexOfLargest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  return best;
}

/** As Python rounds. @param {number} value */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * From a probability for each label at each hop to: now a word was said.
 *
 * The same as `decision.py`, line by line; the tests hold both to the same sequences.
 */

import { REJECTIONS, SILENCE } from "./card.js";

const ROUNDING = 1e-6; // of a sum of probabilities, so that a presence of 1 can be reached
const SPEECH = 0.9; // averaged probability of anything but silence from which somebody speaks
const PAUSE_SECONDS = 0.6; // of silence: who spoke has ended; shorter, a word is said in two parts

/** How eagerly a listener reports words; `decision.py` says what each does. */
export const SETTINGS = {
  hop_seconds: 0.1,
  smoothing_seconds: 0.3,
  /** @type {string[] | null} */
  words: null,
  threshold: 0.5,
  /** @type {Record<string, number>} */
  word_thresholds: {},
  presence_threshold: 0.85,
  release_ratio: 0.5,
  release_seconds: 0.3,
  suppression_seconds: 0.5,
  minimum_count: 2,
  gate_dbfs: -60,
  contrast_db: 3,
  edge_seconds: 0.2,
  unsure: false,
};

/** @typedef {typeof SETTINGS} ListenerSettings */
/** A word, decided at some hop: its label, averaged probability, how many hops ago it was surest, and all averages; not
 * accepted if it is only what speech without a word in it resembled most.
 * @typedef {{ label: number, confidence: number, hopsAgo: number, averages: number[], accepted: boolean }} Decision */

/** Decides at each hop whether a word was said; remembers as much as it averages. */
export class Decider {
  #hops;
  #silentHops;
  #quietHops; // since somebody spoke
  /** @type {Decision | null} what is being said, as long as no word was sure */
  #resembled = null;

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
    this.isSpeech = labels.map((label) => label !== SILENCE);
    this.unsure = settings.unsure;
    /** @type {ArrayLike<number>[]} oldest first */
    this.history = Array.from({ length: this.smoothingHops }, () => new Float64Array(labels.length));
    this.armed = labels.map(() => true);
    this.lowHops = labels.map(() => 0); // for how many hops each average is low by now
    this.pauseHops = hopsIn(PAUSE_SECONDS);
    this.#silentHops = this.smoothingHops + this.releaseHops + this.pauseHops; // since one was scored
    this.#hops = this.suppressionHops; // since the last decision
    this.#quietHops = this.pauseHops;
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
    const forgotten = this.smoothingHops + Math.max(this.releaseHops, this.pauseHops);
    if (this.#silentHops > forgotten) return null; // nothing left to average, to decide or to forget
    this.history.shift();
    this.history.push(probabilities ?? new Float64Array(this.armed.length));
    const smoothed = this.armed.map((_, label) => this.#average(label));
    smoothed.forEach((level, label) => {
      this.lowHops[label] = level < this.release[label] ? this.lowHops[label] + 1 : 0;
      this.armed[label] ||= this.lowHops[label] >= this.releaseHops;
    });
    const best = indexOfLargest(smoothed);
    const presence = smoothed.reduce((sum, level, label) => (this.isWord[label] ? sum + level : sum), 0);
    const isSure =
      this.isWord[best] &&
      smoothed[best] >= this.thresholds[best] &&
      presence >= this.presenceThreshold - ROUNDING &&
      this.#lead(best) >= this.minimumCount;
    const unsure = this.unsure ? this.#follow(smoothed, isSure) : null;
    const isFree = this.#hops >= this.suppressionHops;
    if (!(isSure && isFree && this.armed[best] && this.isWanted[best])) return isFree ? unsure : null;
    this.armed[best] = false;
    this.#hops = 0;
    const hopsAgo = indexOfLargest(this.history.map((row) => row[best]).reverse());
    return { label: best, confidence: smoothed[best], hopsAgo, averages: smoothed, accepted: true };
  }

  /**
   * Follow what is said from pause to pause; once over, and if no word was sure: what it resembled.
   *
   * @param {number[]} smoothed
   * @param {boolean} isSure
   * @returns {Decision | null}
   */
  #follow(smoothed, isSure) {
    const speech = smoothed.map((level, label) => (this.isSpeech[label] ? level : 0));
    if (speech.reduce((sum, level) => sum + level, 0) < SPEECH) {
      this.#quietHops += 1;
      if (this.#quietHops !== this.pauseHops) return null;
      const ended = this.#resembled;
      this.#resembled = null;
      return ended;
    }
    const label = indexOfLargest(speech);
    const heard = { label, confidence: speech[label], hopsAgo: this.smoothingHops - 1, averages: smoothed, accepted: false };
    if (isSure) this.#resembled = null;
    else if (this.#quietHops >= this.pauseHops || (this.#resembled && heard.confidence > this.#resembled.confidence)) {
      this.#resembled = heard;
    }
    this.#quietHops = 0;
    return null;
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

/**
 * Hearing in this browser: single recordings, and streams. Nothing leaves the page.
 */

import { fitWindow } from "./arrays.js";
import { REJECTIONS, probabilities, windowSamples } from "./card.js";
import { indexOfLargest } from "./decision.js";
import { Listener } from "./listener.js";
import { settingsFor } from "./listening.js";
import { Resampler } from "./resampler.js";

/** @typedef {import("./engine.js").Model} Model */
/** @typedef {import("./server.js").Recognition} Recognition */
/** @typedef {import("./server.js").Alternative} Alternative */
/** @typedef {import("./listener.js").Detection} Detection */
/** A word that was heard in a stream, and what else it may have been.
 * @typedef {{ word: string, confidence: number, start_s: number, end_s: number, alternatives: Alternative[] }} Heard */
/** `onUnsure` is told of speech without a word in it, and what that resembled.
 * @typedef {{ onHeard: (heard: Heard) => void, onUnsure?: (heard: Heard) => void, onFailed: (error: unknown) => void }}
 *   Events */
/** What listens to a stream, wherever it does.
 * @typedef {{ feed: (samples: Float32Array) => void, finish: () => Promise<void>, close: () => void,
 *   modelMilliseconds: number | null }} Stream */

const HOP_SECONDS = 0.1; // step between the windows of a recording longer than one
const ALTERNATIVES = 3;
const SILENCE_PEAK = 2 / 32768; // dither alone
const BATCH = 32;

/**
 * Recognise the word in a recording, as `Recognizer.recognize` does.
 *
 * @param {Model} model
 * @param {Float32Array} samples at the model's rate
 * @returns {Promise<Recognition | null>} null where there is nothing but silence
 */
export async function recognizeHere(model, samples) {
  if (!samples.some((sample) => Math.abs(sample) >= SILENCE_PEAK)) return null;
  const { card } = model;
  const window = windowSamples(card);
  const sound = samples.length < window ? fitWindow(samples, window) : samples;
  const last = sound.length - window;
  const hop = Math.round(HOP_SECONDS * card.sample_rate);
  const starts = [...Array.from({ length: Math.ceil(last / hop) }, (_, i) => i * hop), last];
  /** @type {Float32Array[]} */
  const rows = [];
  let milliseconds = 0;
  for (let from = 0; from < starts.length; from += BATCH) {
    const batch = starts.slice(from, from + BATCH);
    const windows = new Float32Array(batch.length * window);
    batch.forEach((start, i) => windows.set(sound.subarray(start, start + window), i * window));
    const scores = await model.score(windows, batch.length);
    milliseconds += scores.milliseconds;
    rows.push(...probabilities(card, scores.logits));
  }
  const averaged = rows.map((row, i) => {
    const [before, after] = [rows[Math.max(0, i - 1)], rows[Math.min(rows.length - 1, i + 1)]];
    return row.map((probability, label) => (before[label] + probability + after[label]) / 3);
  });
  const surest = averaged.map((row) => Math.max(...row.filter((_, label) => !REJECTIONS.includes(card.labels[label]))));
  const best = indexOfLargest(surest);
  const alternatives = ranked(card.labels, averaged[best]);
  const { word, confidence } = alternatives[0];
  const accepted = !REJECTIONS.includes(word) && confidence >= card.calibration.threshold;
  const start_s = starts[best] / card.sample_rate;
  return { word, confidence, accepted, alternatives, start_s, modelMilliseconds: milliseconds };
}

/**
 * Listen to a stream; what comes before the model is there is heard once it is.
 *
 * @param {Promise<Model>} model
 * @param {number} sampleRate of the samples fed, in hertz
 * @param {Events} events
 * @param {string[] | null} [words] those to report; all where left out
 * @returns {Stream}
 */
export function listenHere(model, sampleRate, { onHeard, onUnsure, onFailed }, words = null) {
  let isOpen = true;
  const hearing = model.then((ready) => {
    const { card } = ready;
    const settings = { ...settingsFor(card, words), unsure: onUnsure !== undefined };
    const listener = new Listener(
      async (windows, count) => {
        const scores = await ready.score(windows, count);
        stream.modelMilliseconds = scores.milliseconds / count;
        return probabilities(card, scores.logits);
      },
      card.labels,
      { sampleRate: card.sample_rate, windowSamples: windowSamples(card), settings },
    );
    const resampler = sampleRate === card.sample_rate ? null : new Resampler(sampleRate, card.sample_rate);
    return { card, listener, resampler };
  });
  hearing.catch(() => {}); // said at the first sound

  /** @param {(ears: Awaited<typeof hearing>) => Promise<Detection[]>} hear */
  const step = async (hear) => {
    try {
      const ears = await hearing;
      for (const { averages, accepted, ...detection } of isOpen ? await hear(ears) : []) {
        const tell = accepted ? onHeard : onUnsure;
        if (isOpen) tell?.({ ...detection, alternatives: ranked(ears.card.labels, averages) });
      }
    } catch (error) {
      if (isOpen) onFailed(error);
      isOpen = false;
    }
  };
  /** @type {Stream} */
  const stream = {
    modelMilliseconds: null,
    feed: (samples) => void step(({ listener, resampler }) => listener.feed(resampler?.feed(samples) ?? samples)),
    finish: () => step(({ listener }) => listener.finish()),
    close: () => {
      isOpen = false;
    },
  };
  return stream;
}

/** @param {string[]} labels @param {ArrayLike<number>} row @returns {Alternative[]} the most probable, best first */
function ranked(labels, row) {
  return labels
    .map((word, label) => ({ word, confidence: row[label] }))
    .sort((one, other) => other.confidence - one.confidence)
    .slice(0, ALTERNATIVES);
}

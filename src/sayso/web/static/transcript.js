/**
 * A long recording, read through: every word with its time.
 */

import { play } from "./history-list.js";
import { part } from "./parts.js";
import { text } from "./text.js";
import { encodeWav } from "./wav.js";

/** @typedef {import("./browser-ears.js").Heard} Heard */

const AROUND_S = 0.15; // played before and after a word
const CHUNK_S = 2;

const section = part("transcript", HTMLElement);
const title = part("transcript-title", HTMLElement);
const list = part("transcript-words", HTMLOListElement);

/**
 * @param {string} name of the recording
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {number} sampleRate
 * @param {(events: import("./browser-ears.js").Events) => import("./browser-ears.js").Stream} listen
 * @param {AbortSignal} signal gives up
 * @returns {Promise<Heard[]>} what it listed
 */
export async function transcribe(name, samples, sampleRate, listen, signal) {
  /** @type {Heard[]} */
  const found = [];
  list.replaceChildren();
  const showTitle = () => {
    title.textContent = text.transcript.title(name, found.length, samples.length / sampleRate);
  };
  showTitle();
  section.hidden = false;
  await new Promise((resolve, reject) => {
    const stream = listen({
      onHeard: (heard) => {
        found.push(heard);
        list.append(row(heard, samples, sampleRate));
        showTitle();
      },
      onFailed: reject,
    });
    signal.addEventListener("abort", () => {
      stream.close();
      reject(signal.reason);
    });
    const step = CHUNK_S * sampleRate;
    for (let start = 0; start < samples.length; start += step) stream.feed(samples.subarray(start, start + step));
    stream.finish().then(resolve, reject);
  });
  return found;
}

/** @param {Heard} heard @param {Float32Array<ArrayBuffer>} samples @param {number} sampleRate */
function row({ word, confidence, start_s, end_s }, samples, sampleRate) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", text.transcript.play(word, start_s, confidence));
  const time = document.createElement("time");
  time.textContent = text.time(start_s);
  button.append(time, word);
  button.addEventListener("click", () => {
    const piece = samples.slice(
      Math.max(0, Math.round((start_s - AROUND_S) * sampleRate)),
      Math.round((end_s + AROUND_S) * sampleRate),
    );
    play(new Blob([encodeWav(piece, sampleRate)], { type: "audio/wav" }));
  });
  item.append(button);
  return item;
}

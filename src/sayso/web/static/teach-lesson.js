/**
 * A lesson: recordings in, a model file out, made in this browser or on the server.
 */

import { windowSamples } from "./card.js";
import { findWord, vary } from "./teach-sound.js";
import { sentencesOf, text } from "./teach-text.js";
import { text as common } from "./text.js";
import { fetchAllowed } from "./token.js";

/** @typedef {import("./engine.js").Model} Model */
/** @typedef {import("./teach-store.js").Take} Take */
/** @typedef {import("./teach-store.js").Taught} Taught */
/** @typedef {{ name: string, beside: boolean }} Wanted */

/** What to tell the user where nothing was learnt. */
export class LessonError extends Error {}

/**
 * Learn in this browser; nothing leaves it.
 *
 * @param {Model} base
 * @param {string} address of its file
 * @param {string[]} words
 * @param {Take[]} takes
 * @param {Wanted} wanted
 * @returns {Promise<Taught>}
 * @throws {LessonError}
 */
export async function learnHere(base, address, words, takes, { name, beside }) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new LessonError(common.place.unreachable);
  const content = new Uint8Array(await response.arrayBuffer());
  const heard = { words, labels: takes.map((take) => words.indexOf(take.word)), embeddings: await embed(base, takes) };
  const answer = await inThread({ content, heard, beside, name });
  if (answer === null) throw new LessonError(text.unteachable);
  return { file: answer.file, name, home: "", sentences: sentencesOf(answer.report, heard.labels) };
}

/**
 * Learn on the server; the recordings are sent to it, and the model stays there, too.
 *
 * @param {Blob} zip of the recordings
 * @param {Wanted} wanted
 * @param {boolean} replace a model of that name, which this browser had made
 * @returns {Promise<Taught>}
 * @throws {LessonError}
 */
export async function learnThere(zip, { name, beside }, replace) {
  const address = new URL("/api/v1/models", document.baseURI);
  for (const [key, value] of Object.entries({ name, beside, replace })) address.searchParams.set(key, String(value));
  const headers = { "Content-Type": "application/zip" };
  const response = await fetchAllowed(address, () => ({ method: "POST", body: zip, headers })).catch(() => null);
  if (response === null) throw new LessonError(common.server.unreachable);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new LessonError(common.server.refused(answer?.error) ?? common.server.unclear(response.status));
  const made = await fetchAllowed(answer.file).catch(() => null);
  if (!made?.ok) throw new LessonError(common.server.unreachable);
  return { file: new Uint8Array(await made.arrayBuffer()), name, home: name, sentences: answer.sentences };
}

/** @param {Model} base @param {Take[]} takes @returns {Promise<Float64Array>} `(N, variants, features)` */
async function embed(base, takes) {
  const length = windowSamples(base.card);
  const rows = [];
  for (const { samples } of takes) {
    const variants = vary(findWord(samples, base.card.sample_rate, length), base.card.sample_rate);
    const windows = new Float32Array(variants.length * length);
    variants.forEach((variant, index) => windows.set(variant, index * length));
    rows.push((await base.score(windows, variants.length)).embedding);
  }
  const all = new Float64Array(rows.reduce((sum, row) => sum + row.length, 0));
  rows.forEach((row, index) => all.set(row, index * row.length));
  return all;
}

/** @param {object} question @returns {Promise<any>} */
function inThread(question) {
  const worker = new Worker(new URL("teach-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new LessonError(text.failed));
    };
    worker.postMessage(question);
  }).finally(() => worker.terminate());
}

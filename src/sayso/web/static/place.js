/**
 * Where the voice goes: the switch on the page, and who hears accordingly.
 */

import { listenHere, recognizeHere } from "./browser-ears.js";
import { keepChoices, readChoices } from "./choices.js";
import { early } from "./early.js";
import { EngineError, loadModel } from "./engine.js";
import { part } from "./parts.js";
import { listenThere } from "./server-ears.js";
import { ServerError, recognize } from "./server.js";
import { text } from "./text.js";
import { encodeWav } from "./wav.js";
import { resample } from "./resampler.js";

/** @typedef {import("./engine.js").Model} Model */
/** @typedef {import("./server.js").Recognition} Recognition */
/** @typedef {import("./browser-ears.js").Events} Events */

export const MODEL_RATE = 16000; // hertz; what recordings are decoded to before a model is there to say

const instrument = part("instrument", HTMLElement);
const fieldset = part("place", HTMLFieldSetElement);
const note = part("place-note", HTMLElement);
const { endpoint = "", socket = "", model: modelAddress = "", modelName = "" } = instrument.dataset;
const maxBytes = Number(instrument.dataset.maxBytes);

/** @type {Promise<Model> | null} */
let loading = null;
let begun = early;
let isReady = false;
let place = readChoices().place;

/** Whether what is said stays in this browser. */
export function staysHere() {
  return place === "browser";
}

/** Let the switch work, and have the model ready before it is needed. @param {() => void} onChange */
export function workPlaceSwitch(onChange) {
  fieldset.addEventListener("change", (event) => {
    place = /** @type {import("./choices.js").Place} */ (/** @type {HTMLInputElement} */ (event.target).value);
    keepChoices({ place });
    show();
    onChange();
  });
  show();
}

function show() {
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === place;
  instrument.dataset.place = place;
  if (place === "server") note.textContent = text.place.server;
  else {
    note.textContent = isReady ? text.place.browser : text.place.loading;
    void model().catch(() => {});
  }
}

/** @returns {Promise<Model>} */
function model() {
  if (loading !== null) return loading;
  const attempt = begun ?? loadModel(modelAddress);
  begun = null;
  loading = attempt;
  attempt.then(
    () => {
      isReady = true;
      instrument.dataset.engine = "ready";
      if (place === "browser") note.textContent = text.place.browser;
    },
    (error) => {
      loading = null; // another press is another try
      const reason = error instanceof EngineError ? error.reason : "model";
      instrument.dataset.engine = reason;
      if (place !== "browser") return;
      if (reason === "unreachable" || reason === "locked") note.textContent = text.place[reason];
      else useServer(reason);
    },
  );
  return attempt;
}

/** The browser cannot: the switch says why, and the server hears. @param {"absent" | "model"} reason */
function useServer(reason) {
  place = "server";
  const choice = fieldset.querySelector("input[value=browser]");
  if (choice instanceof HTMLInputElement) choice.disabled = true;
  show();
  note.textContent = text.place[reason];
}

/**
 * Recognise samples.
 *
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {number} sampleRate
 * @param {AbortSignal} signal
 * @returns {Promise<Recognition>}
 * @throws {ServerError}
 */
export async function recognizeSamples(samples, sampleRate, signal) {
  if (!staysHere()) return recognizeFile(new Blob([encodeWav(samples, sampleRate)], { type: "audio/wav" }), signal);
  const here = await model().catch((error) => {
    const isLocked = error instanceof EngineError && error.reason === "locked";
    if (staysHere()) throw new ServerError(isLocked ? text.place.locked : text.place.unreachable, { cause: error });
    return null; // no engine: the server hears
  });
  if (here === null) return recognizeSamples(samples, sampleRate, signal);
  const recognition = await recognizeHere(here, resample(samples, sampleRate, here.card.sample_rate));
  signal.throwIfAborted();
  if (recognition === null) throw new ServerError(text.silent);
  return recognition;
}

/**
 * Recognise a file on the server, as it is.
 *
 * @param {Blob} file
 * @param {AbortSignal} signal
 */
export async function recognizeFile(file, signal) {
  if (file.size > maxBytes) throw new ServerError(text.server.tooLarge(maxBytes));
  return recognize(endpoint, file, signal);
}

/** Listen to a stream. @param {number} sampleRate @param {Events} events */
export function listen(sampleRate, events) {
  return staysHere() ? listenHere(model(), sampleRate, events) : listenThere(socket, modelName, sampleRate, events);
}

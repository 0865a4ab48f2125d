/**
 * The thread that computes: one model, run by onnxruntime-web.
 *
 * Takes `{id, model, headers}` once, with a model file or its address and what to send there, then `{id, windows, count}` any number of times;
 * answers each with `{id, ...result}` or `{id, reason, message}`, in order.
 */

import { readCard, windowSamples } from "./card.js";

/** @typedef {import("onnxruntime-web").InferenceSession} Session */
/** @typedef {import("./card.js").Card} Card */
/** @typedef {{ id: number, model: string | Blob, headers: Record<string, string> } | { id: number, windows: Float32Array, count: number }} Question */

// The DOM's types know this scope as a window; a worker's other end has the very methods that are used here.
const scope = /** @type {Worker} */ (/** @type {unknown} */ (self));
const RUNTIME = new URL("ort/ort.wasm.min.mjs", import.meta.url).href;

/** @type {Promise<typeof import("onnxruntime-web")>} */
const runtime = import(RUNTIME).then(async (ort) => {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("ort/", import.meta.url).href;
  ort.env.logLevel = "error";
  await ort.InferenceSession.create(new Uint8Array()).catch(() => {}); // no model, but it starts the engine meanwhile
  return ort;
});
runtime.catch(() => {}); // said when a model is asked for
/** @type {Session | null} */
let session = null;
let turn = Promise.resolve();

/** @param {MessageEvent<Question>} event */
scope.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data)); // a session takes one run at a time
};

/** @param {Question} question */
async function answer(question) {
  const { id } = question;
  try {
    if ("model" in question) {
      const card = await load(question.model, question.headers);
      scope.postMessage({ id, card });
      await score(new Float32Array(windowSamples(card)), 1); // the first run is slow: it is made before sound comes
    } else {
      const scores = await score(question.windows, question.count);
      scope.postMessage({ id, ...scores }, [scores.logits.buffer, scores.embedding.buffer]);
    }
  } catch (error) {
    const { reason, message } = error instanceof Failure ? error : new Failure("model", error);
    scope.postMessage({ id, reason, message });
  }
}

class Failure extends Error {
  /** @param {import("./engine.js").EngineReason} reason @param {unknown} cause */
  constructor(reason, cause) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.reason = reason;
  }
}

/** @param {string | Blob} model @param {Record<string, string>} headers @returns {Promise<Card>} */
async function load(model, headers) {
  const [ort, file] = await Promise.all([
    runtime.catch((error) => {
      throw new Failure("absent", error);
    }),
    model instanceof Blob ? model.arrayBuffer().then((content) => new Uint8Array(content)) : fetchModel(model, headers),
  ]);
  const card = readCard(file);
  session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  return card;
}

/** @param {string} address @param {Record<string, string>} headers */
async function fetchModel(address, headers) {
  const response = await fetch(address, { headers }).catch((error) => {
    throw new Failure("unreachable", error);
  });
  if (!response.ok) throw new Failure(response.status === 401 ? "locked" : "model", `${address}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {Float32Array} windows @param {number} count */
async function score(windows, count) {
  const ort = await runtime;
  if (session === null) throw new Error("no model is loaded");
  const began = performance.now();
  const waveform = new ort.Tensor("float32", windows, [count, windows.length / count]);
  const { logits, embedding } = await session.run({ waveform });
  return {
    logits: Float32Array.from(/** @type {Float32Array} */ (logits.data)),
    embedding: Float32Array.from(/** @type {Float32Array} */ (embedding.data)),
    milliseconds: performance.now() - began,
  };
}

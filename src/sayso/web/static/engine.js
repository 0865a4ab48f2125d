/**
 * A model file that runs in this browser, in a thread of its own. Nothing that it hears leaves the page.
 */

import { askForToken, headers } from "./token.js";

/** @typedef {import("./card.js").Card} Card */
/** @typedef {{ logits: Float32Array, embedding: Float32Array, milliseconds: number }} Scores */
/**
 * `absent`: this server was built without the engine; `unreachable`: the model could not be fetched; `locked`: the
 * server wants a token for it; `model`: it is no model, or this browser cannot run it.
 * @typedef {"absent" | "unreachable" | "locked" | "model"} EngineReason
 */
/** @typedef {{ resolve: (answer: any) => void, reject: (error: unknown) => void }} Question */

/** Why there is no model. */
export class EngineError extends Error {
  /** @param {EngineReason} reason @param {string} [detail] */
  constructor(reason, detail) {
    super(`engine: ${reason}${detail ? ` (${detail})` : ""}`);
    this.reason = reason;
  }
}

/**
 * Fetch a model file and make it ready.
 *
 * @param {string | Blob} source its address, or the file itself
 * @returns {Promise<Model>}
 * @throws {EngineError}
 */
export async function loadModel(source) {
  const thread = new Thread();
  try {
    const model = source instanceof Blob ? source : new URL(source, document.baseURI).href;
    const { card } = await thread.load(model);
    return new Model(card, thread);
  } catch (error) {
    thread.close();
    throw error;
  }
}

/** A loaded model. */
export class Model {
  #thread;

  /** @param {Card} card @param {Thread} thread */
  constructor(card, thread) {
    this.card = card;
    this.#thread = thread;
  }

  /**
   * Score windows.
   *
   * @param {Float32Array} windows each exactly the card's window, one after another; left as they are
   * @param {number} [count] how many they are
   * @returns {Promise<Scores>} the windows' rows one after another, and the time it took
   */
  score(windows, count = 1) {
    return this.#thread.ask({ windows, count });
  }

  /** Free its memory; what was asked and is not answered stays so. */
  close() {
    this.#thread.close();
  }
}

class Thread {
  /** @type {Map<number, Question>} */
  #questions = new Map();
  #asked = 0;

  constructor() {
    this.worker = new Worker(new URL("engine-worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => {
      const question = this.#questions.get(data.id);
      this.#questions.delete(data.id);
      if (data.reason) question?.reject(new EngineError(data.reason, data.message));
      else question?.resolve(data);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#questions.values()) reject(new EngineError("absent", event.message));
      this.#questions.clear();
    };
  }

  /** @param {string | Blob} model @returns {Promise<{ card: Card }>} */
  async load(model) {
    for (;;) {
      try {
        return await this.ask({ model, headers: headers() });
      } catch (error) {
        if (!(error instanceof EngineError && error.reason === "locked" && (await askForToken()))) throw error;
      }
    }
  }

  /** @param {object} message @returns {Promise<any>} */
  ask(message) {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#questions.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message });
    });
  }

  close() {
    this.worker.terminate();
  }
}

/**
 * Voice commands for any page: `<speech-command model="default" words="left right stop"></speech-command>`.
 *
 * A button that opens the microphone; while it listens, a `command` event is fired for each word that is heard, with
 * `detail: {word, confidence, start_s, end_s}`. The model runs in the page, and nothing leaves it. `model` is a name on
 * the server this script is from, or the address of a model file; `words` are those to report, all where it is left out.
 * `start()` and `stop()` do what the button does; an `error` event says in its `message` why it does not listen.
 */

import { listenHere } from "./browser-ears.js";
import { wordsOf } from "./card.js";
import { EngineError, loadModel } from "./engine.js";
import { MicrophoneError, Recorder } from "./recorder.js";
import { text } from "./text.js";

const STYLE = `
:host { display: inline-block; }
button {
  display: inline-flex; align-items: center; gap: .625rem; min-height: 3rem; padding: 0 1.5rem 0 1.125rem; border: 0;
  border-radius: 1.5rem; background: var(--accent, #b8410f); color: var(--on-accent, #fff);
  font: 600 1rem/1.2 system-ui, sans-serif; text-align: left; cursor: pointer;
}
button:focus-visible { outline: 3px solid var(--accent, #b8410f); outline-offset: 3px; }
button::before {
  content: ""; flex: none; width: .75rem; height: .75rem; border-radius: 50%; background: currentColor;
  transform: scale(calc(.6 + var(--level, 0)));
}
:host([listening]) button::before { border-radius: 2px; }
`;

class SpeechCommand extends HTMLElement {
  /** @type {Promise<import("./engine.js").Model> | null} */
  #model = null;
  /** @type {Recorder | null} */
  #recorder = null;
  /** @type {import("./browser-ears.js").Stream | null} */
  #stream = null;
  #button = document.createElement("button");

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    root.append(this.#button);
    this.#button.type = "button";
    this.#button.addEventListener("click", () => void (this.listening ? this.stop() : this.start()));
    this.#say(text.element.start);
  }

  connectedCallback() {
    void this.#load().catch(() => {}); // so that the first word is heard at once; said when it is wanted
  }

  disconnectedCallback() {
    this.stop();
    void this.#model?.then((model) => model.close()).catch(() => {});
    this.#model = null;
  }

  get listening() {
    return this.#recorder !== null;
  }

  /** Open the microphone and listen. */
  async start() {
    if (this.listening) return;
    this.#say(text.element.opening);
    try {
      const model = await this.#load();
      const words = this.getAttribute("words")?.split(/[\s,]+/).filter(Boolean) ?? null;
      const unknown = words?.filter((word) => !wordsOf(model.card).includes(word)) ?? [];
      if (unknown.length > 0) throw new Error(text.element.unknown(unknown.join(", ")));
      const recorder = await Recorder.open();
      if (!this.isConnected) return recorder.dispose();
      this.#listen(recorder, words);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Close the microphone. */
  stop() {
    this.#stream?.close();
    this.#recorder?.dispose();
    this.#stream = this.#recorder = null;
    this.removeAttribute("listening");
    this.#say(text.element.start);
  }

  /** @param {Recorder} recorder @param {string[] | null} words */
  #listen(recorder, words) {
    const events = {
      onHeard: (/** @type {import("./browser-ears.js").Heard} */ { alternatives, ...detail }) =>
        void this.dispatchEvent(new CustomEvent("command", { detail, bubbles: true, composed: true })),
      onFailed: (/** @type {unknown} */ error) => this.#fail(error),
    };
    const stream = listenHere(this.#load(), recorder.context.sampleRate, events, words);
    this.#recorder = recorder;
    this.#stream = stream;
    recorder.onLost = () => this.#fail(new MicrophoneError("lost"));
    recorder.onBlock = (block) => {
      stream.feed(block);
      this.#button.style.setProperty("--level", loudness(block).toFixed(2));
    };
    this.setAttribute("listening", "");
    this.#say(text.element.listening);
  }

  #load() {
    if (this.#model === null) {
      const model = this.getAttribute("model") ?? "default";
      const isName = /^[\w-]+$/.test(model);
      const address = isName ? new URL(`/api/v1/models/${model}.onnx`, import.meta.url) : new URL(model, document.baseURI);
      this.#model = loadModel(address.href);
      this.#model.catch(() => {
        this.#model = null; // another press is another try
      });
    }
    return this.#model;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.stop();
    const message = sentenceFor(error);
    this.#say(message);
    this.dispatchEvent(new ErrorEvent("error", { message, error }));
  }

  /** @param {string} words */
  #say(words) {
    this.#button.textContent = words;
    this.#button.setAttribute("aria-pressed", String(this.listening));
  }
}

/** @param {unknown} error */
function sentenceFor(error) {
  if (error instanceof MicrophoneError) return text.microphone[error.reason];
  if (error instanceof EngineError) return text.element[error.reason];
  return error instanceof Error ? error.message : String(error);
}

/** @param {Float32Array} block @returns {number} 0 to 1 */
function loudness(block) {
  const power = block.reduce((sum, sample) => sum + sample * sample, 0) / block.length;
  return Math.max(0, Math.min(1, 1 + Math.log10(power + 1e-9) / 6));
}

if (!customElements.get("speech-command")) customElements.define("speech-command", SpeechCommand);

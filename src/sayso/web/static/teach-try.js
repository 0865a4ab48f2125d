/**
 * The model that was taught, on the page: try it hands-free, save it.
 */

import { listenHere } from "./browser-ears.js";
import { readCard, wordsOf } from "./card.js";
import { EngineError, loadModel } from "./engine.js";
import { part } from "./parts.js";
import { ServerError } from "./server.js";
import { listenThere } from "./server-ears.js";
import { hear, hush } from "./teach-ears.js";
import { save } from "./teach-files.js";
import { text } from "./teach-text.js";
import { text as common } from "./text.js";

/** @typedef {import("./teach-store.js").Taught} Taught */
/** @typedef {import("./engine.js").Model} Model */

const MOST_NAMED = 6; // words that the hint names

const section = part("trial", HTMLElement);
const word = part("word", HTMLElement);
const sureness = part("sureness", HTMLElement);
const hint = part("trial-hint", HTMLElement);
const button = part("try", HTMLButtonElement);
const share = part("on-server", HTMLAnchorElement);

/** @type {Taught | null} */
let taught = null;
/** @type {Promise<Model> | null} */
let model = null;
let isListening = false;

/** @param {Taught} latest */
export function showModel(latest) {
  if (isListening) hush();
  void model?.then((old) => old.close(), () => {});
  taught = latest;
  model = null;
  section.hidden = false;
  word.textContent = "";
  sureness.textContent = "";
  part("model-name", HTMLElement).textContent = text.ready(latest.name);
  part("report", HTMLElement).replaceChildren(
    ...latest.sentences.map((sentence) => {
      const line = document.createElement("li");
      line.textContent = sentence;
      return line;
    }),
  );
  share.hidden = latest.home === "";
  share.href = `/listen?model=${encodeURIComponent(latest.home)}`;
  hint.textContent = text.sayOne(wordsOf(readCard(latest.file)).slice(-MOST_NAMED));
}

/** @param {string} socket the server's address for sound @param {(sentence: string) => void} onProblem */
export function workTrial(socket, onProblem) {
  button.addEventListener("click", () => {
    if (isListening) hush();
    else if (taught) void listen(taught, socket, onProblem);
  });
  part("save-model", HTMLButtonElement).addEventListener("click", () => {
    if (taught) save(new Blob([taught.file]), `${taught.name}.onnx`);
  });
}

/** @param {Taught} latest @param {string} socket @param {(sentence: string) => void} onProblem */
async function listen(latest, socket, onProblem) {
  /** @type {import("./browser-ears.js").Stream | null} */
  let stream = null;
  /** @type {import("./browser-ears.js").Events} */
  const events = {
    onHeard: (heard) => {
      word.textContent = heard.word;
      sureness.textContent = common.sure(heard.confidence);
    },
    onFailed: (error) => {
      hush();
      const isEngine = error instanceof EngineError;
      if (isEngine) model = null; // another press is another try
      onProblem(isEngine ? common.element[error.reason] : error instanceof ServerError ? error.message : text.failed);
    },
  };
  const onEnd = () => {
    stream?.close();
    show(false);
  };
  show(true);
  await hear(
    (rate) => {
      section.dataset.state = "listening";
      const { home } = latest;
      if (home === "") model ??= loadModel(new Blob([latest.file]));
      const opened = home === "" && model ? listenHere(model, rate, events) : listenThere(socket, home, rate, events);
      stream = opened;
      return opened.feed;
    },
    { onEnd, onProblem },
  );
}

/** @param {boolean} listening */
function show(listening) {
  isListening = listening;
  section.dataset.state = listening ? "opening" : "resting";
  button.textContent = listening ? text.stop : text.tryIt;
}

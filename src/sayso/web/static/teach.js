/**
 * The Teach page: name a word, say it five times, learn, try it.
 */

import { readCard } from "./card.js";
import { EngineError, loadModel } from "./engine.js";
import { worksWithoutNetwork } from "./offline.js";
import { part } from "./parts.js";
import { resample } from "./resampler.js";
import { Cutter } from "./teach-cutter.js";
import { hear, hush } from "./teach-ears.js";
import { cut, save, takesOf, zipOf } from "./teach-files.js";
import { learnHere, learnThere, LessonError } from "./teach-lesson.js";
import { keepModel, readLessons } from "./teach-store.js";
import { text } from "./teach-text.js";
import { showModel, workTrial } from "./teach-try.js";
import { WANTED, Words } from "./teach-words.js";
import { ZipError } from "./teach-zip.js";
import { text as common } from "./text.js";

/** @typedef {import("./engine.js").Model} Model */
/** @typedef {import("./teach-store.js").Taught} Taught */

const LEAST = 3; // recordings of a word
const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const page = part("teach", HTMLElement);
const { model: address = "", teaching, socket = "", worker = "" } = page.dataset;
const [rate, windowLength] = [Number(page.dataset.rate), Number(page.dataset.window)];
const problem = part("problem", HTMLElement);
const status = part("status", HTMLElement);
const learn = part("learn", HTMLButtonElement);
const places = part("place", HTMLFieldSetElement);
const note = part("place-note", HTMLElement);
const modelName = part("model", HTMLInputElement);
const exportButton = part("export", HTMLButtonElement);

/** @type {Promise<Model> | null} */
let base = null;
let isEngineAbsent = false;
/** @type {string | null} the word being recorded */
let recording = null;
/** @type {Taught | null} */
let taught = null;

const words = new Words(rate, record, showWhatCanBeDone, () => complain(text.notKept));

/** @param {string} sentence "" for none */
function complain(sentence) {
  problem.textContent = sentence;
}

/** @param {string} sentence */
function tell(sentence) {
  complain("");
  status.textContent = sentence;
}

function showWhatCanBeDone() {
  exportButton.hidden = words.takes.length === 0;
}

/** @param {string} word */
function record(word) {
  if (recording === word) {
    hush();
    return;
  }
  const count = words.count(word);
  const goal = count < WANTED ? WANTED : count + WANTED;
  const begin = (/** @type {number} */ sampleRate) => {
    const cutter = new Cutter(sampleRate);
    page.dataset.state = "listening";
    tell(text.say(word, goal - count));
    return (/** @type {Float32Array} */ block) => {
      for (const said of cutter.feed(block)) if (recording === word) take(word, said, sampleRate, goal);
    };
  };
  const opening = hear(begin, {
    onEnd: () => {
      recording = null;
      page.dataset.state = "resting";
      words.mark(null);
      tell("");
    },
    onProblem: complain,
  });
  recording = word;
  words.mark(word);
  tell(text.opening);
  void opening;
}

/** @param {string} word @param {Float32Array | "long"} said @param {number} sampleRate @param {number} goal */
function take(word, said, sampleRate, goal) {
  if (said === "long") {
    complain(text.tooLong);
    return;
  }
  const { samples, fault } = cut(resample(said, sampleRate, rate), rate, windowLength);
  if (samples === null) {
    complain(text.silent);
    return;
  }
  void words.addTake(word, samples, fault);
  const left = goal - words.count(word);
  if (left > 0) tell(text.say(word, left));
  else {
    hush();
    tell(text.enough(word));
  }
}

/** Why nothing can be learnt yet, or null. */
function hindrance() {
  const few = words.names.find((word) => words.count(word) < LEAST);
  if (few !== undefined) return text.more(few, words.count(few));
  if (words.names.length === 0) return text.noWords;
  if (place() === "browser" && isEngineAbsent) return text.place.nowhere;
  return MODEL_NAME.test(modelName.value) ? null : text.modelName;
}

async function learnAll() {
  hush();
  const why = hindrance();
  if (why !== null) {
    complain(why);
    return;
  }
  const wanted = { name: modelName.value, beside: part("beside", HTMLInputElement).checked };
  learn.disabled = true;
  tell(text.learning);
  try {
    const latest =
      place() === "server"
        ? await learnThere(zipOf(words.takes, rate), wanted, taught?.home === wanted.name)
        : await learnHere(await baseModel(), address, words.names, words.takes, wanted);
    taught = latest;
    showModel(latest);
    tell(text.learnt);
    await keepModel(latest).catch(() => complain(text.notKept));
    part("try", HTMLButtonElement).scrollIntoView({ block: "nearest" });
  } catch (error) {
    status.textContent = "";
    complain(error instanceof LessonError ? error.message : error instanceof EngineError ? common.element[error.reason] : text.failed);
  } finally {
    learn.disabled = false;
  }
}

/** @returns {Promise<Model>} what is taught, in this browser */
function baseModel() {
  base ??= loadModel(address).catch((error) => {
    base = null; // another press is another try
    if (error instanceof EngineError && error.reason === "absent") {
      isEngineAbsent = true;
      showPlace();
    }
    throw error;
  });
  return base;
}

/** @returns {"browser" | "server"} */
function place() {
  return teaching === "on" && places.querySelector("input[value=server]:checked") ? "server" : "browser";
}

function showPlace() {
  if (teaching === "on") note.textContent = text.place[place()];
  else note.textContent = isEngineAbsent ? text.place.nowhere : text.place.off;
}

/** @param {File} file recordings, or a model */
async function takeFile(file) {
  hush();
  tell("");
  if (file.name.endsWith(".onnx")) return takeModel(file);
  let [added, left] = [0, 0];
  try {
    for await (const { word, samples, fault } of takesOf(file, rate, windowLength)) {
      if (!words.names.includes(word) && words.faultOf(word) === null && samples) words.add(word);
      if (samples && words.names.includes(word)) {
        await words.addTake(word, samples, fault);
        added += 1;
      } else left += 1;
    }
    status.textContent = text.imported(added, left);
  } catch (error) {
    complain(error instanceof ZipError && error.reason === "large" ? text.importLarge : text.importZip);
  }
}

/** @param {File} file */
async function takeModel(file) {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { name } = readCard(bytes);
    (await loadModel(new Blob([bytes]))).close(); // whether it runs
    taught = { file: bytes, name, home: "", sentences: [] };
    showModel(taught);
    await keepModel(taught).catch(() => complain(text.notKept));
  } catch (error) {
    complain(error instanceof EngineError && error.reason === "absent" ? common.element.absent : text.importModel);
  }
}

async function begin() {
  const kept = await readLessons().catch(() => null);
  if (kept === null) complain(text.notKept);
  else {
    for (const word of kept.words) words.show(word, kept.takes.filter((take) => take.word === word));
    if (kept.model) {
      taught = kept.model;
      modelName.value = taught.name;
      showModel(taught);
    }
  }
  showWhatCanBeDone();
  page.dataset.state = "resting";
}

part("adding", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const name = part("name", HTMLInputElement);
  const word = name.value.trim();
  const fault = words.faultOf(word);
  if (fault !== null) {
    complain(fault);
    return;
  }
  name.value = "";
  tell("");
  words.add(word);
  /** @type {HTMLElement | null} */ (document.querySelector("#words > li:last-child > .record"))?.focus();
});
learn.addEventListener("click", () => void learnAll());
places.addEventListener("change", showPlace);
exportButton.addEventListener("click", () => save(zipOf(words.takes, rate), "my-words.zip"));
part("import", HTMLInputElement).addEventListener("change", ({ target }) => {
  const input = /** @type {HTMLInputElement} */ (target);
  const [file] = input.files ?? [];
  if (file) void takeFile(file);
  input.value = "";
});
workTrial(socket, complain);
showPlace();
void begin();
void baseModel().catch(() => {}); // so that it is there when it is needed
void worksWithoutNetwork(worker, [address]);

/**
 * The answer on the page: the word, how sure, and what else it may have been.
 *
 * What is read aloud stands apart from what is seen: while a take is recorded nothing must speak.
 */

import { part } from "./parts.js";
import { text } from "./text.js";

/** @typedef {import("./server.js").Recognition} Recognition */
/** @typedef {import("./server.js").Alternative} Alternative */
/** @typedef {import("./browser-ears.js").Heard} Heard */
/** @typedef {"sure" | "quiet" | "problem"} Tone */

const SHORTEST_FITTED = 6; // letters; shorter words are set no larger than this long a one
const FRESH_MS = 2500; // so long a word that was just heard stands out
const LIT_MS = 1200;

const word = part("word", HTMLElement);
const sureness = part("sureness", HTMLElement);
const alternatives = part("alternatives", HTMLElement);
const spoken = part("spoken", HTMLElement);
const chips = new Map([...part("vocabulary", HTMLElement).children].map((chip) => [chip.textContent, chip]));
let ageing = 0;

/** @param {Omit<Recognition, "start_s" | "modelMilliseconds">} recognition */
export function showAnswer(recognition) {
  const { confidence, accepted } = recognition;
  const name = nameOf(recognition.word);
  const large = accepted ? name : text.notSure;
  const small = accepted ? text.sure(confidence) : text.perhaps(name, confidence);
  write(accepted ? "sure" : "quiet", large, small, text.spoken(large, small));
  alternatives.replaceChildren(...recognition.alternatives.slice(0, 3).map(row));
  if (accepted) lightUp(recognition.word);
}

/** A word of a stream: it stands out, then rests until the next one. @param {Heard} heard */
export function showHeard(heard) {
  showAnswer({ ...heard, accepted: true });
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    word.animate([{ opacity: 0.3 }, { opacity: 1 }], { duration: 160, easing: "ease-out" });
  }
  age();
}

/** Speech of a stream without a word in it: said quietly, and not aloud; other people's talk is full of it.
 * @param {Heard} heard */
export function showUnsure(heard) {
  showAnswer({ ...heard, accepted: false });
  spoken.textContent = "";
  age();
}

function age() {
  ageing = setTimeout(() => {
    word.dataset.age = "old";
  }, FRESH_MS);
}

/** Say that one may speak. */
export function showListening() {
  write("quiet", text.listening);
}

/** Say that the answer is being found. */
export function showWaiting() {
  write("quiet", text.waiting);
}

/** @param {string} message a whole sentence */
export function showProblem(message) {
  write("problem", message, "", message);
}

/** @param {Tone} tone @param {string} large @param {string} small @param {string} aloud */
function write(tone, large, small = "", aloud = "") {
  clearTimeout(ageing);
  word.dataset.tone = tone;
  delete word.dataset.age;
  word.textContent = large;
  word.style.setProperty("--letters", String(Math.max(SHORTEST_FITTED, large.length)));
  sureness.textContent = small;
  spoken.textContent = aloud;
  alternatives.replaceChildren();
}

/** @param {string} name */
function lightUp(name) {
  const chip = chips.get(name);
  if (!(chip instanceof HTMLElement)) return;
  chip.dataset.lit = "";
  setTimeout(() => delete chip.dataset.lit, LIT_MS);
}

/** @param {Alternative} alternative */
function row({ word: label, confidence }) {
  const item = document.createElement("li");
  item.append(span("label", nameOf(label)), span("bar", ""), span("share", text.percent(confidence)));
  item.style.setProperty("--share", String(confidence)); // through the CSSOM, as the page's policy wants it
  return item;
}

/** @param {string} role @param {string} content */
function span(role, content) {
  const element = document.createElement("span");
  element.className = role;
  element.textContent = content;
  return element;
}

/** @param {string} label */
function nameOf(label) {
  return text.labels[label] ?? label;
}

/**
 * The words of late, on the page: hear one again, keep its sound, say what it really was.
 */

import { readSpeaker } from "./choices.js";
import { asFolder, change, entries, forget, keep } from "./history.js";
import { part } from "./parts.js";
import { text } from "./text.js";
import { encodeWav } from "./wav.js";
import { makeZip } from "./zip.js";

/** @typedef {import("./history.js").Entry} Entry */

const SHOWN = 30;
const NONE = ""; // the label of what was none of the words

const list = part("heard", HTMLOListElement);
const empty = part("heard-empty", HTMLElement);
const tools = part("heard-tools", HTMLElement);
const player = new Audio();
let words = /** @type {string[]} */ ([]);

/** @param {string[]} vocabulary what a word may really have been */
export async function showHistory(vocabulary) {
  words = vocabulary;
  part("export", HTMLButtonElement).addEventListener("click", () => void exportAll());
  part("forget", HTMLButtonElement).addEventListener("click", () => void forgetAll());
  const kept = await entries().catch(() => []); // storage is switched off: the list is for this visit
  list.replaceChildren(...kept.slice(-SHOWN).reverse().map(row));
  showWhetherEmpty();
}

/**
 * @param {{ word: string, confidence: number }} heard
 * @param {Float32Array<ArrayBuffer>} samples
 * @param {number} sampleRate
 */
export async function addToHistory({ word, confidence }, samples, sampleRate) {
  const wav = new Blob([encodeWav(samples, sampleRate)], { type: "audio/wav" });
  const entry = { word, confidence, label: null, wav };
  const kept = await keep(entry).catch(() => ({ ...entry, id: -1 }));
  list.prepend(row(kept));
  while (list.children.length > SHOWN) list.lastElementChild?.remove();
  showWhetherEmpty();
}

function showWhetherEmpty() {
  const isEmpty = list.children.length === 0;
  empty.hidden = !isEmpty;
  tools.hidden = isEmpty;
}

/** @param {Entry} kept */
function row(kept) {
  let entry = kept;
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.className = "name";
  const show = () => name.replaceChildren(entry.label === null ? entry.word : crossedOut(entry.word));
  show();
  const replay = button("replay", text.history.replay(entry.word));
  replay.addEventListener("click", () => play(entry.wav));
  const download = button("download", text.history.download(entry.word));
  download.addEventListener("click", () => save(entry.wav, `${entry.label || entry.word}.wav`));
  const wrong = correction(entry);
  wrong.addEventListener("change", () => {
    entry = { ...entry, label: wrong.value === entry.word ? null : wrong.value };
    show();
    if (entry.id >= 0) void change(entry).then(() => item.setAttribute("data-kept", ""));
  });
  const share = document.createElement("span");
  share.className = "share";
  share.textContent = text.percent(entry.confidence);
  item.append(replay, name, share, wrong, download);
  return item;
}

/** @param {Entry} entry */
function correction(entry) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", text.history.wrong(entry.word));
  select.append(new Option(text.history.wrongShort, entry.word));
  select.append(...words.filter((word) => word !== entry.word).map((word) => new Option(word)));
  select.append(new Option(text.history.none, NONE));
  select.value = entry.label ?? entry.word;
  return select;
}

/** @param {string} kind @param {string} label */
function button(kind, label) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = `icon ${kind}`;
  element.setAttribute("aria-label", label);
  return element;
}

/** @param {string} word */
function crossedOut(word) {
  const element = document.createElement("s");
  element.textContent = word;
  return element;
}

/** @param {Blob} wav */
export function play(wav) {
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(wav);
  void player.play();
}

/** @param {Blob} content @param {string} name */
function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function exportAll() {
  save(makeZip(await asFolder(await entries(), readSpeaker())), "my-words.zip");
}

async function forgetAll() {
  await forget().catch(() => {});
  list.replaceChildren();
  showWhetherEmpty();
}

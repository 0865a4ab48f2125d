/**
 * The words that are being taught, on the page: record, hear again, delete. Each change is kept in this browser.
 */

import { part } from "./parts.js";
import { dropTake, keepTake, keepWords } from "./teach-store.js";
import { text } from "./teach-text.js";
import { encodeWav } from "./wav.js";

/** @typedef {import("./teach-store.js").Take} Take */

export const WANTED = 5; // recordings of a word
const MOST_WORDS = 100;
const LONGEST_NAME = 40;

const list = part("words", HTMLOListElement);
const player = new Audio();

export class Words {
  /** @type {Map<string, { takes: Take[], item: HTMLLIElement, button: HTMLButtonElement }>} */
  #words = new Map();
  #unkept = -1; // numbers of recordings that could not be stored

  /**
   * @param {number} rate of the recordings, in hertz
   * @param {(word: string) => void} onRecord @param {() => void} onChange @param {() => void} onNotKept
   */
  constructor(rate, onRecord, onChange, onNotKept) {
    this.rate = rate;
    this.onRecord = onRecord;
    this.onChange = onChange;
    this.onNotKept = onNotKept;
  }

  get names() {
    return [...this.#words.keys()];
  }

  get takes() {
    return [...this.#words.values()].flatMap(({ takes }) => takes);
  }

  /** @param {string} word */
  count(word) {
    return this.#words.get(word)?.takes.length ?? 0;
  }

  /** What is wrong with a new word, or null. @param {string} word @returns {string | null} */
  faultOf(word) {
    if (word === "") return text.name.empty;
    if (this.#words.has(word)) return text.name.known;
    if (word.length > LONGEST_NAME || /^[._-]|[/\\]|\p{C}/u.test(word)) return text.name.characters;
    return this.#words.size >= MOST_WORDS ? text.name.many : null;
  }

  /** @param {string} word */
  add(word) {
    this.show(word, []);
    void this.#keep(keepWords(this.names));
    this.onChange();
  }

  /** @param {string} word @param {Take[]} takes as kept */
  show(word, takes) {
    const item = document.createElement("li");
    const button = makeButton("quiet record", text.record(word), text.recordShort);
    button.addEventListener("click", () => this.onRecord(word));
    const remove = makeButton("quiet", text.removeWord(word), text.removeShort);
    remove.addEventListener("click", () => this.#remove(word));
    const name = document.createElement("h3");
    name.textContent = word;
    const count = document.createElement("p");
    count.className = "count";
    const recorded = document.createElement("ol");
    item.append(name, count, button, remove, recorded);
    list.append(item);
    this.#words.set(word, { takes, item, button });
    this.#draw(word);
  }

  /** @param {string} word @param {Float32Array} samples @param {Take["fault"]} fault */
  async addTake(word, samples, fault) {
    const take = { word, samples, fault };
    const entry = this.#words.get(word);
    if (!entry) return;
    const kept = { ...take, id: this.#unkept-- };
    entry.takes.push(kept);
    this.#draw(word);
    this.onChange();
    await this.#keep(keepTake(take).then(({ id }) => void (kept.id = id)));
  }

  /** Show which word is being recorded. @param {string | null} recorded */
  mark(recorded) {
    for (const [word, { item, button }] of this.#words) {
      item.toggleAttribute("data-recording", word === recorded);
      button.setAttribute("aria-label", word === recorded ? text.stopRecording(word) : text.record(word));
      button.textContent = word === recorded ? text.stopShort : text.recordShort;
    }
  }

  /** @param {string} word */
  #draw(word) {
    const entry = this.#words.get(word);
    if (!entry) return;
    const { takes, item, button } = entry;
    /** @type {HTMLElement} */ (item.querySelector(".count")).textContent = text.count(takes.length, WANTED);
    const rows = takes.map((take, index) => {
      const row = document.createElement("li");
      const replay = makeButton("icon replay", text.replay(word, index + 1));
      replay.addEventListener("click", () => this.#play(take));
      const remove = makeButton("icon delete", text.remove(word, index + 1));
      remove.addEventListener("click", () => {
        entry.takes.splice(entry.takes.indexOf(take), 1);
        void this.#keep(dropTake(take.id));
        this.#draw(word);
        button.focus();
        this.onChange();
      });
      const fault = document.createElement("span");
      fault.textContent = take.fault ? text.fault[take.fault] : String(index + 1);
      row.append(replay, fault, remove);
      return row;
    });
    item.querySelector("ol")?.replaceChildren(...rows);
  }

  /** @param {string} word */
  #remove(word) {
    const entry = this.#words.get(word);
    if (!entry) return;
    this.#words.delete(word);
    entry.item.remove();
    part("name", HTMLInputElement).focus();
    void this.#keep(Promise.all([keepWords(this.names), ...entry.takes.map(({ id }) => dropTake(id))]));
    this.onChange();
  }

  /** @param {Take} take */
  #play({ samples }) {
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(new Blob([encodeWav(samples, this.rate)], { type: "audio/wav" }));
    void player.play();
  }

  /** @param {Promise<unknown>} kept */
  async #keep(kept) {
    await kept.catch(() => this.onNotKept());
  }
}

/** @param {string} kind @param {string} label @param {string} [shown] */
function makeButton(kind, label, shown = "") {
  const element = document.createElement("button");
  element.type = "button";
  element.className = kind;
  element.textContent = shown;
  element.setAttribute("aria-label", label);
  return element;
}

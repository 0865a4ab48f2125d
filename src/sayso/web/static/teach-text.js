/**
 * Every English sentence of the Teach page's scripts. A translation is another file like this one.
 */

/** @typedef {import("./teaching.js").Report} Report */

const ALIKE_SHARE = 0.1; // of two words' recordings heard as the other, from which on they are too alike
const UNLIKE_PROBABILITY = 0.1; // a recording whose word is given less is unlike the others

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;
/** @param {number} count */
const recordings = (count) => (count === 1 ? "1 recording" : `${count} recordings`);

export const text = {
  /** @param {string} word */
  record: (word) => `Record ${word}`,
  recordShort: "Record",
  /** @param {string} word */
  stopRecording: (word) => `Stop recording ${word}`,
  stopShort: "Stop",
  /** @param {string} word */
  removeWord: (word) => `Remove ${word} and its recordings`,
  removeShort: "Remove",
  /** @param {string} word @param {number} number */
  replay: (word, number) => `Replay recording ${number} of ${word}`,
  /** @param {string} word @param {number} number */
  remove: (word, number) => `Delete recording ${number} of ${word}`,
  /** @param {number} count @param {number} wanted */
  count: (count, wanted) => (count < wanted ? `${count} of ${wanted}` : recordings(count)),
  /** @type {Record<"clipped" | "long", string>} */
  fault: { clipped: "too loud", long: "rather long" },

  opening: "Opening the microphone…",
  /** @param {string} word @param {number} left */
  say: (word, left) => `Say “${word}”, ${left === 1 ? "once more" : `${left} times, with a pause after each`}.`,
  /** @param {string} word */
  enough: (word) => `“${word}” is recorded. Add another word, or learn.`,
  tooLong: "That was too long, or too noisy around you. Say the word alone.",
  silent: "That was too quiet. Come closer, and say it again.",

  /** @type {Record<"empty" | "known" | "characters" | "many", string>} */
  name: {
    empty: "Type the word first, then add it.",
    known: "That word is there already: record more of it, or choose another.",
    characters: "A word has at most 40 characters, does not start with _ . or -, and holds no slash.",
    many: "A hundred words are the most that can be taught at a time.",
  },
  noWords: "Add a word and record it first.",
  /** @param {string} word @param {number} count */
  more: (word, count) => `“${word}” has ${recordings(count)}: a word needs at least 3, better 5.`,
  modelName: "Name the model with up to 64 letters, digits, - or _, such as my-words.",
  learning: "Learning…",
  learnt: "Learnt. Try it below.",
  unteachable: "This server’s model cannot be taught in the browser.",
  failed: "Something went wrong while learning. Nothing was changed; try again.",
  notKept: "This browser’s storage is full or switched off: what is new here is gone when the page is left. Save it.",

  place: {
    browser: "Your recordings and the model stay in this browser.",
    server: "Your recordings are sent to the server, which keeps the model for all who use it, but not the recordings.",
    off: "This server takes no lessons, so everything stays in this browser.",
    nowhere: "This server takes no lessons, and was set up without the browser’s part: you can record and save, not learn.",
  },

  tryIt: "Try it",
  stop: "Stop",
  /** @param {string[]} words */
  sayOne: (words) => `Say ${words.map((word) => `“${word}”`).join(" or ")}.`,
  /** @param {string} name */
  ready: (name) => `The model ${name} is ready.`,

  /** @param {number} count @param {number} left */
  imported: (count, left) =>
    `${recordings(count)} added${left ? `; ${left} could not be used, being silent or unreadable` : ""}.`,
  importZip: "This is not a zip of recordings that can be read. It holds one folder for each word.",
  importLarge: "This file is too large: at most 128 MB, and 2,000 recordings.",
  importModel: "This is no sayso model, or a damaged one.",
};

/**
 * What is to be known of a model before anyone trusts it.
 *
 * @param {Report} report
 * @param {number[]} labels of the recordings
 */
export function sentencesOf({ words, accuracy, accepted, false_accepts, strangers, given, heard }, labels) {
  const lines = words.map(
    ({ word, recordings: count, recognised, accepted: surely }) =>
      `${word}: ${recognised} of ${recordings(count)} recognised, ${surely} of them surely enough`,
  );
  words.forEach(({ word }, label) => {
    const own = [...labels.keys()].filter((row) => labels[row] === label);
    const odd = own.flatMap((row, index) => (given[row] < UNLIKE_PROBABILITY ? [index + 1] : []));
    if (2 * odd.length > own.length) lines.push(`The recordings of “${word}” have little in common: record them again.`);
    else lines.push(...odd.map((number) => `Recording ${number} of “${word}” is unlike the others: listen to it.`));
    for (let other = label + 1; other < words.length; other += 1) {
      const wrong = labels.filter((is, row) => [is, heard[row]].sort().join() === [label, other].sort().join()).length;
      const both = labels.filter((is) => is === label || is === other).length;
      if (wrong < 2 || wrong < ALIKE_SHARE * both) continue;
      lines.push(`“${word}” and “${words[other].word}” will be confused: ${wrong} of ${both}. Choose words that sound less alike.`);
    }
  });
  return [
    ...lines,
    `${percent(accuracy)} of the recordings are recognised by a model that has not heard them, ${percent(accepted)} ` +
      `surely enough; of other speech (${strangers.toLocaleString("en")} recordings), ${percent(false_accepts)} would pass for a new word.`,
  ];
}

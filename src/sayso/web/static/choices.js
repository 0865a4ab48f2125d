/**
 * What the user has chosen, kept in this browser.
 */

const KEY = "sayso.choices";
const SPEAKER_KEY = "sayso.speaker";

/** @typedef {"handsfree" | "once"} Manner */
/** @typedef {"browser" | "server"} Place */

export const DEFAULTS = {
  /** @type {Manner} */
  manner: "handsfree",
  /** @type {Place} */
  place: "browser",
  device: "",
  processing: false,
};

/** @returns {typeof DEFAULTS} */
export function readChoices() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // storage is switched off, or holds something else
  }
}

/** @param {Partial<typeof DEFAULTS>} changed */
export function keepChoices(changed) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...readChoices(), ...changed }));
  } catch {
    // They hold until the page is left.
  }
}

/** Who speaks here, as the names of recordings want it: drawn once for each browser. */
export function readSpeaker() {
  const drawn = crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
  try {
    const speaker = localStorage.getItem(SPEAKER_KEY) ?? drawn;
    localStorage.setItem(SPEAKER_KEY, speaker);
    return speaker;
  } catch {
    return drawn;
  }
}

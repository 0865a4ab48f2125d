/**
 * Every English sentence the scripts show. A translation is another file like this one.
 */

/** Never certain, never impossible. @param {number} share 0 to 1 */
const percent = (share) => (share < 0.01 ? "< 1 %" : `${Math.min(99, Math.round(100 * share))} %`);

export const text = {
  percent,

  /** What to do, or what is going on, below the button. */
  hint: {
    resting: "Hold, or press once. Space works too.",
    opening: "Opening the microphone…",
    listening: "Let go, or press again, when done.",
    ending: "",
    asking: "",
  },

  listening: "speak now",
  waiting: "…",
  /** For those who hear the page. @param {string} word @param {string} sureness */
  spoken: (word, sureness) => `${word}, ${sureness}`,
  notSure: "not sure",
  /** @param {number} confidence */
  sure: (confidence) => `${percent(confidence)} sure`,
  /** @param {string} word @param {number} confidence */
  perhaps: (word, confidence) => `perhaps “${word}”, ${percent(confidence)}`,

  /** How to show the labels that are no words.
   * @type {Record<string, string>} */
  labels: { _silence_: "silence", _unknown_: "another word" },

  microphone: {
    insecure:
      "Browsers give the microphone to secure pages only. Open this page over https, or on the server’s own machine as http://localhost. A recording can be chosen below.",
    unsupported: "This browser offers no microphone to pages. A recording can be chosen below.",
    denied: "The microphone was refused. Allow it for this page in the browser’s address bar, then press again.",
    missing: "No microphone was found. Connect one, then press again, or choose a recording below.",
    busy: "The microphone cannot be opened: another program may be using it. Close that, then press again.",
    mute: "The microphone is open but gives no sound. Check that it is switched on, then press again.",
    lost: "The microphone was disconnected. Connect it, then press again.",
    failed: "The microphone could not be opened. Reload the page and try again.",
  },

  server: {
    unreachable: "The server cannot be reached. Check the connection, then try again.",
    slow: "The server did not answer in time. Try again.",
    /** @param {number} status */
    unclear: (status) => `The server answered with an error (${status}) and no explanation. Try again.`,
    /** @param {number} bytes */
    tooLarge: (bytes) => `This file is too large: at most ${Number((bytes / 1e6).toPrecision(3))} MB can be sent.`,
    unreadable: "This file cannot be read. Choose it again.",
  },
};

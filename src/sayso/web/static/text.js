/**
 * Every English sentence the scripts show. A translation is another file like this one.
 */

/** Never certain, never impossible. @param {number} share 0 to 1 */
const percent = (share) => (share < 0.01 ? "< 1 %" : `${Math.min(99, Math.round(100 * share))} %`);

/** @param {number} seconds @returns {string} such as 1:03.2 */
const time = (seconds) => {
  const tenths = Math.round(10 * seconds);
  return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
};

/** @param {number} count */
const words = (count) => (count === 0 ? "no words" : count === 1 ? "one word" : `${count} words`);

export const text = {
  percent,
  time,

  /** What to do, or what is going on, below the button. */
  hint: {
    handsfree: "Press, or hit Space, then just talk.",
    once: "Hold, or press once. Space works too.",
    opening: "Opening the microphone…",
    listeningHandsfree: "Listening. Press again to stop.",
    listeningOnce: "Let go, or press again, when done.",
    loud: "Too loud: move back a little.",
    quiet: "Very quiet: come closer, or check the microphone.",
    reading: "Listening to the recording…",
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
  silent: "The recording is silent: check that the right microphone is chosen and not muted.",

  /** How to show the labels that are no words.
   * @type {Record<string, string>} */
  labels: { _silence_: "silence", _unknown_: "another word" },

  /** How long each part took, in milliseconds; null where it is not known.
   * @param {number | null} capture @param {number | null} network @param {number | null} model */
  timing: (capture, network, model) =>
    [
      capture === null ? "" : `capture ${Math.round(capture)} ms`,
      network === null ? "" : network === 0 ? "network none" : `network ${Math.round(network)} ms`,
      model === null ? "" : `model ${model < 10 ? model.toFixed(1) : Math.round(model)} ms`,
    ]
      .filter(Boolean)
      .join(" · "),

  place: {
    loading: "Fetching the model, once…",
    browser: "Nothing you say leaves this browser; it works without a network.",
    server: "Sound is recognised in the server’s memory and not kept.",
    absent: "This server was set up without the browser’s part, so your voice is sent to it.",
    model: "This browser cannot run the model, so your voice is sent to the server.",
    locked: "This server gives its model only to those who have a token: press again to enter it.",
    unreachable: "The model could not be fetched. Check the connection, then press again, or send your voice to the server.",
  },

  /** The element that any page can have. */
  element: {
    start: "Listen",
    opening: "Opening…",
    listening: "Listening",
    /** @param {string} words */
    unknown: (words) => `The model does not know ${words}.`,
    absent: "This server was set up without the browser’s part.",
    model: "The model could not be loaded.",
    locked: "This server asks for a token.",
    unreachable: "The model could not be fetched.",
  },

  game: {
    ready: "Press Listen, then say “go”.",
    running: "Say where to.",
    paused: "Say “go” to go on.",
    over: "Bitten! Say “go” for another round.",
    /** @param {number} score @param {number} best */
    score: (score, best) => `${score} eaten · best ${best}`,
  },

  device: {
    usual: "The usual one",
    /** @param {number} number */
    unnamed: (number) => `Microphone ${number}`,
  },

  history: {
    /** @param {string} word */
    replay: (word) => `Replay ${word}`,
    /** @param {string} word */
    download: (word) => `Download ${word}`,
    /** @param {string} word */
    wrong: (word) => `Heard as ${word}. Wrong? It was`,
    wrongShort: "wrong?",
    none: "none of these",
  },

  /** A recording, read through. */
  transcript: {
    /** @param {string} name @param {number} count @param {number} seconds */
    title: (name, count, seconds) => `${name}: ${words(count)} in ${time(seconds)}`,
    /** @param {string} word @param {number} seconds @param {number} confidence */
    play: (word, seconds, confidence) => `${word} at ${time(seconds)}, ${percent(confidence)} sure. Play`,
    unreadable:
      "This browser cannot read that recording. Send it to the server, which reads more formats, or choose another.",
    nothing: "None of the words was found in this recording.",
    tooLarge: "This recording is too large for the browser. Choose a shorter one.",
  },

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
    /** The server's own sentence is English already; a translation goes by the `code`. Not every proxy has one.
     * @param {{ code?: string, message?: string } | undefined} error */
    refused: (error) => error?.message,
    /** @param {number} status */
    unclear: (status) => `The server answered with an error (${status}) and no explanation. Try again.`,
    /** @param {number} bytes */
    tooLarge: (bytes) => `This file is too large: at most ${Number((bytes / 1e6).toPrecision(3))} MB can be sent.`,
    unreadable: "This file cannot be read. Choose it again.",
  },
};

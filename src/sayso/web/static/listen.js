/**
 * The Listen page: press, speak, read the word.
 *
 * It is in one state at a time, which the page shows: resting, opening (the microphone), listening, ending (the
 * take's last moment), asking (whoever hears). A press while asking gives the question up for a new take.
 */

import { showAnswer, showHeard, showListening, showProblem, showUnsure, showWaiting } from "./answer.js";
import { keepChoices, readChoices } from "./choices.js";
import { onChosenFile } from "./chosen-file.js";
import { decode, LARGEST_BYTES } from "./decode.js";
import { EngineError } from "./engine.js";
import { addToHistory, play, showHistory } from "./history-list.js";
import { Loudness } from "./loudness.js";
import { showDevices, workMicrophoneChoice } from "./microphone-choice.js";
import { worksWithoutNetwork } from "./offline.js";
import { part } from "./parts.js";
import { listen, MODEL_RATE, recognizeFile, recognizeSamples, staysHere, workPlaceSwitch } from "./place.js";
import { holdOrToggle } from "./press.js";
import { MicrophoneError, Recorder } from "./recorder.js";
import { ServerError } from "./server.js";
import { Tape } from "./tape.js";
import { text } from "./text.js";
import { transcribe } from "./transcript.js";
import { Waveform } from "./waveform.js";

const LONGEST_TAKE_S = 4; // one word, spoken at leisure
const ONE_WORD_S = 2.5; // a longer recording may hold several
const KEPT_S = 1; // of the sound of a word, as in the recordings that models learn from
const MICROPHONE_STAYS_OPEN_MS = 10_000; // so that the next word starts at once

/** @typedef {"resting" | "opening" | "listening" | "ending" | "asking"} State */
/** @typedef {import("./server.js").Recognition} Recognition */
/** @typedef {import("./browser-ears.js").Stream} Stream */

const instrument = part("instrument", HTMLElement);
const button = part("talk", HTMLButtonElement);
const hint = part("hint", HTMLElement);
const timing = part("timing", HTMLElement);
const manners = part("manner", HTMLFieldSetElement);
const waveform = new Waveform(part("waveform", HTMLCanvasElement));
// What the recorder adds before and after must fit into what the server takes.
const takeSeconds = Math.min(LONGEST_TAKE_S, 0.8 * Number(instrument.dataset.maxSeconds));

/** @type {State} */
let state = "resting";
let { manner } = readChoices();
/** @type {Recorder | null} */
let recorder = null;
/** @type {Stream | null} hands-free, while listening */
let stream = null;
let closing = 0; // the timer that closes the microphone
let ending = 0; // the timer that ends the take
let question = new AbortController();

/** @param {State} next */
function enter(next) {
  state = next;
  instrument.dataset.state = next;
  instrument.dataset.manner = manner;
  hint.textContent = hintFor(next);
  button.setAttribute("aria-pressed", String(next === "listening"));
}

/** @param {State} now */
function hintFor(now) {
  if (now === "resting") return text.hint[manner];
  if (now === "opening") return text.hint.opening;
  if (now === "listening") return manner === "handsfree" ? text.hint.listeningHandsfree : text.hint.listeningOnce;
  return "";
}

async function start() {
  if (state === "opening" || state === "ending") return;
  question.abort();
  clearTimeout(closing);
  enter("opening");
  try {
    recorder ??= await Recorder.open(readChoices());
  } catch (error) {
    enter("resting");
    showProblem(text.microphone[error instanceof MicrophoneError ? error.reason : "failed"]);
    return;
  }
  void showDevices();
  recorder.onLost = lose;
  waveform.start();
  enter("listening");
  showListening();
  const hear = manner === "handsfree" ? startStream(recorder) : startTake(recorder);
  const { sampleRate } = recorder.context;
  const loudness = new Loudness();
  recorder.onBlock = (block) => {
    waveform.append(block, sampleRate);
    hear(block);
    const verdict = loudness.judge(block, sampleRate);
    const said = verdict === "right" ? hintFor(state) : text.hint[verdict];
    if (state === "listening" && hint.textContent !== said) hint.textContent = said;
  };
}

/** One word: recorded, then asked about. @param {Recorder} open */
function startTake(open) {
  open.start();
  ending = setTimeout(stop, 1000 * takeSeconds);
  return () => {};
}

/** Hands-free: every block is heard as it comes. @param {Recorder} open */
function startStream(open) {
  const { sampleRate } = open.context;
  const tape = new Tape(sampleRate);
  const mine = listen(sampleRate, {
    onHeard: (heard) => {
      showHeard(heard);
      waveform.mark(heard);
      showTiming(staysHere() ? 0 : null, mine.modelMilliseconds);
      void addToHistory(heard, tape.cut(heard, KEPT_S), sampleRate);
    },
    onUnsure: showUnsure,
    onFailed: (error) => {
      if (stream !== mine) return;
      stream = null;
      closeMicrophone();
      enter("resting");
      showProblem(sentenceFor(error));
    },
  });
  stream = mine;
  return (/** @type {Float32Array} */ block) => {
    tape.append(block);
    mine.feed(block);
  };
}

async function stop() {
  if (recorder === null || state !== "listening") return;
  clearTimeout(ending);
  enter("ending");
  const taken = recorder;
  const latest = stream;
  if (latest === null) {
    const { samples, sampleRate } = await taken.stop();
    taken.onBlock = () => {};
    waveform.stop();
    closing = setTimeout(closeMicrophone, MICROPHONE_STAYS_OPEN_MS);
    await answer((signal) => recognizeSamples(samples, sampleRate, signal), { samples, sampleRate });
    return;
  }
  closeMicrophone();
  await latest.finish();
  latest.close();
  stream = null;
  enter("resting");
}

/**
 * Ask who hears, and show the answer.
 *
 * @param {(signal: AbortSignal) => Promise<Recognition>} ask
 * @param {import("./recorder.js").Take | null} sound kept with the answer
 */
async function answer(ask, sound) {
  await inquire(async (signal) => {
    const began = performance.now();
    const recognition = await ask(signal);
    const { modelMilliseconds } = recognition;
    const network = staysHere() ? 0 : modelMilliseconds && performance.now() - began - modelMilliseconds;
    showAnswer(recognition);
    showTiming(network, modelMilliseconds);
    if (sound !== null && !(recognition.word in text.labels)) {
      const { samples, sampleRate } = sound;
      const start = Math.round(recognition.start_s * sampleRate);
      void addToHistory(recognition, samples.slice(start, start + KEPT_S * sampleRate), sampleRate);
    }
  });
}

/** Ask something of which only the latest matters. @param {(signal: AbortSignal) => Promise<void>} ask */
async function inquire(ask) {
  question.abort();
  const mine = new AbortController();
  question = mine;
  enter("asking");
  showWaiting();
  try {
    await ask(mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return; // a newer take has the page now
    showProblem(sentenceFor(error));
  }
  enter("resting");
}

/** @param {unknown} error what went wrong while hearing @returns {string} */
function sentenceFor(error) {
  if (error instanceof ServerError) return error.message;
  if (error instanceof EngineError) return text.place[error.reason];
  throw error;
}

/** @param {number | null} network @param {number | null} model both in milliseconds */
function showTiming(network, model) {
  timing.textContent = text.timing(recorder?.latencyMilliseconds ?? null, network, model);
}

/** @param {Blob & { name?: string }} file */
async function hearFile(file) {
  if (state === "listening") await stop();
  if (state !== "resting" && state !== "asking") return;
  const samples = await decode(file, MODEL_RATE);
  if (samples !== null && samples.length > ONE_WORD_S * MODEL_RATE) {
    await inquire(async (signal) => {
      hint.textContent = text.hint.reading;
      const name = file.name ?? "";
      const found = await transcribe(name, samples, MODEL_RATE, (events) => listen(MODEL_RATE, events), signal);
      const last = found.at(-1);
      if (last) showHeard(last);
      else showProblem(text.transcript.nothing);
    });
  } else if (samples !== null && staysHere()) {
    const sound = { samples, sampleRate: MODEL_RATE };
    await answer((signal) => recognizeSamples(samples, MODEL_RATE, signal), sound);
  } else if (staysHere()) {
    showProblem(file.size > LARGEST_BYTES ? text.transcript.tooLarge : text.transcript.unreadable);
  } else {
    await answer((signal) => recognizeFile(file, signal), samples && { samples, sampleRate: MODEL_RATE });
  }
}

/** A recorded word, for those without a microphone. @param {string} address */
async function hearSample(address) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) {
    showProblem(text.server.unreachable);
    return;
  }
  const file = await response.blob();
  play(file);
  await hearFile(file);
}

function closeMicrophone() {
  waveform.stop();
  recorder?.dispose();
  recorder = null;
}

function lose() {
  recorder = null;
  waveform.stop();
  stream?.close();
  stream = null;
  clearTimeout(ending);
  clearTimeout(closing);
  if (state !== "listening") return; // nobody was using it
  enter("resting");
  showProblem(text.microphone.lost);
}

manners.addEventListener("change", (event) => {
  manner = /** @type {import("./choices.js").Manner} */ (/** @type {HTMLInputElement} */ (event.target).value);
  keepChoices({ manner });
  if (state === "listening") void stop();
  else enter(state);
});
for (const input of manners.querySelectorAll("input")) input.checked = input.value === manner;
workPlaceSwitch(() => {
  if (state === "listening") void stop();
});
workMicrophoneChoice(() => {
  if (state === "listening") void stop().then(closeMicrophone);
  else closeMicrophone();
});
holdOrToggle(button, { isOn: () => state === "listening", start, stop });
onChosenFile(part("file", HTMLInputElement), (file) => void hearFile(file));
const samples = [...document.querySelectorAll("[data-sample]")].map((sample) => {
  const address = sample.getAttribute("data-sample") ?? "";
  sample.addEventListener("click", () => void hearSample(address));
  return address;
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden || stream !== null) return; // hands-free goes on
  if (state === "listening") void stop();
  else if (state === "resting" || state === "asking") closeMicrophone();
});

instrument.style.setProperty("--take", `${takeSeconds}s`);
enter("resting");
void showHistory([...part("vocabulary", HTMLElement).children].map((chip) => chip.textContent ?? ""));
void worksWithoutNetwork(instrument.dataset.worker ?? "", [instrument.dataset.model ?? "", ...samples]);

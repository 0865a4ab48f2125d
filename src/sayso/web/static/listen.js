/**
 * The Listen page: press, speak, read the word.
 *
 * It is in one state at a time, which the page shows: resting, opening (the microphone), listening, ending (the
 * take's last moment), asking (the server). A press while asking gives the question up for a new take.
 */

import { showAnswer, showListening, showProblem, showWaiting } from "./answer.js";
import { onChosenFile } from "./chosen-file.js";
import { part } from "./parts.js";
import { holdOrToggle } from "./press.js";
import { MicrophoneError, Recorder } from "./recorder.js";
import { recognize, ServerError } from "./server.js";
import { text } from "./text.js";
import { encodeWav } from "./wav.js";

const LONGEST_TAKE_S = 4; // one word, spoken at leisure
const MICROPHONE_STAYS_OPEN_MS = 10_000; // so that the next word starts at once

/** @typedef {"resting" | "opening" | "listening" | "ending" | "asking"} State */

const instrument = part("instrument", HTMLElement);
const button = part("talk", HTMLButtonElement);
const hint = part("hint", HTMLElement);
const endpoint = instrument.dataset.endpoint ?? "";
const maxBytes = Number(instrument.dataset.maxBytes);
const maxSeconds = Number(instrument.dataset.maxSeconds);
// What the recorder adds before and after must fit into what the server takes.
const takeSeconds = Math.min(LONGEST_TAKE_S, 0.8 * maxSeconds);

/** @type {State} */
let state = "resting";
/** @type {Recorder | null} */
let recorder = null;
let closing = 0; // the timer that closes the microphone
let ending = 0; // the timer that ends the take
let question = new AbortController();

/** @param {State} next */
function enter(next) {
  state = next;
  instrument.dataset.state = next;
  hint.textContent = text.hint[next];
  button.setAttribute("aria-pressed", String(next === "listening"));
}

async function start() {
  if (state === "opening" || state === "ending") return;
  question.abort();
  clearTimeout(closing);
  enter("opening");
  try {
    recorder ??= await Recorder.open();
  } catch (error) {
    enter("resting");
    showProblem(text.microphone[error instanceof MicrophoneError ? error.reason : "failed"]);
    return;
  }
  recorder.onLevel = (level) => instrument.style.setProperty("--level", level.toFixed(3));
  recorder.onLost = lose;
  recorder.start();
  ending = setTimeout(stop, 1000 * takeSeconds);
  enter("listening");
  showListening();
}

async function stop() {
  if (recorder === null || state !== "listening") return;
  clearTimeout(ending);
  enter("ending");
  const { samples, sampleRate } = await recorder.stop();
  closing = setTimeout(closeMicrophone, MICROPHONE_STAYS_OPEN_MS);
  await ask(new Blob([encodeWav(samples, sampleRate)], { type: "audio/wav" }));
}

/** @param {Blob} recording */
async function ask(recording) {
  question.abort();
  const mine = new AbortController();
  question = mine;
  enter("asking");
  showWaiting();
  try {
    if (recording.size > maxBytes) throw new ServerError(text.server.tooLarge(maxBytes));
    showAnswer(await recognize(endpoint, recording, mine.signal));
  } catch (error) {
    if (mine.signal.aborted) return; // a newer take has the page now
    if (!(error instanceof ServerError)) throw error;
    showProblem(error.message);
  }
  enter("resting");
}

function closeMicrophone() {
  recorder?.dispose();
  recorder = null;
}

function lose() {
  recorder = null;
  clearTimeout(ending);
  clearTimeout(closing);
  if (state !== "listening") return; // nobody was using it
  enter("resting");
  showProblem(text.microphone.lost);
}

holdOrToggle(button, { isOn: () => state === "listening", start, stop });
onChosenFile(part("file", HTMLInputElement), (file) => {
  if (state === "resting" || state === "asking") void ask(file);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  if (state === "listening") void stop();
  else if (state === "resting" || state === "asking") closeMicrophone();
});

instrument.style.setProperty("--take", `${takeSeconds}s`);
enter("resting");

/**
 * The microphone on the Teach page: one thing at a time listens, the words being recorded or the model being tried.
 */

import { readChoices } from "./choices.js";
import { MicrophoneError, Recorder } from "./recorder.js";
import { text } from "./text.js";

/** @type {Recorder | null} */
let recorder = null;
/** @type {() => void} */
let end = () => {};
let turn = 0;

/**
 * Open the microphone for something; whatever had it before is ended.
 *
 * @param {(sampleRate: number) => (block: Float32Array) => void} begin once it is open
 * @param {{ onEnd: () => void, onProblem: (sentence: string) => void }} events the end: by whom or what ever
 */
export async function hear(begin, { onEnd, onProblem }) {
  hush();
  const mine = turn;
  end = onEnd;
  let opened;
  try {
    opened = await Recorder.open(readChoices());
  } catch (error) {
    if (mine !== turn) return;
    hush();
    onProblem(text.microphone[error instanceof MicrophoneError ? error.reason : "failed"]);
    return;
  }
  if (mine !== turn) {
    opened.dispose();
    return;
  }
  recorder = opened;
  opened.onLost = () => {
    hush();
    onProblem(text.microphone.lost);
  };
  opened.onBlock = begin(opened.context.sampleRate);
}

/** Close the microphone. */
export function hush() {
  turn += 1;
  recorder?.dispose();
  recorder = null;
  const ended = end;
  end = () => {};
  ended();
}

/**
 * The microphone, as something that records: open, start, stop, and every block of sound.
 *
 * It knows nothing of the page. One Recorder owns one microphone, one audio context and one worklet, and
 * `dispose` closes them all. While it is open it keeps the last moment of sound, so that a take which starts
 * while the speaker has already begun still holds the word's beginning.
 */

import { concatenated } from "./arrays.js";

const WANTED_SAMPLE_RATE = 16000; // hertz; what the models hear, so the browser's own resampling is enough
const PRE_ROLL_S = 0.25; // kept from before `start`
const TAIL_S = 0.25; // recorded beyond `stop`: fingers are quicker than the ends of words, and sound comes a block late
const FIRST_SOUND_MS = 5000; // an open microphone that gives nothing for so long will not
const BLOCK_SAMPLES = 1024; // of the worklet
const FLUSH_MS = 500;
// Nothing is played, so no loudspeaker is opened where the browser can do without; and the audio thread is woken once for
// each block, which takes half as much of the processor as whenever there is some sound.
const FRUGAL = /** @type {AudioContextOptions} */ ({ sinkId: { type: "none" }, latencyHint: 0.06 });

/** Which microphone, by the browser's name for it ("": the usual one), and whether the browser may change the sound:
 * cancel echo, suppress noise, even out loudness. That was made for calls; models hear best what came.
 * @typedef {{ device?: string, processing?: boolean }} Wanted */
/** @typedef {"insecure" | "unsupported" | "denied" | "missing" | "busy" | "mute" | "lost" | "failed"} MicrophoneReason */
/** @typedef {{ samples: Float32Array<ArrayBuffer>, sampleRate: number }} Take */

/** Why there is no microphone. */
export class MicrophoneError extends Error {
  /** @param {MicrophoneReason} reason @param {unknown} [cause] */
  constructor(reason, cause) {
    super(`microphone: ${reason}`, { cause });
    this.reason = reason;
  }
}

export class Recorder {
  /** @type {(() => void)[]} what to close, in the order it was opened */
  #opened = [];
  /** @type {Float32Array[]} */
  #blocks = [];
  #samples = 0; // in `#blocks`
  #isRecording = false;
  #onFlushed = () => {};
  /** @type {(block: Float32Array) => void} called for each block of sound, while the microphone is open */
  onBlock = () => {};
  /** Called when the microphone was taken away, after everything was closed. */
  onLost = () => {};

  /**
   * @param {AudioContext} context
   * @param {AudioWorkletNode} node
   */
  constructor(context, node) {
    this.context = context;
    this.node = node;
  }

  /**
   * Open the microphone; settled once sound arrives.
   *
   * @param {Wanted} [wanted]
   * @returns {Promise<Recorder>}
   * @throws {MicrophoneError}
   */
  static async open(wanted = {}) {
    /** @type {(() => void)[]} */
    const opened = [];
    try {
      const stream = await openStream(wanted);
      opened.push(() => stream.getTracks().forEach((track) => track.stop()));
      const { context, source } = openContext(stream);
      opened.push(() => void context.close());
      await context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
      const node = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
      source.connect(node).connect(context.destination); // silent; some browsers run only what leads somewhere
      opened.push(() => node.disconnect());
      const recorder = new Recorder(context, node);
      recorder.#opened = opened;
      await recorder.#firstSound();
      stream.getTracks().forEach((track) => track.addEventListener("ended", () => recorder.#lose()));
      return recorder;
    } catch (error) {
      closeAll(opened);
      throw error instanceof MicrophoneError ? error : new MicrophoneError("failed", error);
    }
  }

  /** Milliseconds from a sound to its block, as far as the browser tells. */
  get latencyMilliseconds() {
    return 1000 * ((this.context.baseLatency || 0) + BLOCK_SAMPLES / this.context.sampleRate);
  }

  /** Start a take. It begins with what was heard just before. */
  start() {
    this.#isRecording = true;
  }

  /**
   * End the take.
   *
   * @returns {Promise<Take>} what was recorded since `start`, with a moment before and after
   */
  async stop() {
    await pause(1000 * TAIL_S);
    const flushed = new Promise((resolve) => {
      this.#onFlushed = () => resolve(undefined);
    });
    this.node.port.postMessage("flush");
    await Promise.race([flushed, pause(FLUSH_MS)]); // a context that was closed under us never answers
    const take = { samples: concatenated(Float32Array, this.#blocks), sampleRate: this.context.sampleRate };
    this.#isRecording = false;
    this.#trim();
    return take;
  }

  /** Close the microphone and all else. */
  dispose() {
    this.onBlock = () => {};
    this.onLost = () => {};
    this.node.port.onmessage = null;
    closeAll(this.#opened);
  }

  #firstSound() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new MicrophoneError("mute")), FIRST_SOUND_MS);
      this.node.port.onmessage = ({ data }) => {
        clearTimeout(timer);
        this.#take(data);
        resolve(undefined);
      };
    });
  }

  /** @param {Float32Array | null} block null when all that was asked for has come */
  #take(block) {
    if (block === null) {
      this.#onFlushed();
      return;
    }
    this.#blocks.push(block);
    this.#samples += block.length;
    if (!this.#isRecording) this.#trim();
    this.onBlock(block);
  }

  /** Drop what is older than the pre-roll. */
  #trim() {
    const kept = PRE_ROLL_S * this.context.sampleRate;
    while (this.#blocks.length > 0 && this.#samples - this.#blocks[0].length >= kept) {
      this.#samples -= this.#blocks[0].length;
      this.#blocks.shift();
    }
  }

  #lose() {
    const { onLost } = this;
    this.dispose();
    onLost();
  }
}

/** @param {Wanted} wanted */
async function openStream({ device = "", processing = false }) {
  if (navigator.mediaDevices === undefined) throw new MicrophoneError(isSecureContext ? "unsupported" : "insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        ...(device && { deviceId: device }), // a wish: where it is gone, the usual one is opened
        echoCancellation: processing,
        noiseSuppression: processing,
        autoGainControl: processing,
      },
    });
  } catch (error) {
    throw new MicrophoneError(reasonFor(error), error);
  }
}

/** @param {MediaStream} stream */
function openContext(stream) {
  /** @param {AudioContextOptions} options */
  const attempt = (options) => {
    const context = new AudioContext(options);
    try {
      return { context, source: context.createMediaStreamSource(stream) };
    } catch (error) {
      void context.close();
      throw error;
    }
  };
  try {
    return attempt({ ...FRUGAL, sampleRate: WANTED_SAMPLE_RATE });
  } catch {
    return attempt({}); // older Firefoxes take a microphone at its own rate only; the server resamples
  }
}

/** @param {unknown} error what getUserMedia threw @returns {MicrophoneReason} */
function reasonFor(error) {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}

/** @param {(() => void)[]} opened emptied; last opened is first closed */
function closeAll(opened) {
  while (opened.length > 0) opened.pop()?.();
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

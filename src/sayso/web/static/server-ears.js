/**
 * Hearing a stream on the server: 16-bit samples out, words back, over one WebSocket.
 */

import { ServerError } from "./server.js";
import { text } from "./text.js";
import { isAllowedNow, protocols } from "./token.js";

/** @typedef {import("./browser-ears.js").Events} Events */
/** @typedef {import("./browser-ears.js").Stream} Stream */

const MOST_WAITING_BYTES = 256 * 1024; // of a recording that is sent faster than it is heard
const MOST_SAMPLES = 32 * 1024; // in a message
const FINISHED_MS = 15_000; // and as long again as the sound itself: the server hears at its leisure

/**
 * @param {string} address of the socket
 * @param {string} model its name on the server
 * @param {number} sampleRate of the samples fed, in hertz
 * @param {Events} events
 * @returns {Stream}
 */
export function listenThere(address, model, sampleRate, { onHeard, onUnsure, onFailed }) {
  const url = new URL(address, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  let isOpen = true;
  let isFinishing = false;
  let seconds = 0; // of sound
  /** @type {(() => void)} */
  let onEnd = () => {};

  /** @param {unknown} error */
  const fail = (error) => {
    if (isOpen) onFailed(error);
    isOpen = false;
    onEnd();
  };
  /** @type {() => void} */
  let onOpened = () => {};
  let turn = /** @type {Promise<void>} */ (new Promise((resolve) => (onOpened = resolve)));
  const connect = () => {
    const opening = new WebSocket(url, protocols());
    let hasOpened = false;
    opening.onopen = () => {
      hasOpened = true;
      opening.send(JSON.stringify({ sample_rate: sampleRate, model, unsure: onUnsure !== undefined }));
      onOpened();
    };
    opening.onmessage = ({ data }) => {
      if (!isOpen) return;
      const answer = JSON.parse(data);
      if (answer.error) fail(new ServerError(text.server.refused(answer.error)));
      else if (answer.word) {
        const { word, confidence, start_s, end_s, accepted } = answer;
        const tell = accepted ? onHeard : onUnsure;
        tell?.({ word, confidence, start_s, end_s, alternatives: [{ word, confidence }] });
      }
    };
    opening.onclose = async ({ wasClean, code, reason }) => {
      // Why a WebSocket was refused is not told to pages: asked again without one, the server says.
      if (isOpen && !hasOpened && (await isAllowedNow(address)) && isOpen) {
        socket = connect();
        return;
      }
      if (isFinishing && wasClean && code === 1000) onEnd();
      else fail(new ServerError(reason || text.server.unreachable));
      isOpen = false;
    };
    return opening;
  };
  let socket = connect();

  /** @param {string | ArrayBuffer} message */
  const send = (message) => {
    turn = turn.then(async () => {
      while (isOpen && socket.bufferedAmount > MOST_WAITING_BYTES) await pause(20);
      if (isOpen) socket.send(message);
    });
    return turn;
  };
  return {
    modelMilliseconds: null,
    feed: (samples) => {
      seconds += samples.length / sampleRate;
      for (let i = 0; i < samples.length; i += MOST_SAMPLES) void send(pcm16(samples.subarray(i, i + MOST_SAMPLES)));
    },
    finish: async () => {
      const ended = new Promise((resolve) => {
        onEnd = () => resolve(undefined);
      });
      if (!isOpen) return;
      isFinishing = true;
      await send(JSON.stringify({ finish: true }));
      await Promise.race([ended, pause(FINISHED_MS + 1000 * seconds)]);
    },
    close: () => {
      isOpen = false;
      socket.close();
    },
  };
}

/** @param {Float32Array} samples @returns {ArrayBuffer} little-endian, as the format wants it */
function pcm16(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  samples.forEach((sample, i) => {
    view.setInt16(2 * i, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true);
  });
  return view.buffer;
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

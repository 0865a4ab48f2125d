/**
 * Asking the server what a recording says, or a stream.
 */

import { text } from "./text.js";
import { fetchAllowed } from "./token.js";

const PATIENCE_MS = 15000;

/** @typedef {{ word: string, confidence: number }} Alternative */
/** What was heard, where in the recording, and how long the model took where that is known.
 * @typedef {{ word: string, confidence: number, accepted: boolean, alternatives: Alternative[], start_s: number,
 *   modelMilliseconds: number | null }} Recognition */

/** What to tell the user when there is no answer. */
export class ServerError extends Error {}

/**
 * Send a recording.
 *
 * @param {string} endpoint
 * @param {Blob} recording
 * @param {AbortSignal} signal gives up; the promise is then rejected with its reason
 * @returns {Promise<Recognition>}
 * @throws {ServerError}
 */
export async function recognize(endpoint, recording, signal) {
  let response;
  let answer;
  try {
    const inTime = () => AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    response = await fetchAllowed(endpoint, () => ({ method: "POST", body: recording, signal: inTime() }));
    answer = await response.json().catch((error) => {
      if (error instanceof SyntaxError) return null; // not JSON: a proxy's error page, perhaps
      throw error;
    });
  } catch (error) {
    signal.throwIfAborted();
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw new ServerError(isLate ? text.server.slow : text.server.unreachable, { cause: error });
  }
  if (response.ok && answer !== null) return { ...answer, modelMilliseconds: modelTime(response) };
  throw new ServerError(text.server.refused(answer?.error) ?? text.server.unclear(response.status));
}

/** What the server says of its own part. @param {Response} response @returns {number | null} */
function modelTime(response) {
  const told = /model;.*?dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return told ? Number(told[1]) : null;
}

/**
 * The model card, read from the model file itself, and what it makes of scores.
 */

const METADATA_KEY = "sayso";
const METADATA_FIELD = 14; // of ONNX's ModelProto: `metadata_props`, each with a key (1) and a value (2)

export const SILENCE = "_silence_";
/** Labels that stand for the absence of any known word. */
export const REJECTIONS = [SILENCE, "_unknown_"];

/**
 * @typedef {{
 *   name: string, labels: string[], sample_rate: number, window_seconds: number, training_clips?: number[],
 *   calibration: { temperature: number, threshold: number },
 * }} Card
 */

/**
 * Read the card out of an ONNX file.
 *
 * @param {Uint8Array} file
 * @returns {Card}
 * @throws {Error} the file is no ONNX file, or has no card
 */
export function readCard(file) {
  const decoder = new TextDecoder();
  for (const [field, bytes] of fieldsOf(file)) {
    if (field !== METADATA_FIELD) continue;
    const entry = Object.fromEntries([...fieldsOf(bytes)].map(([part, content]) => [part, decoder.decode(content)]));
    if (entry[1] === METADATA_KEY) return JSON.parse(entry[2]);
  }
  throw new Error("this file has no sayso card");
}

/** @param {Card} card */
export function windowSamples(card) {
  return Math.round(card.sample_rate * card.window_seconds);
}

/** @param {Card} card */
export function wordsOf(card) {
  return card.labels.filter((label) => !REJECTIONS.includes(label));
}

/**
 * Calibrated probabilities of rows of scores.
 *
 * @param {Card} card
 * @param {Float32Array} logits of any number of windows, one after another
 * @returns {Float32Array[]} one row for each window
 */
export function probabilities(card, logits) {
  const length = card.labels.length;
  const rows = [];
  for (let start = 0; start < logits.length; start += length) {
    const row = logits.slice(start, start + length).map((logit) => logit / card.calibration.temperature);
    const highest = Math.max(...row);
    const powers = row.map((logit) => Math.exp(logit - highest));
    const sum = powers.reduce((total, power) => total + power, 0);
    rows.push(powers.map((power) => power / sum));
  }
  return rows;
}

/**
 * The fields of a protocol buffer that hold bytes.
 *
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>} number and content
 */
function* fieldsOf(message) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at];
      if (byte === undefined) throw new Error("this file is not a model");
      at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      yield [Math.floor(tag / 8), message.subarray(at, at + length)];
      at += length;
    } else throw new Error("this file is not a model");
  }
}

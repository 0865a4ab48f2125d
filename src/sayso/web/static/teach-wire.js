/**
 * Protocol buffers, read and written field by field: the same as `teaching/wire.py`.
 */

import { concatenated } from "./arrays.js";

/** @typedef {{ number: number, content: Uint8Array, value: number, raw: Uint8Array }} Field */

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** @param {Uint8Array} message @returns {Generator<Field>} */
export function* fieldsOf(message) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let place = 0; place < 10; place++) {
      if (at >= message.length) break;
      const byte = message[at++];
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) return value;
    }
    throw new Error("this file is no model, or a damaged one");
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const kind = tag % 8;
    /** @type {Uint8Array} */
    let content = new Uint8Array();
    let value = 0;
    if (kind === 0) value = varint();
    else if (kind === 2) {
      const length = varint();
      content = message.subarray(at, at + length);
      at += length;
    } else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else throw new Error("this file is no model, or a damaged one");
    if (at > message.length) throw new Error("this file is no model, or a damaged one");
    yield { number: Math.floor(tag / 8), content, value, raw: message.subarray(start, at) };
  }
}

/** @param {Uint8Array} message @param {number} number */
export function contentOf(message, number) {
  for (const field of fieldsOf(message)) if (field.number === number) return field.content;
  return new Uint8Array();
}

/** @param {Uint8Array} message @param {number} number */
export function textOf(message, number) {
  return decoder.decode(contentOf(message, number));
}

/** @param {number} value */
function encodeVarint(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

/** @param {number} number @param {number} value */
export function varintField(number, value) {
  return joined(encodeVarint(number * 8), encodeVarint(value));
}

/** @param {number} number @param {Uint8Array} content */
export function bytesField(number, content) {
  return joined(encodeVarint(number * 8 + 2), encodeVarint(content.length), content);
}

/** @param {number} number @param {string} text */
export function textField(number, text) {
  return bytesField(number, encoder.encode(text));
}

/** @param {...Uint8Array} parts */
export function joined(...parts) {
  return concatenated(Uint8Array, parts);
}

/** @param {Uint8Array} first @param {Uint8Array} second */
export function sameBytes(first, second) {
  return first.length === second.length && first.every((byte, index) => byte === second[index]);
}

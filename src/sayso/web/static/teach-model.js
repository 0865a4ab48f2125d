/**
 * A model file, opened to be taught, and the same graph with another head, card and memory: the same as
 * `teaching/model_file.py` and `memory.py`, byte for byte.
 */

import { bytesField, contentOf, fieldsOf, joined, sameBytes, textField, textOf, varintField } from "./teach-wire.js";

const CARD_KEY = "sayso";
const MEMORY_KEY = "sayso_memory";
const [GRAPH, METADATA] = [7, 14]; // of a model
const [NODE, INITIALIZER, OUTPUT] = [1, 5, 12]; // of a graph
const [INPUTS, OUTPUTS, OPERATOR, ATTRIBUTE] = [1, 2, 4, 5]; // of a node
const [DIMS, DATA_TYPE, NAME, RAW] = [1, 2, 8, 9]; // of a tensor
const [FLOAT32, INT64] = [1, 7];
const [WEIGHT, BIAS, SIZES, AXIS] = ["head.weight", "head.bias", "head.sizes", "head.axis"];
const [CENTRE, UNLIKE, FEATURES] = ["head.centre", "head.unlike", "head.features"];
const [FIRST, END] = ["head.first", "head.end"];
const BEYOND = 2 ** 31 - 1; // the end of any embedding

/** @typedef {import("./teach-measure.js").Head} Head */
/** What a model remembers, in steps of each feature.
 * @typedef {{ labels: string[], low: Float32Array, step: Float32Array, rows: Uint8Array, first: number }} StoredMemory */
/** @typedef {{ content: Uint8Array, card: any, head: Head, memory: StoredMemory | null }} OpenedModel */

const decoder = new TextDecoder();

/** @param {Uint8Array} content @returns {OpenedModel} @throws {Error} no model that can be taught */
export function readModel(content) {
  const metadata = new Map();
  for (const field of fieldsOf(content)) {
    if (field.number === METADATA) metadata.set(textOf(field.content, 1), textOf(field.content, 2));
  }
  if (!metadata.has(CARD_KEY)) throw new Error("this file has no sayso card");
  const card = JSON.parse(metadata.get(CARD_KEY));
  const graph = contentOf(content, GRAPH);
  const [features, weightName, biasName] = rowsNode(graph).inputs;
  const [weight, bias] = [tensorOf(graph, weightName), tensorOf(graph, biasName)];
  const labels = [...card.labels];
  while (labels.length < bias.length) labels.push(labels[labels.length - 1]);
  const memory = metadata.has(MEMORY_KEY) ? readMemory(metadata.get(MEMORY_KEY)) : null;
  const measure = features === FEATURES ? measureIn(graph) : null;
  return { content, card, head: { labels, weight, bias, measure }, memory };
}

/**
 * The same graph with another card, head and memory.
 * @param {OpenedModel} opened @param {any} card @param {Head} head @param {StoredMemory | null} memory
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function writeModel(opened, card, head, memory) {
  const parts = [];
  for (const field of fieldsOf(opened.content)) {
    if (field.number === GRAPH) parts.push(bytesField(GRAPH, withHead(field.content, head, card.labels.length)));
    else if (field.number !== METADATA || ![CARD_KEY, MEMORY_KEY].includes(textOf(field.content, 1))) parts.push(field.raw);
  }
  const texts = [[CARD_KEY, JSON.stringify(card)]];
  if (memory) texts.push([MEMORY_KEY, writeMemory(memory)]);
  for (const [key, value] of texts) parts.push(bytesField(METADATA, joined(textField(1, key), textField(2, value))));
  return joined(...parts);
}

/** The embeddings of a memory, `(N, features)`, as rounded. @param {StoredMemory} memory */
export function embeddingsOf({ low, step, rows }) {
  return Float64Array.from(rows, (value, index) => low[index % low.length] + value * step[index % low.length]);
}

/**
 * A memory with further embeddings.
 * @param {StoredMemory} memory @param {string[]} labels @param {Float64Array} embeddings
 * @returns {StoredMemory}
 */
export function addToMemory(memory, labels, embeddings) {
  const { low, step } = memory;
  const steps = Uint8Array.from(embeddings, (value, index) => {
    const place = index % low.length;
    return Math.min(255, Math.max(0, roundHalfEven((value - low[place]) / step[place])));
  });
  return { ...memory, labels: [...memory.labels, ...labels], rows: joined(memory.rows, steps) };
}

/** @param {StoredMemory} memory @param {string} label @returns {StoredMemory} */
export function forget(memory, label) {
  const kept = [...memory.labels.keys()].filter((row) => memory.labels[row] !== label);
  const width = memory.low.length;
  const rows = kept.map((row) => memory.rows.subarray(row * width, (row + 1) * width));
  return { ...memory, labels: kept.map((row) => memory.labels[row]), rows: joined(...rows) };
}

/** @param {string} text @returns {StoredMemory} */
function readMemory(text) {
  const { labels, label, low, step, rows, first = 0 } = JSON.parse(text); // older files have no first
  return {
    labels: label.map((/** @type {number} */ index) => labels[index]),
    low: Float32Array.from(low),
    step: Float32Array.from(step),
    rows: Uint8Array.from(atob(rows), (character) => character.charCodeAt(0)),
    first,
  };
}

/** @param {StoredMemory} memory */
function writeMemory(memory) {
  const labels = [...new Set(memory.labels)];
  let rows = "";
  for (let start = 0; start < memory.rows.length; start += 8192) {
    rows += String.fromCharCode(...memory.rows.subarray(start, start + 8192));
  }
  return JSON.stringify({
    labels,
    label: memory.labels.map((label) => labels.indexOf(label)),
    low: [...memory.low],
    step: [...memory.step],
    rows: btoa(rows),
    first: memory.first,
  });
}

/** The node that computes the rows, and the names of its inputs. @param {Uint8Array} graph */
function rowsNode(graph) {
  for (const field of fieldsOf(graph)) {
    if (field.number !== NODE || textOf(field.content, OPERATOR) !== "Gemm") continue;
    const inputs = [...fieldsOf(field.content)].filter((part) => part.number === INPUTS).map((part) => decoder.decode(part.content));
    if (["embedding", FEATURES].includes(inputs[0]) && inputs.length === 3) return { raw: field.raw, inputs };
  }
  throw new Error("this model does not end in a linear head, and so cannot be taught");
}

/** @param {Uint8Array} graph */
function measureIn(graph) {
  const first = initializer(graph, FIRST) ? tensorOf(graph, FIRST)[0] : 0; // in older files
  return { centre: tensorOf(graph, CENTRE), unlike: tensorOf(graph, UNLIKE), first };
}

/** The numbers of an initialiser: float32, or int64 where we wrote it. @param {Uint8Array} graph @param {string} name */
function tensorOf(graph, name) {
  const found = initializer(graph, name);
  const kind = found && [...fieldsOf(found)].find((part) => part.number === DATA_TYPE);
  if (!found || ![FLOAT32, INT64].includes(kind?.value ?? 0)) throw new Error("this model's head is not stored as float32 numbers");
  const { buffer } = contentOf(found, RAW).slice();
  return kind?.value === FLOAT32 ? Float64Array.from(new Float32Array(buffer)) : Float64Array.from(new BigInt64Array(buffer), Number);
}

/** @param {Uint8Array} graph @param {string} name @returns {Uint8Array | undefined} */
function initializer(graph, name) {
  return [...fieldsOf(graph)].find((field) => field.number === INITIALIZER && textOf(field.content, NAME) === name)?.content;
}

/** @param {Uint8Array} graph @param {Head} head @param {number} labels */
function withHead(graph, head, labels) {
  const { raw, inputs } = rowsNode(graph);
  const isOurs = (/** @type {string} */ name) => name.startsWith("head.");
  const parts = [];
  for (const field of fieldsOf(graph)) {
    if (field.number === NODE) {
      const outputs = [...fieldsOf(field.content)].filter((part) => part.number === OUTPUTS).map((part) => decoder.decode(part.content));
      if (outputs.some((name) => name === "logits" || isOurs(name)) || sameBytes(field.raw, raw)) continue;
    } else if (field.number === INITIALIZER) {
      const name = textOf(field.content, NAME);
      if (inputs.includes(name) || isOurs(name)) continue;
    } else if (field.number === OUTPUT && textOf(field.content, 1) === "logits") {
      parts.push(bytesField(OUTPUT, encodeOutput(labels)));
      continue;
    }
    parts.push(field.raw);
  }
  const { nodes, tensors } = headNodes(head, labels);
  return joined(...parts, ...nodes.map((part) => bytesField(NODE, part)), ...tensors.map((part) => bytesField(INITIALIZER, part)));
}

/** The nodes from `embedding` to `logits`, and their initialisers. @param {Head} head @param {number} labels */
function headNodes({ labels: { length: rows }, weight, bias, measure }, labels) {
  const merged = rows - labels + 1;
  const across = attribute("axis", 1);
  const nodes = [];
  const tensors = [floats(WEIGHT, [rows, weight.length / rows], weight), floats(BIAS, [rows], bias)];
  if (measure) {
    const width = measure.centre.length;
    nodes.push(
      node("Slice", ["embedding", FIRST, END, AXIS], ["head.part"]),
      node("Sign", ["head.part"], ["head.sign"]),
      node("Abs", ["head.part"], ["head.size"]),
      node("Sqrt", ["head.size"], ["head.root"]),
      node("Mul", ["head.sign", "head.root"], ["head.roots"]),
      node("Sub", ["head.roots", CENTRE], ["head.centred"]),
      node("MatMul", ["head.centred", UNLIKE], ["head.turned"]),
      node("Mul", ["head.turned", "head.centred"], ["head.products"]),
      node("ReduceSum", ["head.products", AXIS], ["head.sum"]),
      node("Concat", ["head.centred", "head.sum"], [FEATURES], across),
    );
    tensors.push(floats(CENTRE, [width], measure.centre), floats(UNLIKE, [width, width], measure.unlike));
  }
  if (measure || merged > 1) tensors.push(whole(AXIS, [1]));
  if (measure) tensors.push(whole(FIRST, [measure.first]), whole(END, [BEYOND]));
  const inputs = [measure ? FEATURES : "embedding", WEIGHT, BIAS];
  nodes.push(node("Gemm", inputs, [merged === 1 ? "logits" : "head.rows"], attribute("transB", 1)));
  if (merged > 1) {
    nodes.push(
      node("Split", ["head.rows", SIZES], ["head.words", "head.others"], across),
      node("ReduceLogSumExp", ["head.others", AXIS], ["head.merged"]),
      node("Concat", ["head.words", "head.merged"], ["logits"], across),
    );
    tensors.push(whole(SIZES, [labels - 1, merged]));
  }
  return { nodes, tensors };
}

/** @param {string} operator @param {string[]} inputs @param {string[]} outputs @param {Uint8Array} attribute */
function node(operator, inputs, outputs, attribute = new Uint8Array()) {
  const named = [...inputs.map((name) => textField(INPUTS, name)), ...outputs.map((name) => textField(OUTPUTS, name))];
  return joined(...named, textField(OPERATOR, operator), attribute);
}

/** A node's attribute that is a whole number. @param {string} name @param {number} value */
function attribute(name, value) {
  return bytesField(ATTRIBUTE, joined(textField(1, name), varintField(3, value), varintField(20, 2)));
}

/** @param {string} name @param {number[]} shape @param {number} kind @param {Float32Array | BigInt64Array} values */
function tensor(name, shape, kind, values) {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const dims = shape.map((size) => varintField(DIMS, size));
  return joined(...dims, varintField(DATA_TYPE, kind), textField(NAME, name), bytesField(RAW, raw));
}

/** @param {string} name @param {number[]} shape @param {Float64Array} values */
function floats(name, shape, values) {
  return tensor(name, shape, FLOAT32, Float32Array.from(values));
}

/** @param {string} name @param {number[]} values */
function whole(name, values) {
  return tensor(name, [values.length], INT64, BigInt64Array.from(values, BigInt));
}

/** The description of the output `logits`. @param {number} labels */
function encodeOutput(labels) {
  const shape = joined(bytesField(1, textField(2, "batch")), bytesField(1, varintField(1, labels)));
  return joined(textField(1, "logits"), bytesField(2, bytesField(1, joined(varintField(1, FLOAT32), bytesField(2, shape)))));
}

/** As NumPy rounds. @param {number} value */
function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

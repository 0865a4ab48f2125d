/**
 * The words of late, each with its sound, kept in this browser alone.
 */

const DATABASE = "sayso";
const STORE = "words";
const MOST_KEPT = 200;

/** `label` is what it was, where the user has put it right; "" stands for none of the words.
 * @typedef {{ id: number, word: string, confidence: number, label: string | null, wav: Blob }} Entry */

/** @param {Omit<Entry, "id">} entry @returns {Promise<Entry>} */
export async function keep(entry) {
  const id = Number(await run("readwrite", (store) => store.add(entry)));
  const keys = /** @type {number[]} */ (await run("readonly", (store) => store.getAllKeys()));
  for (const old of keys.slice(0, -MOST_KEPT)) await run("readwrite", (store) => store.delete(old));
  return { ...entry, id };
}

/** @param {Entry} entry as it is from now on */
export async function change(entry) {
  await run("readwrite", (store) => store.put(entry));
}

/** @returns {Promise<Entry[]>} oldest first */
export async function entries() {
  return run("readonly", (store) => store.getAll());
}

/** Forget all. */
export async function forget() {
  await run("readwrite", (store) => store.clear());
}

/**
 * The entries as a folder of words: what `sayso train` and the Teach page read.
 *
 * @param {Entry[]} kept
 * @param {string} speaker
 * @returns {Promise<{ name: string, bytes: Uint8Array<ArrayBuffer> }[]>}
 */
export async function asFolder(kept, speaker) {
  /** @type {Map<string, number>} */
  const takes = new Map();
  const files = [];
  for (const { word, label, wav } of kept) {
    const folder = label === "" ? "_unknown_" : (label ?? word);
    const take = takes.get(folder) ?? 0;
    takes.set(folder, take + 1);
    files.push({ name: `${folder}/${speaker}_nohash_${take}.wav`, bytes: new Uint8Array(await wav.arrayBuffer()) });
  }
  return files;
}

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>}
 */
async function run(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const request = work(database.transaction(STORE, mode).objectStore(STORE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

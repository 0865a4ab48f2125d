/**
 * The lessons of this browser: its words, their recordings and the model made of them.
 */

const DATABASE = "sayso-teach";
const TAKES = "takes";
const KEPT = "kept"; // under `words` and `model`

/** A recording of one word, at the models' rate; `fault` is what to tell of it.
 * @typedef {{ id: number, word: string, samples: Float32Array, fault: "clipped" | "long" | null }} Take */
/** A model that was taught; `home` is its name on the server, "" where it is not there.
 * @typedef {{ file: Uint8Array<ArrayBuffer>, name: string, home: string, sentences: string[] }} Taught */

/** @returns {Promise<{ words: string[], takes: Take[], model: Taught | null }>} */
export async function readLessons() {
  const [words, takes, model] = await Promise.all([
    run(KEPT, "readonly", (store) => store.get("words")),
    run(TAKES, "readonly", (store) => store.getAll()),
    run(KEPT, "readonly", (store) => store.get("model")),
  ]);
  return { words: words ?? [], takes, model: model ?? null };
}

/** @param {Omit<Take, "id">} take @returns {Promise<Take>} */
export async function keepTake(take) {
  return { ...take, id: Number(await run(TAKES, "readwrite", (store) => store.add(take))) };
}

/** @param {number} id */
export async function dropTake(id) {
  await run(TAKES, "readwrite", (store) => store.delete(id));
}

/** @param {string[]} words */
export async function keepWords(words) {
  await run(KEPT, "readwrite", (store) => store.put(words, "words"));
}

/** @param {Taught} model */
export async function keepModel(model) {
  await run(KEPT, "readwrite", (store) => store.put(model, "model"));
}

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(TAKES, { keyPath: "id", autoIncrement: true });
      request.result.createObjectStore(KEPT);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template T
 * @param {string} name @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>}
 */
async function run(name, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode);
    const request = work(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error); // a full disk shows only here
  });
}

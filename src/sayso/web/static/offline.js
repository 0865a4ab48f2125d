/**
 * The page without a network: a service worker keeps what the page is made of.
 */

// What the engine's own thread loads, which this page cannot see.
const ENGINE = ["engine-worker.js", "ort/ort.wasm.min.mjs", "ort/ort-wasm-simd-threaded.mjs", "ort/ort-wasm-simd-threaded.wasm"];

import { headers } from "./token.js";

/**
 * @param {string} worker the service worker's address
 * @param {string[]} others addresses of what is to be kept besides the page and its parts
 */
export async function worksWithoutNetwork(worker, others) {
  if (!("serviceWorker" in navigator)) return; // an insecure page, or a private window
  try {
    await navigator.serviceWorker.register(worker, { scope: "/" });
    const { active } = await navigator.serviceWorker.ready;
    const parts = performance.getEntriesByType("resource").map(({ name }) => name);
    const engine = ENGINE.map((name) => new URL(name, import.meta.url).href);
    const kept = [location.href, ...parts, ...engine, ...others].map((address) => new URL(address, document.baseURI));
    const addresses = kept.filter(({ origin }) => origin === location.origin).map(({ href }) => href);
    active?.postMessage({ addresses, headers: headers() });
  } catch {
    // Storage is full or forbidden: the page needs the network then.
  }
}

/**
 * Begins to load the model while the rest of the page is still being read: compiling the engine takes longest.
 *
 * Where the voice is sent to the server, nothing is loaded.
 */

import { readChoices } from "./choices.js";
import { loadModel } from "./engine.js";

const address = document.querySelector("meta[name=sayso-model]")?.getAttribute("content") ?? "";

/** @type {Promise<import("./engine.js").Model> | null} */
export const early = readChoices().place === "browser" ? loadModel(address) : null;
early?.catch(() => {}); // said by whoever uses it

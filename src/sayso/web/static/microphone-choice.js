/**
 * Which microphone, and whether the browser may change its sound.
 */

import { keepChoices, readChoices } from "./choices.js";
import { part } from "./parts.js";
import { text } from "./text.js";

const device = part("device", HTMLSelectElement);
const processing = part("processing", HTMLInputElement);

/** @param {() => void} onChange called when another microphone is wanted */
export function workMicrophoneChoice(onChange) {
  processing.checked = readChoices().processing;
  device.addEventListener("change", () => {
    keepChoices({ device: device.value });
    onChange();
  });
  processing.addEventListener("change", () => {
    keepChoices({ processing: processing.checked });
    onChange();
  });
  navigator.mediaDevices?.addEventListener("devicechange", () => void showDevices());
  void showDevices();
}

/** List the microphones there are; browsers name them once one was allowed. */
export async function showDevices() {
  const found = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const microphones = found.filter(({ kind, deviceId }) => kind === "audioinput" && !["", "default"].includes(deviceId));
  const options = microphones.map(({ label, deviceId }, i) => new Option(label || text.device.unnamed(i + 1), deviceId));
  device.replaceChildren(new Option(text.device.usual, ""), ...options);
  device.value = readChoices().device;
  if (device.selectedIndex < 0) device.value = ""; // the chosen one is not there now
}

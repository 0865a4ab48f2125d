/**
 * Hold to talk, or press once to start and once more to stop: one gesture for pointer, Space and Enter.
 *
 * A release ends the take only if the press was held while sound was already being recorded; a quick press, or one
 * that was over before the microphone had opened, leaves it running.
 */

const HOLD_MS = 350;

/** @typedef {{ isOn: () => boolean, start: () => void, stop: () => void }} Switch */

/**
 * Let a button, and the space bar anywhere on the page, work a switch.
 *
 * @param {HTMLButtonElement} button
 * @param {Switch} target
 */
export function holdOrToggle(button, target) {
  /** @type {number | null} when the press that started the take began */
  let startedAt = null;

  const press = () => {
    if (target.isOn()) {
      startedAt = null;
      target.stop();
    } else {
      startedAt = performance.now();
      target.start();
    }
  };
  const release = () => {
    const wasHeld = startedAt !== null && performance.now() - startedAt >= HOLD_MS;
    startedAt = null;
    if (wasHeld && target.isOn()) target.stop();
  };

  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId); // the release counts wherever the finger has wandered
    press();
  });
  button.addEventListener("pointerup", release);
  button.addEventListener("pointercancel", release);
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // what a long touch would open
  button.addEventListener("click", (event) => {
    if (event.detail === 0) press(); // made by a screen reader, without a pointer
  });

  let isKeyDown = false;
  window.addEventListener("keydown", (event) => {
    if (!isOurs(event, button)) return;
    event.preventDefault(); // no scrolling, and no click beside the press
    if (isKeyDown || event.repeat) return;
    isKeyDown = true;
    press();
  });
  window.addEventListener("keyup", (event) => {
    if (!isKeyDown || !isKey(event)) return;
    event.preventDefault();
    isKeyDown = false;
    release();
  });
  window.addEventListener("blur", () => {
    isKeyDown = false; // the keyup will go to another window
    release();
  });
}

/** @param {KeyboardEvent} event */
function isKey(event) {
  return event.key === " " || event.key === "Enter";
}

/** @param {KeyboardEvent} event @param {HTMLButtonElement} button */
function isOurs(event, button) {
  if (!isKey(event) || event.ctrlKey || event.altKey || event.metaKey) return false;
  if (event.target === button) return true;
  const isElsewhere = event.target instanceof Element && event.target.closest("a, button, input, label, select, textarea");
  return event.key === " " && !isElsewhere;
}

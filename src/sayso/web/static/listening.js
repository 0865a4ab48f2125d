/**
 * The settings that suit a model: `settings_for` of `listening.py`, line by line.
 */

import { REJECTIONS } from "./card.js";

const WELL_KNOWN_CLIPS = 300; // of one word, or more: no model that was merely taught
const TAUGHT_THRESHOLD = 0.5; // the least for a model that was taught

/**
 * @param {import("./card.js").Card} card
 * @param {string[] | null} [words] those to report; all where left out
 * @returns {Partial<import("./decision.js").ListenerSettings>}
 */
export function settingsFor({ labels, training_clips = [], calibration }, words = null) {
  if (words?.length === 1) return { words, presence_threshold: 0 };
  const known = training_clips.filter((_, label) => !REJECTIONS.includes(labels[label]));
  if (known.length === 0 || Math.max(...known) >= WELL_KNOWN_CLIPS) return { words };
  const threshold = Math.max(TAUGHT_THRESHOLD, Math.min(calibration.threshold, 1));
  return { words, presence_threshold: 0, threshold };
}

/**
 * The game on the page: draws the snake, and lets words, keys and buttons steer it.
 */

import "./speech-command.js";
import { worksWithoutNetwork } from "./offline.js";
import { part } from "./parts.js";
import { Snake, WORDS } from "./snake.js";
import { text } from "./text.js";

const KEYS = /** @type {Record<string, string>} */ ({
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
});
const BEST_KEY = "sayso.best";
const LIT_MS = 900;

const canvas = part("board", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
const word = part("word", HTMLElement);
const state = part("state", HTMLElement);
const score = part("score", HTMLElement);
const ears = part("ears", HTMLElement);
const buttons = new Map(WORDS.map((name) => [name, part(`say-${name}`, HTMLButtonElement)]));
const snake = new Snake(Number(canvas.dataset.width), Number(canvas.dataset.height));
let best = readBest();
let lastStep = 0;

/** @param {string} name */
function command(name) {
  snake.command(name);
  word.textContent = name;
  const button = buttons.get(name);
  if (button) {
    button.dataset.lit = "";
    setTimeout(() => delete button.dataset.lit, LIT_MS);
  }
  show();
}

function show() {
  canvas.dataset.phase = snake.phase;
  if (state.textContent !== text.game[snake.phase]) state.textContent = text.game[snake.phase];
  if (snake.score > best) keepBest(snake.score);
  score.textContent = text.game.score(snake.score, best);
}

/** @param {number} now */
function frame(now) {
  if (now - lastStep >= snake.stepMilliseconds) {
    lastStep = now;
    snake.step();
    show();
  }
  draw(Math.min(1, (now - lastStep) / snake.stepMilliseconds));
  requestAnimationFrame(frame);
}

/** @param {number} beat 0 to 1, since the last step */
function draw(beat) {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const cell = width / snake.width;
  if (canvas.width !== width) {
    canvas.width = width;
    canvas.height = Math.round(cell * snake.height);
  }
  const style = getComputedStyle(canvas);
  const [accent, line, ink] = ["--accent", "--line", "--ink"].map((name) => style.getPropertyValue(name));
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = line;
  for (let x = 0; x < snake.width; x += 1) {
    for (let y = 0; y < snake.height; y += 1) dot(x, y, cell, 0.05);
  }
  context.fillStyle = ink;
  const pulse = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : Math.sin(Math.PI * beat);
  dot(snake.food.x, snake.food.y, cell, 0.22 + 0.05 * pulse);
  context.fillStyle = accent;
  snake.body.forEach(({ x, y }, i) => {
    context.globalAlpha = snake.phase === "over" ? 0.35 : 1 - (0.6 * i) / snake.body.length;
    const gap = 0.06 * cell;
    context.beginPath();
    context.roundRect(x * cell + gap, y * cell + gap, cell - 2 * gap, cell - 2 * gap, cell * (i === 0 ? 0.4 : 0.28));
    context.fill();
  });
  context.globalAlpha = 1;
}

/** @param {number} x @param {number} y @param {number} cell @param {number} radius in cells */
function dot(x, y, cell, radius) {
  context.beginPath();
  context.arc((x + 0.5) * cell, (y + 0.5) * cell, radius * cell, 0, 2 * Math.PI);
  context.fill();
}

function readBest() {
  try {
    return Number(localStorage.getItem(BEST_KEY)) || 0;
  } catch {
    return 0;
  }
}

/** @param {number} reached */
function keepBest(reached) {
  best = reached;
  try {
    localStorage.setItem(BEST_KEY, String(best));
  } catch {
    // It holds until the page is left.
  }
}

ears.addEventListener("command", (event) => command(/** @type {CustomEvent} */ (event).detail.word));
for (const [name, button] of buttons) button.addEventListener("click", () => command(name));
window.addEventListener("keydown", (event) => {
  const name = KEYS[event.key];
  if (!name || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault(); // the page does not scroll under the game
  command(name);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) snake.command("stop");
  show();
});

show();
requestAnimationFrame(frame);
void worksWithoutNetwork(ears.dataset.worker ?? "", [ears.getAttribute("model") ?? ""]);

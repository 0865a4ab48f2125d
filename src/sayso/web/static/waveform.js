/**
 * The sound, drawn: it leaves the button to both sides and fades; where a word was heard it bears the accent.
 */

const BAR_MS = 64;
const BAR = 3; // CSS pixels
const STEP = 6; // from one bar to the next
const FRAME_MS = 30; // half of what a screen can show looks as smooth, and costs half
const CLEAR = 84; // around the middle, where the button is
const QUIETEST_DB = -60; // drawn as nothing
const reducesMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @typedef {{ level: number, from_s: number, isWord: boolean }} Bar */

export class Waveform {
  /** @type {Bar[]} latest first */
  #bars = [];
  #power = 0;
  #samples = 0;
  #seconds = 0; // of the stream, drawn so far
  #latest = 0; // when the latest bar came
  #isMoving = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** A new stream. */
  start() {
    this.#bars = [];
    this.#seconds = 0;
    this.#power = this.#samples = 0;
    this.#latest = performance.now();
    if (this.#isMoving) return;
    this.#isMoving = true;
    let drawn = 0;
    const frame = (/** @type {number} */ now) => {
      if (now - drawn >= FRAME_MS) {
        this.#draw();
        drawn = now;
      }
      if (this.#isMoving) requestAnimationFrame(frame);
    };
    if (!reducesMotion.matches) frame(performance.now());
  }

  stop() {
    this.#isMoving = false;
    this.#draw();
  }

  /** @param {Float32Array} block @param {number} sampleRate */
  append(block, sampleRate) {
    for (const sample of block) this.#power += sample * sample;
    this.#samples += block.length;
    const milliseconds = (1000 * this.#samples) / sampleRate;
    if (milliseconds < BAR_MS - 1) return;
    const level = levelOf(this.#power / this.#samples);
    this.#bars.unshift({ level, from_s: this.#seconds, isWord: false });
    this.#bars.length = Math.min(this.#bars.length, 400);
    this.#seconds += milliseconds / 1000;
    this.#power = this.#samples = 0;
    this.#latest = performance.now();
    if (reducesMotion.matches) this.#draw();
  }

  /** @param {{ start_s: number, end_s: number }} word */
  mark({ start_s, end_s }) {
    for (const bar of this.#bars) {
      if (bar.from_s + BAR_MS / 1000 > start_s && bar.from_s < end_s) bar.isWord = true;
    }
  }

  #fit() {
    const scale = devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * scale);
    this.canvas.height = Math.round(this.canvas.clientHeight * scale);
    this.#draw();
  }

  #draw() {
    const { canvas, context } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const style = getComputedStyle(canvas);
    const [ink, accent] = [style.getPropertyValue("--line-strong"), style.getPropertyValue("--accent")];
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const reach = width / 2 - CLEAR;
    const count = Math.ceil(reach / STEP) + 1;
    const isStill = reducesMotion.matches;
    const moved = isStill || !this.#isMoving ? 0 : Math.min(1, (performance.now() - this.#latest) / BAR_MS) * STEP;
    for (let i = 0; i < count; i += 1) {
      // Without motion: as many bars as the sound is loud, in their places.
      const bar = isStill ? stillBar(this.#isMoving ? (this.#bars[0]?.level ?? 0) : 0, i / count) : this.#bars[i];
      const away = i * STEP + moved;
      if (away > reach) continue;
      const tall = Math.max(BAR, (bar?.level ?? 0) * (height - 8));
      context.globalAlpha = Math.min(1, (1.15 * (reach - away)) / reach);
      context.fillStyle = bar?.isWord ? accent : ink;
      for (const side of [-1, 1]) {
        const x = width / 2 + side * (CLEAR + away) - BAR / 2;
        context.beginPath();
        context.roundRect(x, (height - tall) / 2, BAR, tall, BAR / 2);
        context.fill();
      }
    }
  }
}

/** @param {number} level @param {number} place 0 to 1 @returns {Bar} */
function stillBar(level, place) {
  return { level: place < level ? 0.4 : 0, from_s: 0, isWord: false };
}

/** @param {number} power mean square @returns {number} loudness, 0 to 1 */
function levelOf(power) {
  const decibels = 10 * Math.log10(power + Number.MIN_VALUE);
  return Math.max(0, Math.min(1, 1 - decibels / QUIETEST_DB)) ** 1.6;
}

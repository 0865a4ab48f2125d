/**
 * The sound, drawn: it leaves the button to both sides and fades; where a word was heard it bears the accent.
 *
 * One bar for each block of sound, and one picture for each bar that changes it: in silence and in steady noise, whose
 * bars are all alike, nothing is drawn.
 */

const BAR = 3; // CSS pixels
const STEP = 6; // from one bar to the next
const CLEAR = 84; // around the middle, where the button is
const MOST_BARS = 400;
const STEADY = 0.03; // of the loudness: a bar that differs by less from the one before it is drawn like that
const QUIETEST_DB = -60; // drawn as nothing
const reducesMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @typedef {{ level: number, from_s: number, until_s: number, isWord: boolean }} Bar */

export class Waveform {
  /** @type {Bar[]} latest first */
  #bars = [];
  #seconds = 0; // of the stream, drawn so far
  #isMoving = false;
  /** @type {number | null} the height of all bars drawn, in CSS pixels; null where they differ */
  #evenHeight = null;
  #colours = { ink: "", accent: "" };

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    new ResizeObserver(() => this.#fit()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
  }

  /** A new stream. */
  start() {
    this.#bars = [];
    this.#seconds = 0;
    this.#isMoving = true;
  }

  stop() {
    this.#isMoving = false;
    this.#draw();
  }

  /** @param {Float32Array} block @param {number} sampleRate */
  append(block, sampleRate) {
    let power = 0;
    for (const sample of block) power += sample * sample;
    const from_s = this.#seconds;
    this.#seconds += block.length / sampleRate;
    const [heard, before] = [levelOf(power / block.length), this.#bars[0]?.level ?? 0];
    const level = Math.abs(heard - before) < STEADY ? before : heard;
    this.#bars.unshift({ level, from_s, until_s: this.#seconds, isWord: false });
    this.#bars.length = Math.min(this.#bars.length, MOST_BARS);
    if (!document.hidden && this.#heightOf(this.#bars[0]) !== this.#evenHeight) this.#draw();
  }

  /** @param {{ start_s: number, end_s: number }} word */
  mark({ start_s, end_s }) {
    for (const bar of this.#bars) bar.isWord ||= bar.until_s > start_s && bar.from_s < end_s;
    this.#evenHeight = null; // the next bar draws it
  }

  #fit() {
    const { canvas } = this;
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    const style = getComputedStyle(canvas);
    this.#colours = { ink: style.getPropertyValue("--line-strong"), accent: style.getPropertyValue("--accent") };
    this.#draw();
  }

  #draw() {
    const { canvas, context } = this;
    const [width, height] = [canvas.width / devicePixelRatio, canvas.height / devicePixelRatio];
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const reach = width / 2 - CLEAR;
    const count = Math.floor(reach / STEP) + 1;
    const heights = new Set();
    let hasWord = false;
    for (let i = 0; i < count; i += 1) {
      // Without motion: as many bars as the sound is loud, in their places.
      const bar = reducesMotion.matches ? stillBar(this.#isMoving ? (this.#bars[0]?.level ?? 0) : 0, i / count) : this.#bars[i];
      const away = i * STEP;
      const tall = this.#heightOf(bar);
      heights.add(tall);
      hasWord ||= bar?.isWord ?? false;
      context.globalAlpha = Math.min(1, (1.15 * (reach - away)) / reach);
      context.fillStyle = bar?.isWord ? this.#colours.accent : this.#colours.ink;
      context.beginPath();
      for (const side of [-1, 1]) {
        context.roundRect(width / 2 + side * (CLEAR + away) - BAR / 2, (height - tall) / 2, BAR, tall, BAR / 2);
      }
      context.fill();
    }
    const isEven = heights.size === 1 && !hasWord && !reducesMotion.matches;
    this.#evenHeight = isEven ? [...heights][0] : null;
  }

  /** @param {Bar | undefined} bar @returns {number} CSS pixels; no less than its breadth */
  #heightOf(bar) {
    return Math.max(BAR, Math.round((bar?.level ?? 0) * (this.canvas.height / devicePixelRatio - 8)));
  }
}

/** @param {number} level @param {number} place 0 to 1 @returns {Bar} */
function stillBar(level, place) {
  return { level: place < level ? 0.4 : 0, from_s: 0, until_s: 0, isWord: false };
}

/** @param {number} power mean square @returns {number} loudness, 0 to 1 */
function levelOf(power) {
  const decibels = 10 * Math.log10(power + Number.MIN_VALUE);
  return Math.max(0, Math.min(1, 1 - decibels / QUIETEST_DB)) ** 1.6;
}

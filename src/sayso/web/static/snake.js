/**
 * A snake on a board without edges, steered by words. Rules alone: it draws nothing and knows no clock.
 */

/** @typedef {{ x: number, y: number }} Place */
/** @typedef {"ready" | "running" | "paused" | "over"} Phase */

/** @type {Record<string, Place>} */
const DIRECTIONS = { left: { x: -1, y: 0 }, right: { x: 1, y: 0 }, up: { x: 0, y: -1 }, down: { x: 0, y: 1 } };
const FIRST_LENGTH = 3;
const FIRST_STEP_MS = 460; // slow enough to say where to
const FASTER = 0.97; // with each bite

/** What the game listens to. */
export const WORDS = [...Object.keys(DIRECTIONS), "go", "stop"];

export class Snake {
  /** @type {Phase} */
  phase = "ready";
  score = 0;
  stepMilliseconds = FIRST_STEP_MS;
  direction = DIRECTIONS.right;
  /** @type {Place[]} head first */
  body = [];
  /** @type {Place} */
  food = { x: 0, y: 0 };

  /** @param {number} width @param {number} height both in cells @param {() => number} [random] */
  constructor(width, height, random = Math.random) {
    this.width = width;
    this.height = height;
    this.random = random;
    this.#begin();
  }

  /** @param {string} word one of `WORDS`; others do nothing */
  command(word) {
    if (word === "stop" && this.phase === "running") this.phase = "paused";
    else if (word === "go") {
      if (this.phase === "over") this.#begin();
      this.phase = "running";
    } else if (word in DIRECTIONS && this.phase !== "over") {
      this.#turn(DIRECTIONS[word]);
      this.phase = "running";
    }
  }

  /** One cell on. */
  step() {
    if (this.phase !== "running") return;
    const head = {
      x: (this.body[0].x + this.direction.x + this.width) % this.width,
      y: (this.body[0].y + this.direction.y + this.height) % this.height,
    };
    const eats = isSame(head, this.food);
    if (!eats) this.body.pop();
    if (this.body.some((part) => isSame(part, head))) {
      this.phase = "over";
      return;
    }
    this.body.unshift(head);
    if (!eats) return;
    this.score += 1;
    this.stepMilliseconds *= FASTER;
    this.#lay();
  }

  #begin() {
    const middle = { x: Math.floor(this.width / 2), y: Math.floor(this.height / 2) };
    this.body = Array.from({ length: FIRST_LENGTH }, (_, i) => ({ x: middle.x - i, y: middle.y }));
    this.direction = DIRECTIONS.right;
    this.score = 0;
    this.stepMilliseconds = FIRST_STEP_MS;
    this.#lay();
  }

  /** Back the way it came: the tail becomes the head, as nobody can say two words at once. @param {Place} direction */
  #turn(direction) {
    if (direction.x === -this.direction.x && direction.y === -this.direction.y) this.body.reverse();
    this.direction = direction;
  }

  #lay() {
    const free = [];
    for (let x = 0; x < this.width; x += 1) {
      for (let y = 0; y < this.height; y += 1) {
        if (!this.body.some((part) => isSame(part, { x, y }))) free.push({ x, y });
      }
    }
    this.food = free[Math.floor(this.random() * free.length)] ?? this.food;
  }
}

/** @param {Place} one @param {Place} other */
function isSame(one, other) {
  return one.x === other.x && one.y === other.y;
}

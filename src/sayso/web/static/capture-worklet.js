/**
 * The audio thread's part of the recorder: hands on what the microphone gives, block by block.
 *
 * Posts a Float32Array for each block. Any message to it makes it post the block it has begun, then null.
 */

const BLOCK_SAMPLES = 1024; // 64 ms at 16 kHz: smooth enough for a level, few enough messages

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK_SAMPLES);
    this.filled = 0;
    this.port.onmessage = () => {
      this.postBlock();
      this.port.postMessage(null);
    };
  }

  /** @param {Float32Array[][]} inputs one input of one channel, or of none while nothing is connected */
  process(inputs) {
    const channel = inputs[0]?.[0];
    if (channel !== undefined) {
      const taken = channel.subarray(0, BLOCK_SAMPLES - this.filled);
      this.block.set(taken, this.filled);
      this.filled += taken.length;
      if (this.filled === BLOCK_SAMPLES) {
        this.postBlock();
        this.block.set(channel.subarray(taken.length));
        this.filled = channel.length - taken.length;
      }
    }
    return true;
  }

  postBlock() {
    if (this.filled > 0) this.port.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);

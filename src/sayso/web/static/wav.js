/**
 * Samples as a WAV file.
 */

const HEADER_BYTES = 44;
const BYTES_PER_SAMPLE = 2;

/**
 * Encode mono samples as 16-bit PCM.
 *
 * @param {Float32Array} samples in [-1, 1]; what lies beyond is clipped
 * @param {number} sampleRate the rate they were recorded at, in hertz
 * @returns {ArrayBuffer}
 */
export function encodeWav(samples, sampleRate) {
  const dataBytes = samples.length * BYTES_PER_SAMPLE;
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + dataBytes));
  /** @param {number} offset @param {string} tag */
  const writeTag = (offset, tag) => {
    for (let i = 0; i < tag.length; i += 1) view.setUint8(offset + i, tag.charCodeAt(i));
  };
  writeTag(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  writeTag(8, "WAVE");
  writeTag(12, "fmt ");
  view.setUint32(16, 16, true); // bytes of this chunk
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * BYTES_PER_SAMPLE, true); // bytes per second
  view.setUint16(32, BYTES_PER_SAMPLE, true); // bytes per frame
  view.setUint16(34, 8 * BYTES_PER_SAMPLE, true); // bits per sample
  writeTag(36, "data");
  view.setUint32(40, dataBytes, true);
  samples.forEach((sample, i) => {
    const scaled = Math.round(sample * 32768);
    view.setInt16(HEADER_BYTES + i * BYTES_PER_SAMPLE, Math.max(-32768, Math.min(32767, scaled)), true);
  });
  return view.buffer;
}

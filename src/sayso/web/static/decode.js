/**
 * Any recording that this browser can read, as samples.
 */

export const LARGEST_BYTES = 200e6; // an hour of CD sound is decoded to more memory than a telephone has

/**
 * @param {Blob} file
 * @param {number} sampleRate wanted, in hertz
 * @returns {Promise<Float32Array<ArrayBuffer> | null>} one channel; null where the browser cannot read it
 */
export async function decode(file, sampleRate) {
  if (file.size > LARGEST_BYTES) return null;
  let sound;
  try {
    // A context of the wanted rate resamples well while decoding; playing into one later would not.
    const context = new OfflineAudioContext(1, 1, sampleRate);
    sound = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    return null;
  }
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    const samples = sound.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i] / sound.numberOfChannels;
  }
  return mono;
}

/**
 * A file instead of the microphone: chosen in the dialog, or dropped anywhere on the page.
 */

/**
 * @param {HTMLInputElement} input
 * @param {(file: File) => void} take
 */
export function onChosenFile(input, take) {
  const page = document.documentElement;

  /** @param {FileList | null | undefined} files */
  const takeFirst = (files) => {
    if (files && files.length > 0) take(files[0]);
  };

  input.addEventListener("change", () => {
    takeFirst(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  window.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    page.dataset.drop = "over";
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) delete page.dataset.drop; // left the window
  });
  window.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    delete page.dataset.drop;
    takeFirst(event.dataTransfer.files);
  });
}

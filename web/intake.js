/** Pictures that come in by hand: dropped, pasted or picked. */

/** @param {{take: (files: File[]) => void, hint: HTMLElement}} options hint: shown while something hangs over the page */
export function watchIntake({ take, hint }) {
  let over = 0; // enter and leave fire for every element crossed
  const show = () => {
    hint.hidden = over === 0;
  };
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    over += 1;
    show();
  });
  addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    over = Math.max(0, over - 1);
    show();
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    over = 0;
    show();
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

/** @param {DragEvent} event */
function carriesFiles(event) {
  return Boolean(event.dataTransfer?.types.includes("Files"));
}

/** A file input that is only ever seen as a button. @param {string} label @param {boolean} multiple @param {(files: File[]) => void} take */
export function filePicker(label, multiple, take) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.multiple = multiple;
  input.className = "unseen";
  input.tabIndex = -1;
  input.setAttribute("aria-label", label);
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // the same file again is a change again
    if (files.length) take(files);
  });
  return input;
}

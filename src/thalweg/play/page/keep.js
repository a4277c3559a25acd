// Pictures and short recordings.

const SECONDS = 20;

function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function savePicture(side) {
  side.canvas.toBlob((blob) => offer(blob, `thalweg-${side.state.method}.png`), "image/png");
}

// begins, or ends what was begun; by itself after some seconds
export function record(button, side) {
  if (button.recorder) {
    button.recorder.stop();
    return;
  }
  const kind = ["video/webm;codecs=vp9", "video/webm", "video/mp4"].find((each) => MediaRecorder.isTypeSupported(each));
  const recorder = new MediaRecorder(side.canvas.captureStream(25), { mimeType: kind });
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.addEventListener("stop", () => {
    clearTimeout(button.timer);
    button.recorder = null;
    button.textContent = "Record";
    button.setAttribute("aria-pressed", "false");
    offer(new Blob(parts, { type: kind }), `thalweg-${side.state.method}.${kind.includes("mp4") ? "mp4" : "webm"}`);
  });
  recorder.start();
  button.recorder = recorder;
  button.textContent = "Stop recording";
  button.setAttribute("aria-pressed", "true");
  button.timer = setTimeout(() => recorder.stop(), 1000 * SECONDS);
}

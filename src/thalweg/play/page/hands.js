// What hands do on a canvas: a pointer that drags, draws or turns, and the keyboard.

const NEAR = 30; // pixels from the ball of a surface that take hold of it

export function takeHands(page, side) {
  const { canvas, view } = side;
  let held = null; // "point", "camera", "pen"
  let before = null;
  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    const at = where(event);
    canvas.setPointerCapture(event.pointerId);
    before = at;
    if (page.state.tool === "draw") held = "pen";
    else if (!view.field || !page.state.point) return;
    else if (page.state.view === "surface") {
      const ball = view.place(...page.state.point);
      held = Math.hypot(at[0] - ball[0], at[1] - ball[1]) < NEAR ? "point" : "camera";
    } else held = "point";
    page.dragging = held === "point";
    move(event);
  });
  const move = (event) => {
    if (!held || !view.field || !page.state.point) return;
    const at = where(event);
    if (held === "camera") {
      view.turn((at[0] - before[0]) / 150, (at[1] - before[1]) / 150);
      page.state.camera = [view.yaw, view.pitch];
      page.all.forEach((each) => each.draw());
    } else if (held === "pen") side.pen(view.point(...at, [0, 0]));
    else page.movePoint(view.point(...at, page.state.point));
    before = at;
  };
  canvas.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (!held) return;
      const done = held;
      held = null;
      page.dragging = false;
      page.changed();
      if (done === "pen") page.useDrawing();
      if (done === "point") page.letGo();
    });
  }
  canvas.addEventListener("keydown", (event) => key(page, event, side));
}

function key(page, event, side) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const way = moves[event.key];
  if (!side.view.field || !page.state.point || (!way && event.key !== "Enter")) return;
  event.preventDefault();
  if (!way) {
    if (page.state.tool === "kick") page.all.forEach((each) => each.kick(page.state.point));
    if (page.state.tool === "chains") page.startChains("here");
    return;
  }
  if (event.shiftKey) {
    side.view.turn(0.1 * way[0], -0.1 * way[1]);
    page.state.camera = [side.view.yaw, side.view.pitch];
    page.all.forEach((each) => each.draw());
  } else {
    const { low, high } = side.view.field;
    page.movePoint(page.state.point.map((w, c) => Math.min(Math.max(w + (way[c] * (high[c] - low[c])) / 50, low[c]), high[c])));
    clearTimeout(page.rested);
    page.rested = setTimeout(() => { page.changed(); page.letGo(); }, 400);
  }
}

// The knobs of a strategy, and what only energies with a latent variable have.

import { short } from "./charts.js";

export function writeControls(side) {
  const choice = side.part(".method");
  choice.value = side.state.method;
  side.part(".sentence").textContent = `${side.method.strategy}. ${side.method.sentence}`;
  const place = side.part(".knobs");
  place.textContent = "";
  if (side.source.recorded) return;
  for (const knob of side.method.knobs) {
    const value = side.state.knobs[knob.name] ?? knob.start;
    const log = knob.kind === "log" || knob.high / knob.low > 200;
    const to = log ? Math.log : (w) => w;
    const back = (w) => {
      const found = log ? Math.exp(w) : w;
      return knob.kind === "whole" ? Math.round(found) : Number(found.toPrecision(3));
    };
    slider(place, knob.title, [to(knob.low), to(knob.high), knob.kind === "whole" && !log ? 1 : 0], to(value), back, (found) => {
      side.state.knobs[knob.name] = Math.min(Math.max(found, knob.low), knob.high);
      side.page.changed();
      side.open();
    });
  }
}

// what only energies with a latent variable have
export function writeCodes(side) {
  side.element.querySelectorAll(".of-codes").forEach((each) => each.remove());
  const { codes } = side.last;
  if (side.state.z >= codes) side.state.z = null;
  if (!codes || side.source.recorded) return;
  const place = side.part(".knobs");
  if (["kmeans", "mixture", "conditional"].includes(side.state.method)) {
    const [low, high] = [Math.log10(side.last.beta) - 2, Math.log10(side.last.beta) + 2];
    const hard = (w) => (w >= high ? null : Number((10 ** w).toPrecision(3)));
    slider(place, "beta, from soft to hard", [low, high, 0], side.state.beta ? Math.log10(side.state.beta) : high, hard, (beta) => {
      side.state.beta = beta;
      side.page.changed();
      side.refresh();
    }, "input", (beta) => (beta === null ? "as trained" : short(beta))).classList.add("of-codes");
  }
  slider(place, "z", [-1, codes - 1, 1], side.state.z ?? -1, (w) => (w < 0 ? null : w), (z) => {
    side.state.z = z;
    side.page.changed();
    side.refresh();
  }, "input", (z) => (z === null ? "all" : `${z + 1} alone`)).classList.add("of-codes");
}

function slider(place, title, [low, high, step], value, read, changed, when = "change", say = String) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const output = document.createElement("output");
  Object.assign(input, { type: "range", min: low, max: high, step: step || (high - low) / 200, value });
  input.setAttribute("aria-label", title);
  output.textContent = say(read(value));
  input.addEventListener("input", () => { output.textContent = say(read(Number(input.value))); });
  input.addEventListener(when, () => changed(read(Number(input.value))));
  label.append(title, input, output);
  place.append(label);
  return label;
}

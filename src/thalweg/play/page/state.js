// What is on the screen, in the address: a link is a lesson.

const plain = () => ({
  scene: "two_moons",
  points: [],
  tool: "fall",
  view: "map",
  regions: false,
  camera: [0.6, 0.9],
  point: null,
  kick: 0.3,
  chains: { kind: "walk", step: 0.2, warmth: 1 },
  sides: { left: { method: "kmeans", knobs: {} } },
});

const number = (text, otherwise) => (text && Number.isFinite(Number(text)) ? Number(text) : otherwise);
const pairOf = (text) => {
  const parts = (text || "").split(",").map(Number);
  return parts.length === 2 && parts.every(Number.isFinite) ? parts : null;
};

export function readState(hash, catalogue) {
  const state = plain();
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const among = (name, known) => {
    if (known.includes(said.get(name))) state[name] = said.get(name);
  };
  among("scene", [...Object.keys(catalogue.scenes), ...(catalogue.recorded ? [] : ["drawn"])]);
  among("tool", catalogue.recorded ? ["fall", "given"] : ["fall", "given", "kick", "chains", "draw"]);
  among("view", ["map", "surface"]);
  state.regions = said.get("regions") === "1";
  state.camera = pairOf(said.get("camera")) || state.camera;
  state.point = pairOf(said.get("point"));
  const kick = number(said.get("kick"), state.kick);
  if (kick > 0 && kick <= 1.5) state.kick = kick;
  state.points = (said.get("points") || "").split(";").map(pairOf).filter(Boolean);
  if (state.scene === "drawn" && state.points.length < 3) state.tool = "draw";
  const kind = said.get("chains");
  if (kind && Object.hasOwn(catalogue.chains, kind)) state.chains.kind = kind;
  state.chains.step = number(said.get("step"), state.chains.step);
  state.chains.warmth = number(said.get("warmth"), state.chains.warmth);
  for (const name of ["left", "right"]) {
    const method = said.get(name);
    if (!method || !Object.hasOwn(catalogue.methods, method)) continue;
    const side = { method, knobs: {}, seed: number(said.get(`${name}.seed`), 0) };
    for (const knob of catalogue.methods[method].knobs) {
      const value = number(said.get(`${name}.${knob.name}`), null);
      if (value !== null && value >= knob.low && value <= knob.high) side.knobs[knob.name] = value;
    }
    side.beta = number(said.get(`${name}.beta`), null);
    side.z = number(said.get(`${name}.z`), null);
    state.sides[name] = side;
  }
  return state;
}

export function writeState(state) {
  const said = new URLSearchParams();
  const usual = plain();
  for (const name of ["scene", "tool", "view"]) if (state[name] !== usual[name] || name === "scene") said.set(name, state[name]);
  if (state.scene === "table") said.set("scene", usual.scene); // a file does not fit into an address
  if (state.regions) said.set("regions", "1");
  if (String(state.camera) !== String(usual.camera)) said.set("camera", state.camera.map((w) => w.toFixed(2)));
  if (state.point) said.set("point", state.point.map((w) => w.toFixed(3)));
  if (state.scene === "drawn") said.set("points", state.points.slice(0, 400).map((p) => p.map((w) => w.toFixed(2))).join(";"));
  if (state.tool === "kick" && state.kick !== usual.kick) said.set("kick", state.kick);
  if (state.tool === "chains") {
    said.set("chains", state.chains.kind);
    said.set("step", state.chains.step.toPrecision(3));
    said.set("warmth", state.chains.warmth.toPrecision(3));
  }
  for (const [name, side] of Object.entries(state.sides)) {
    said.set(name, side.method);
    for (const [knob, value] of Object.entries(side.knobs)) said.set(`${name}.${knob}`, value);
    if (side.seed) said.set(`${name}.seed`, side.seed);
    for (const more of ["beta", "z"]) if (side[more] !== null && side[more] !== undefined) said.set(`${name}.${more}`, side[more]);
  }
  return `#${said}`;
}

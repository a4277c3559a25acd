// Fields that were recorded, where there is no server: questions are answered from their numbers.

import { Field } from "./field.js";

const BEAT = 700; // milliseconds between two recorded states
const STEPS = 65535;

function fieldOf(moment, n) {
  const bytes = Uint8Array.from(atob(moment.heights), (c) => c.charCodeAt(0));
  const codes = new Uint16Array(bytes.buffer);
  return Float32Array.from(codes, (code) => moment.low + moment.span * (code / STEPS) ** 2).slice(0, n * n);
}

export class Recorded {
  constructor(address) {
    this.recorded = true;
    this.loaded = fetch(address).then((reply) => reply.json());
    this.open = {};
  }

  async ask(name, asked = {}) {
    const all = await this.loaded;
    if (name === "catalogue") return all;
    if (name === "bye") return {};
    if (name === "open") {
      const scene = all.recorded[asked.scene];
      const moments = scene.methods[asked.method];
      this.open[asked.side] = { scene, moments, at: 0, training: false, n: all.resolution };
      return scene;
    }
    const side = this.open[asked.side];
    if (!side) throw new Error("nothing is open here");
    const answer = { train: this.train, frame: this.frame, fall: this.fall, given: this.given }[name];
    if (!answer) throw new Error("this needs thalweg on your machine: thalweg play");
    return answer.call(this, side, asked);
  }

  train(side, { on }) {
    side.training = on;
    if (on && side.at === side.moments.length - 1) side.at = 0;
    side.since = performance.now();
    return {};
  }

  async frame(side, { after }) {
    if (side.training && performance.now() - side.since > BEAT) {
      side.at++;
      side.since = performance.now();
    }
    if (side.at >= side.moments.length - 1) {
      side.at = side.moments.length - 1;
      side.training = false;
    }
    const moment = side.moments[side.at];
    const said = { version: side.at, step: moment.step, training: side.training, done: false, error: null };
    if (side.at === after) {
      await new Promise((done) => setTimeout(done, 60));
      return { ...said, values: null };
    }
    side.field = new Field(fieldOf(moment, side.n), side.n, side.scene.low, side.scene.high);
    return { ...said, resolution: side.n, codes: 0, marks: moment.marks, curves: moment.curves, beta: moment.beta, values: side.field.values };
  }

  // down the field, halving the step where it would lead up
  fall(side, { point }) {
    const { field } = side;
    const cell = (field.high[0] - field.low[0]) / (field.n - 1);
    let [x, y] = point;
    let here = field.at(x, y);
    const start = here;
    const path = [[x, y]];
    let step = cell;
    for (let k = 0; k < 400 && step > cell / 50; k++) {
      const slope = [field.at(x + cell / 2, y) - field.at(x - cell / 2, y), field.at(x, y + cell / 2) - field.at(x, y - cell / 2)];
      const length = Math.hypot(...slope);
      if (!(length > 0)) break;
      const next = [x - (step * slope[0]) / length, y - (step * slope[1]) / length];
      const there = field.at(...next);
      if (there < here) {
        [x, y] = next;
        here = there;
        path.push(next);
      } else step /= 2;
    }
    return { path, energy: [start, here], closest: null };
  }

  given(side, { point }) {
    const { field } = side;
    const n = 200;
    const y2 = Array.from({ length: n }, (_, k) => field.low[1] + (k / (n - 1)) * (field.high[1] - field.low[1]));
    const energy = y2.map((y) => field.at(point[0], y));
    const least = Math.min(...energy);
    const beta = side.moments[side.at].beta;
    const weight = energy.map((value) => Math.exp(-beta * (value - least)));
    const sum = weight.reduce((a, b) => a + b);
    const valleys = [];
    let [edge, share] = [0, 0];
    for (let k = 1; k < n - 1; k++) {
      if (energy[k] < energy[k - 1] && energy[k] <= energy[k + 1]) valleys.push({ y2: y2[k], energy: energy[k], at: k });
    }
    valleys.forEach((valley, k) => {
      const next = valleys[k + 1];
      let ridge = n;
      if (next) {
        ridge = valley.at;
        for (let m = valley.at; m <= next.at; m++) if (energy[m] > energy[ridge]) ridge = m;
      }
      share = weight.slice(edge, ridge).reduce((a, b) => a + b, 0) / sum;
      edge = ridge;
      valley.share = share;
    });
    valleys.sort((a, b) => a.energy - b.energy);
    return { y2, energy, density: weight.map((w) => w / sum), valleys };
  }
}

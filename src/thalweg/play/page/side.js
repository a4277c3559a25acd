// One energy on the page: its controls, its canvas, what is asked of it.

import { writeCodes, writeControls } from "./controls.js";
import { drawCurves, drawGivenLine, short } from "./charts.js";
import { Field } from "./field.js";
import { drawChains, drawData, drawFall, drawGiven, drawKicks, drawMarks } from "./shapes.js";
import { View } from "./view.js";

const RESOLUTION = 96;
const FALLS = 250; // milliseconds between falls of a point that rests, while training
const KICKS = 600; // and between kicks
const TRAIL = 40;

export class Side {
  constructor(name, page, source) {
    this.name = name;
    this.page = page;
    this.source = source;
    const made = document.getElementById("side").content.cloneNode(true);
    this.element = made.querySelector(".side");
    document.getElementById("sides").append(made);
    this.part = (selector) => this.element.querySelector(selector);
    this.canvas = this.part(".plane");
    this.view = new View(this.canvas);
    this.opened = 0; // which stage; answers of former ones are dropped
    this.closed = false;
    this.drags = []; // milliseconds from a drag to its answer, drawn
    this.pictures = [];
    this.waiting = [];
    this.listen();
  }

  get state() {
    return this.page.state.sides[this.name];
  }

  get method() {
    return this.page.catalogue.methods[this.state.method];
  }

  listen() {
    this.part(".method").addEventListener("change", (event) => {
      Object.assign(this.state, { method: event.target.value, knobs: {}, beta: null, z: null, seed: 0 });
      this.page.changed();
      this.open();
    });
    this.part(".train").addEventListener("click", () => this.train(!this.going));
    this.part(".again").addEventListener("click", () => {
      this.state.seed = (this.state.seed || 0) + 1;
      this.page.changed();
      this.open();
    });
  }

  async open() {
    if (this.page.waitsForData()) {
      this.blank();
      return;
    }
    const opened = ++this.opened;
    Object.assign(this, { going: false, last: null, given: null, falling: null, kicked: null, chains: null });
    writeControls(this);
    this.complain(null);
    try {
      const scene = await this.ask("open", {
        ...this.page.sceneAsked(), method: this.state.method, knobs: this.state.knobs, seed: this.state.seed || 0,
        number: ++this.page.opens,
      });
      if (opened !== this.opened) return;
      this.scene = scene;
      this.page.placePoint(scene);
      await this.refresh();
      this.follow(opened);
      this.begin();
    } catch (error) {
      if (opened === this.opened) this.complain(error);
    }
  }

  // an empty sheet, to draw data on
  blank() {
    this.opened++;
    this.going = false;
    // nothing of the former data goes on
    this.source.ask("bye", { side: this.name });
    writeControls(this);
    const [low, high] = [[-2, -2], [2, 2]];
    this.scene = { rows: [], low, high };
    this.page.placePoint(this.scene);
    this.last = { marks: {}, codes: 0, version: -1, step: 0, blank: true };
    this.part(".train").disabled = true;
    this.view.field = new Field(new Float32Array(4).fill(1), 2, low, high);
    this.complain(null);
    this.draw();
    this.part(".status").textContent = "Draw some data with the mouse or a finger; when you let go, there is something to train on.";
  }

  pen(point) {
    for (let k = 0; k < 3; k++) this.page.drawing.push(point.map((w) => w + 0.07 * (Math.random() + Math.random() - 1)));
    this.page.all.forEach((side) => side.draw());
  }

  ask(name, asked = {}) {
    const { beta, z } = this.state;
    return this.source.ask(name, { side: this.name, beta: beta ?? undefined, z: z ?? undefined, ...asked });
  }

  complain(error) {
    const place = this.part(".error");
    place.hidden = !error;
    place.textContent = error ? error.message : "";
  }

  // pictures for as long as this stage is open; the next is asked for when one is drawn
  async follow(opened) {
    while (opened === this.opened && !this.closed) {
      try {
        const asked = this.asked;
        const frame = await this.frame(this.last ? this.last.version : -1);
        if (opened !== this.opened || this.closed) return;
        // one that was asked for with other sliders is late
        if (asked === this.asked) this.show(frame);
        this.failed = 0;
      } catch (error) {
        if (opened !== this.opened || this.closed) return;
        // the server had closed what nobody looked at for long
        if (error.message.includes("nothing is open here") && !this.failed++) this.open();
        else this.complain(error);
        return;
      }
      // hidden pages are not drawn, and so ask for nothing
      await new Promise((done) => requestAnimationFrame(done));
    }
  }

  frame(after) {
    const { regions } = this.page.state;
    return this.ask("frame", { after, resolution: RESOLUTION, regions });
  }

  // what is shown was changed, and not by training
  async refresh() {
    if (this.last?.blank) return;
    const { opened } = this;
    const number = (this.asked = (this.asked || 0) + 1);
    const frame = await this.frame(-1);
    if (number === this.asked && opened === this.opened && !this.closed) this.show(frame);
  }

  show(frame) {
    this.state.step = frame.step;
    this.going = frame.training;
    if (frame.error) this.complain(new Error(frame.error));
    if (frame.values) {
      const { low, high } = this.scene;
      this.view.field = new Field(frame.values, frame.resolution, low, high, this.last && this.view.field);
      const fresh = !this.last || this.last.codes !== frame.codes;
      this.last = frame;
      if (fresh) writeCodes(this);
      this.pictures.push(performance.now());
      if (this.pictures.length > 30) this.pictures.shift();
      this.draw();
      drawCurves(this.part(".chart"), frame.curves);
      this.follows();
      // a rougher picture was in time; now there is time
      if (!this.source.recorded && !frame.training && frame.resolution < RESOLUTION) this.refresh();
    }
    this.writeStatus(frame);
  }

  // what the tool that was chosen does by itself
  begin() {
    const { tool } = this.page.state;
    if (!this.last || this.last.blank) return;
    const begun = tool === "chains" ? this.walk("everywhere") : tool === "kick" ? this.kick() : this.touch();
    Promise.resolve(begun).catch((error) => this.complain(error));
  }

  // while the energy changes what lies on it does
  follows() {
    const { tool } = this.page.state;
    const now = performance.now();
    // training waits for those who ask: not too often, where nobody's hand is on the point
    if ((tool === "fall" || tool === "given") && now - (this.touchedAt || 0) > FALLS) {
      this.touchedAt = now;
      this.touch();
    }
    if (tool === "kick" && now - (this.kickedAt || 0) > KICKS) this.kick();
  }

  // once for all that changed until the screen is drawn next; `after` is told when it is
  draw(after) {
    if (after) this.waiting.push(after);
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.paint();
      this.waiting.splice(0).forEach((each) => each());
    });
  }

  paint() {
    const { rows } = this.scene || {};
    // answers may come when another state was taken on
    if (!rows || !this.last || this.closed || !this.page.state.point) return;
    const { tool, point, regions, view: seen, camera } = this.page.state;
    this.view.surface = seen === "surface";
    [this.view.yaw, this.view.pitch] = camera;
    const under = (view) => {
      drawData(view, rows);
      drawMarks(view, this.last.marks);
    };
    const over = (view) => {
      if (tool === "fall") drawFall(view, point, this.falling);
      if (tool === "given") drawGiven(view, point, this.given);
      if (tool === "kick") drawKicks(view, this.kicked);
      if (tool === "chains") drawChains(view, this.chains);
      if (tool === "draw") view.dots(this.page.drawing, 2.5, "#e69f00");
    };
    this.view.draw(under, over, regions ? this.last.regions : null);
  }

  writeStatus(frame) {
    const newest = this.pictures;
    const span = (newest[newest.length - 1] - newest[0]) / 1000;
    const rate = frame.training && newest.length > 5 ? `${((newest.length - 1) / span).toFixed(0)} pictures a second; ` : "";
    const lowest = this.view.field ? `lowest ${short(this.view.field.least)}` : "";
    const where = { fall: this.falling && `point ${short(this.falling.energy[0])}, falls to ${short(this.falling.energy[1])}`,
      chains: this.chains && `${Math.round(100 * this.chains.accepted)}% of the steps are taken` }[this.page.state.tool];
    this.part(".status").textContent = `${rate}step ${frame.step}${frame.done ? " (done)" : ""}; energy: ${lowest}${where ? `; ${where}` : ""}`;
    const button = this.part(".train");
    button.disabled = !this.method.trains || frame.done;
    button.textContent = frame.training ? "Pause" : frame.done ? "Trained" : "Train";
    button.classList.toggle("going", frame.training);
    if (!frame.training) this.describe();
  }

  // what eyes see, in words
  describe() {
    const { field } = this.view;
    if (!field || this.closed || !this.page.state.point) return;
    const [x, y] = field.lowest();
    this.canvas.setAttribute("aria-label", `Energy by ${this.method.title} after step ${this.last.step}: `
      + `lowest ${short(field.least)} near ${short(x)}, ${short(y)}. ${this.spoken()}`);
  }

  spoken() {
    const { tool, point } = this.page.state;
    const at = `Point ${short(point[0])}, ${short(point[1])}`;
    if (tool === "fall" && this.falling) {
      const end = this.falling.path[this.falling.path.length - 1];
      return `${at}, energy ${short(this.falling.energy[0])}, falls to ${short(end[0])}, ${short(end[1])}, energy ${short(this.falling.energy[1])}.`;
    }
    if (tool === "given" && this.given) {
      return `Given y1 ${short(point[0])}: ${this.given.valleys.length} valleys, the lowest at y2 ${this.given.valleys.length ? short(this.given.valleys[0].y2) : "nowhere"}.`;
    }
    return `${at}.`;
  }

  async train(on) {
    await this.ask("train", { on });
    this.going = on;
  }

  // the point moved, or the energy did: ask again, the last one only
  async touch(settled = false) {
    const { tool } = this.page.state;
    if (!this.last || !this.page.state.point) return undefined;
    if (this.last.blank || (tool !== "fall" && tool !== "given")) return this.draw();
    if (this.touching) {
      this.again = { settled };
      return undefined;
    }
    this.touching = true;
    const { opened } = this;
    const begun = performance.now();
    try {
      const point = this.page.state.point.slice();
      const found = await this.ask(tool, { point, settled });
      if (opened !== this.opened || this.closed) {
        this.touching = false;
        return undefined;
      }
      if (tool === "fall") this.falling = found;
      else {
        this.given = found;
        drawGivenLine(this.part(".given"), found);
      }
      const { dragging } = this.page;
      this.draw(() => { if (dragging) this.drags.push(performance.now() - begun); });
    } catch (error) {
      this.complain(error);
    }
    this.touching = false;
    if (this.again) {
      const next = this.again;
      this.again = null;
      return this.touch(next.settled);
    }
    this.describe();
    return undefined;
  }

  async kick(point) {
    this.kickedAt = performance.now();
    this.kicks = (this.kicks || 0) + 1;
    const { opened } = this;
    const kicked = await this.ask("kick", { strength: this.page.state.kick, seed: this.kicks, point, count: point ? 1 : 24 });
    if (opened !== this.opened || this.closed) return;
    this.kicked = kicked;
    this.draw();
  }

  async walk(start) {
    const { kind, step, warmth } = this.page.state.chains;
    if (this.last?.blank) return;
    const { opened } = this;
    const walk = (this.walks = (this.walks || 0) + (start ? 1 : 0));
    const here = start === "here" ? this.page.state.point : undefined;
    const moved = await this.ask("chains", {
      kind, step_size: step, warmth, steps: kind === "hmc" ? 1 : 4, start: Boolean(start), point: here,
    });
    // of chains that were begun anew meanwhile, or another energy
    if (opened !== this.opened || this.closed || walk !== this.walks) return;
    const before = start || !this.chains ? [] : this.chains.trails;
    this.chains = { trails: [...before, ...moved.trail.slice(before.length ? 1 : 0)].slice(-TRAIL), paths: moved.paths, accepted: moved.accepted };
    this.draw();
  }

  close() {
    this.closed = true;
    this.opened++;
    if (!this.page.state.sides[this.name]) this.source.ask("bye", { side: this.name });
    this.element.remove();
  }
}

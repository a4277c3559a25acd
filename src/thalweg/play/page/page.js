// What both sides share, and what hands do on them.

import { takeHands } from "./hands.js";
import { writeControls } from "./controls.js";
import { Side } from "./side.js";
import { readState, writeState } from "./state.js";
import { short } from "./charts.js";
import { record, savePicture } from "./keep.js";
import { Tour } from "./tour.js";

const by = (id) => document.getElementById(id);
const SIGN = 20_000; // milliseconds between signs that this window is there, hidden or not
const LARGEST = 8 << 20; // bytes of a table
const WALK = 60; // milliseconds between steps of chains

export class Page {
  constructor(source) {
    this.source = source;
    this.sides = {};
    this.drawing = [];
    this.dragging = false;
    this.opens = 0;
  }

  async start() {
    this.catalogue = await this.source.ask("catalogue");
    const scene = by("scene");
    for (const [name, title] of Object.entries(this.catalogue.scenes)) scene.append(new Option(title, name));
    if (!this.source.recorded) {
      scene.append(new Option("draw your own", "drawn"));
      scene.append(new Option("two columns of a CSV…", "table"));
    }
    for (const [kind, title] of Object.entries(this.catalogue.chains)) by("chain-kind").append(new Option(title, kind));
    // what goes wrong anywhere is said where one looks
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      this.all.forEach((side) => side.complain(event.reason));
    });
    this.tour = new Tour(this);
    this.listen();
    this.apply(readState(location.hash, this.catalogue));
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.apply(readState(location.hash, this.catalogue));
    });
    setInterval(() => this.walk(), WALK);
    if (!this.source.recorded) setInterval(() => this.source.ask("sign"), SIGN);
  }

  // take on a state: a link, a step of the tour
  apply(state) {
    this.state = state;
    this.drawing = state.scene === "drawn" ? state.points.slice() : [];
    this.writeShared();
    clearTimeout(this.rested);
    for (const [name, side] of Object.entries(this.sides)) {
      side.close();
      delete this.sides[name];
    }
    this.openSides();
    this.writeShared();
    this.changed();
  }

  openSides() {
    const wanted = Object.keys(this.state.sides);
    by("sides").classList.toggle("two", wanted.length > 1);
    for (const name of wanted) {
      if (this.sides[name]) continue;
      const side = new Side(name, this, this.source);
      this.sides[name] = side;
      const choice = side.part(".method");
      for (const [word, method] of Object.entries(this.catalogue.methods)) choice.append(new Option(method.title, word));
      takeHands(this, side);
      writeControls(side);
      side.open();
    }
  }

  waitsForData() {
    return (this.state.scene === "drawn" || this.state.scene === "table") && this.state.points.length < 3;
  }

  get all() {
    return Object.values(this.sides);
  }

  sceneAsked() {
    const { scene, points, file, columns } = this.state;
    return scene === "drawn" || scene === "table" ? { scene, points, file, columns } : { scene };
  }

  // a point that is in the picture
  placePoint({ low, high }) {
    const at = this.state.point;
    if (!at || at.some((w, c) => w < low[c] || w > high[c])) {
      this.state.point = [0.62, 0.7].map((share, c) => low[c] + share * (high[c] - low[c]));
      this.changed();
    }
  }

  changed() {
    this.written = writeState(this.state);
    history.replaceState(null, "", this.written);
  }

  say(text) {
    by("said").textContent = text;
  }

  writeShared() {
    const { state } = this;
    by("scene").value = state.scene;
    for (const name of ["tool", "view"]) {
      document.querySelectorAll(`input[name=${name}]`).forEach((each) => { each.checked = each.value === state[name]; });
    }
    by("regions").checked = state.regions;
    by("two").checked = Object.keys(state.sides).length > 1;
    by("chain-kind").value = state.chains.kind;
    by("chain-step").value = Math.log10(state.chains.step);
    by("chain-warmth").value = Math.log10(state.chains.warmth);
    by("chain-step").nextElementSibling.textContent = short(state.chains.step);
    by("chain-warmth").nextElementSibling.textContent = short(state.chains.warmth);
    by("kick-strength").value = state.kick;
    by("kick-strength").nextElementSibling.textContent = short(state.kick);
    by("chain-settings").hidden = state.tool !== "chains";
    by("kick-settings").hidden = state.tool !== "kick";
    by("clear").hidden = state.scene !== "drawn";
    by("drawing").hidden = state.scene !== "drawn";
    for (const id of ["columns-across", "columns-up"]) by(id).hidden = state.scene !== "table" || !this.table;
    this.all.forEach((side) => { side.part(".line").hidden = state.tool !== "given"; });
  }

  reopen() {
    this.all.forEach((side) => side.open());
  }

  listen() {
    by("shared").addEventListener("submit", (event) => event.preventDefault());
    by("scene").addEventListener("change", (event) => this.chooseScene(event.target.value));
    by("file").addEventListener("change", (event) => this.readFile(event.target.files[0]));
    for (const id of ["column-x", "column-y"]) by(id).addEventListener("change", () => this.useColumns());
    by("clear").addEventListener("click", () => this.chooseScene("drawn"));
    document.querySelectorAll("input[name=tool]").forEach((each) => each.addEventListener("change", () => this.chooseTool(each.value)));
    document.querySelectorAll("input[name=view]").forEach((each) => each.addEventListener("change", () => {
      this.state.view = each.value;
      this.changed();
      this.all.forEach((side) => side.draw());
    }));
    by("regions").addEventListener("change", (event) => {
      this.state.regions = event.target.checked;
      this.changed();
      this.all.forEach((side) => side.refresh());
    });
    by("two").addEventListener("change", (event) => this.setTwo(event.target.checked));
    by("chain-kind").addEventListener("change", (event) => { this.state.chains.kind = event.target.value; this.startChains("everywhere"); });
    for (const [id, name] of [["chain-step", "step"], ["chain-warmth", "warmth"]]) {
      by(id).addEventListener("input", (event) => {
        this.state.chains[name] = 10 ** Number(event.target.value);
        this.writeShared();
        this.changed();
      });
    }
    by("chain-everywhere").addEventListener("click", () => this.startChains("everywhere"));
    by("chain-here").addEventListener("click", () => this.startChains("here"));
    by("kick-strength").addEventListener("input", (event) => {
      this.state.kick = Number(event.target.value);
      this.writeShared();
      this.changed();
      this.all.forEach((side) => side.kick());
    });
    by("kick-again").addEventListener("click", () => this.all.forEach((side) => side.kick()));
    by("picture").addEventListener("click", () => this.all.forEach(savePicture));
    by("record").addEventListener("click", (event) => record(event.target, this.all[0]));
    by("python").addEventListener("click", () => this.showScript());
    by("link").addEventListener("click", async (event) => {
      await navigator.clipboard.writeText(location.href);
      event.target.textContent = "Link copied";
      setTimeout(() => { event.target.textContent = "Copy link"; }, 1500);
    });
    by("script-close").addEventListener("click", () => by("script").close());
    by("script-copy").addEventListener("click", async (event) => {
      await navigator.clipboard.writeText(by("script").querySelector("pre").textContent);
      event.target.textContent = "Copied";
      setTimeout(() => { event.target.textContent = "Copy"; }, 1500);
    });
    addEventListener("resize", () => this.all.forEach((side) => side.draw()));
  }

  chooseScene(scene) {
    if (scene === "table") {
      by("file").click();
      by("scene").value = this.state.scene;
      return;
    }
    Object.assign(this.state, { scene, points: [], point: null });
    this.state.tool = scene === "drawn" ? "draw" : this.state.tool === "draw" ? "fall" : this.state.tool;
    this.drawing = [];
    this.writeShared();
    this.changed();
    if (scene === "drawn") this.all.forEach((side) => side.blank());
    else this.reopen();
  }

  async readFile(file) {
    if (!file) return;
    try {
      if (file.size > LARGEST) throw new Error(`${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MB; expected at most ${LARGEST >> 20}`);
      const { columns } = await this.source.ask("table", { text: await file.text() });
      this.table = { name: file.name, columns };
      for (const [id, k] of [["column-x", 0], ["column-y", 1]]) {
        by(id).replaceChildren(...Object.keys(columns).map((name) => new Option(name, name)));
        by(id).selectedIndex = k;
      }
      this.state.scene = "table";
      by("scene").value = "table";
      this.useColumns();
    } catch (error) {
      this.all.forEach((side) => side.complain(error));
    }
    by("file").value = "";
  }

  useColumns() {
    const columns = [by("column-x").value, by("column-y").value];
    const [across, up] = columns.map((name) => this.table.columns[name]);
    const points = across.map((value, k) => [value, up[k]]).filter(([a, b]) => a !== null && b !== null);
    Object.assign(this.state, { scene: "table", points, columns, file: this.table.name, point: null });
    this.writeShared();
    this.changed();
    this.reopen();
  }

  chooseTool(tool) {
    this.state.tool = tool;
    this.writeShared();
    this.changed();
    this.all.forEach((side) => side.begin());
  }

  setTwo(two) {
    if (two) this.state.sides.right = { method: this.state.sides.left.method === "noise_contrastive" ? "kmeans" : "noise_contrastive", knobs: {} };
    else {
      delete this.state.sides.right;
      this.sides.right?.close();
      delete this.sides.right;
    }
    this.openSides();
    this.writeShared();
    this.changed();
    this.all.forEach((side) => side.draw());
  }

  startChains(where) {
    this.changed();
    this.all.forEach((side) => { if (side.last) side.walk(where).catch((error) => side.complain(error)); });
  }

  // chains go on by themselves, one answer at a time
  walk() {
    if (this.state.tool !== "chains" || document.hidden) return;
    for (const side of this.all) {
      if (!side.chains || side.walking) continue;
      side.walking = true;
      side.walk().catch((error) => side.complain(error)).finally(() => { side.walking = false; });
    }
  }

  movePoint(point) {
    this.state.point = point;
    this.all.forEach((side) => { side.draw(); side.touch(); });
  }

  async letGo() {
    if (!this.state.point) return undefined;
    if (this.state.tool === "kick") this.all.forEach((side) => side.kick(this.state.point));
    if (this.state.tool === "chains") return this.startChains("here");
    await Promise.all(this.all.map((side) => side.touch(true)));
    this.say(this.all.map((side) => side.spoken()).join(" "));
    return undefined;
  }

  useDrawing() {
    if (this.drawing.length < 3) return;
    this.state.points = this.drawing.map((point) => point.map((w) => Number(w.toFixed(3))));
    this.changed();
    this.reopen();
  }

  async showScript() {
    const { tool, point } = this.state;
    const parts = await Promise.all(this.all.map((side) => side.ask("python", { tool, point })));
    by("script").querySelector("pre").textContent = parts.map((part) => part.script).join("\n\n");
    by("script").showModal();
  }
}

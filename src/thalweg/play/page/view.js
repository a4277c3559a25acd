// A canvas that shows a field as a map or as a surface, and what lies on it.

import { COLOURS } from "./field.js";

const MESH = 56; // faces a side of a surface
const TALL = 0.75; // height of a surface, in half widths
const LEVEL = 0.7; // of its height, that is in the middle of the canvas

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.field = null;
    this.small = document.createElement("canvas");
    this.base = document.createElement("canvas");
    this.surface = false;
    this.yaw = 0.6;
    this.pitch = 0.9;
  }

  // `under` is drawn with the field, and again only when that or the camera is another; `over` always
  draw(under, over, regions) {
    const { canvas, field, base } = this;
    const side = canvas.clientWidth;
    if (!field || !side) return;
    const scale = Math.min(devicePixelRatio || 1, 2);
    const pixels = Math.round(side * scale);
    if (canvas.width !== pixels || canvas.height !== pixels) canvas.width = canvas.height = base.width = base.height = pixels;
    this.side = side;
    const seen = [pixels, this.surface, this.surface && [this.yaw, this.pitch], Boolean(regions)].join();
    if (field !== this.drawn || seen !== this.seen) {
      this.begin(base, scale);
      if (this.surface) this.drawSurface();
      else this.drawMap(regions);
      under(this);
      [this.drawn, this.seen] = [field, seen];
    }
    this.begin(canvas, 1);
    this.pen.drawImage(base, 0, 0);
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    over(this);
  }

  begin(canvas, scale) {
    this.pen = canvas.getContext("2d");
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
  }

  drawMap(regions) {
    const { pen, side, field, small } = this;
    if (small.width !== field.n) small.width = small.height = field.n;
    small.getContext("2d").putImageData(field.image(regions), 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    // a pixel of the small picture stands for the point in its middle
    const cell = side / (field.n - 1);
    pen.drawImage(small, -cell / 2, -cell / 2, side + cell, side + cell);
    pen.beginPath();
    for (const [a, b, c, d] of field.lines()) {
      pen.moveTo(...this.place(a, b));
      pen.lineTo(...this.place(c, d));
    }
    pen.strokeStyle = "rgba(255,255,255,0.35)";
    pen.lineWidth = 0.8;
    pen.stroke();
  }

  drawSurface() {
    const { pen, side, field } = this;
    pen.fillStyle = "#f4f2ec";
    pen.fillRect(0, 0, side, side);
    const n = MESH;
    const at = [];
    for (let j = 0; j <= n; j++) {
      for (let i = 0; i <= n; i++) {
        const x = field.low[0] + (i / n) * (field.high[0] - field.low[0]);
        const y = field.low[1] + (j / n) * (field.high[1] - field.low[1]);
        const height = field.height(field.at(x, y));
        at.push([...this.turned(x, y, height), height]);
      }
    }
    // the far ones first
    const down = Math.cos(this.yaw) > 0;
    const left = Math.sin(this.yaw) > 0;
    const order = (reverse) => Array.from({ length: n }, (_, k) => (reverse ? n - 1 - k : k));
    for (const j of order(down)) {
      for (const i of order(left)) {
        const corners = [at[j * (n + 1) + i], at[j * (n + 1) + i + 1],
          at[(j + 1) * (n + 1) + i + 1], at[(j + 1) * (n + 1) + i]];
        const height = (corners[0][2] + corners[1][2] + corners[2][2] + corners[3][2]) / 4;
        const slope = corners[1][2] - corners[0][2] + corners[2][2] - corners[3][2];
        const light = Math.min(Math.max(1 + 1.6 * slope, 0.72), 1.12);
        const shade = 3 * Math.round(255 * height);
        pen.beginPath();
        pen.moveTo(corners[0][0], corners[0][1]);
        for (let c = 1; c < 4; c++) pen.lineTo(corners[c][0], corners[c][1]);
        pen.closePath();
        const colour = [0, 1, 2].map((c) => Math.min(255, Math.round(light * COLOURS[shade + c])));
        pen.fillStyle = pen.strokeStyle = `rgb(${colour})`;
        pen.lineWidth = 0.7;
        pen.fill();
        pen.stroke();
      }
    }
  }

  // where a point of the plane, at a height from 0 to 1, is on the turned surface
  turned(x, y, height) {
    const { field, side } = this;
    const u = (2 * (x - field.low[0])) / (field.high[0] - field.low[0]) - 1;
    const v = (2 * (y - field.low[1])) / (field.high[1] - field.low[1]) - 1;
    const across = u * Math.cos(this.yaw) - v * Math.sin(this.yaw);
    const away = u * Math.sin(this.yaw) + v * Math.cos(this.yaw);
    const reach = 0.345 * side;
    const up = away * Math.sin(this.pitch) + (height - LEVEL) * TALL * Math.cos(this.pitch);
    return [side / 2 + reach * across, side / 2 - reach * up];
  }

  // where a point of the plane is on the canvas
  place(x, y) {
    const { field, side } = this;
    if (this.surface) return this.turned(x, y, field.height(field.at(x, y)));
    return [
      ((x - field.low[0]) / (field.high[0] - field.low[0])) * side,
      (1 - (y - field.low[1]) / (field.high[1] - field.low[1])) * side,
    ];
  }

  // the point of the plane at a place of the canvas; of a surface at the height of `near`
  point(px, py, near) {
    const { field, side } = this;
    const span = [0, 1].map((c) => field.high[c] - field.low[c]);
    let u;
    let v;
    if (this.surface) {
      const height = field.height(field.at(...near));
      const reach = 0.345 * side;
      const across = (px - side / 2) / reach;
      const up = (side / 2 - py) / reach - (height - LEVEL) * TALL * Math.cos(this.pitch);
      const away = up / Math.max(Math.sin(this.pitch), 0.2);
      u = across * Math.cos(this.yaw) + away * Math.sin(this.yaw);
      v = away * Math.cos(this.yaw) - across * Math.sin(this.yaw);
    } else {
      u = (2 * px) / side - 1;
      v = 1 - (2 * py) / side;
    }
    const inside = (w) => Math.min(Math.max(w, -1), 1);
    return [
      field.low[0] + ((inside(u) + 1) / 2) * span[0],
      field.low[1] + ((inside(v) + 1) / 2) * span[1],
    ];
  }

  turn(across, up) {
    this.yaw -= across;
    this.pitch = Math.min(Math.max(this.pitch + up, 0.25), 1.5);
  }

  dots(points, radius, colour, edge) {
    const { pen } = this;
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [x, y] of points) {
      const [px, py] = this.place(x, y);
      pen.moveTo(px + radius, py);
      pen.arc(px, py, radius, 0, 7);
    }
    pen.fill();
    if (edge) {
      pen.strokeStyle = edge;
      pen.lineWidth = 1.2;
      pen.stroke();
    }
  }

  path(points, colour, width, dashes = []) {
    const { pen } = this;
    pen.beginPath();
    points.forEach(([x, y], k) => pen[k ? "lineTo" : "moveTo"](...this.place(x, y)));
    pen.setLineDash(dashes);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
    pen.setLineDash([]);
  }

  cross(x, y, size, colour) {
    const { pen } = this;
    const [px, py] = this.place(x, y);
    pen.beginPath();
    pen.moveTo(px - size, py - size);
    pen.lineTo(px + size, py + size);
    pen.moveTo(px - size, py + size);
    pen.lineTo(px + size, py - size);
    for (const [line, width] of [["#000", 4.5], [colour, 2.5]]) {
      pen.strokeStyle = line;
      pen.lineWidth = width;
      pen.stroke();
    }
  }

  words(text, x, y) {
    const { pen } = this;
    const [px, py] = this.place(x, y);
    pen.font = "600 13px system-ui, sans-serif";
    pen.lineWidth = 3;
    pen.strokeStyle = "#000";
    pen.strokeText(text, px + 8, py - 6);
    pen.fillStyle = "#fff";
    pen.fillText(text, px + 8, py - 6);
  }
}

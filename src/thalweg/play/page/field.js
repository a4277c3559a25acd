// A field of energies: where it is low, its colours, its level lines.

// viridis at nine places: dark is low; told apart by eyes that lack some colours, and in grey
const STOPS = [
  [68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140],
  [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37],
];
export const COLOURS = new Uint8Array(256 * 3);
for (let i = 0; i < 256; i++) {
  const at = (i / 255) * (STOPS.length - 1);
  const k = Math.min(Math.floor(at), STOPS.length - 2);
  for (let c = 0; c < 3; c++) {
    COLOURS[3 * i + c] = Math.round(STOPS[k][c] + (at - k) * (STOPS[k + 1][c] - STOPS[k][c]));
  }
}
// of regions: Okabe and Ito's
export const REGIONS = [
  [0, 114, 178], [230, 159, 0], [0, 158, 115], [213, 94, 0], [204, 121, 167], [86, 180, 233],
  [240, 228, 66], [120, 120, 120],
];
export const LEVELS = 12;
const CALM = 0.35; // share of the way that the scale of colours goes to where it should be

export class Field {
  constructor(values, resolution, low, high, before) {
    this.values = values;
    this.n = resolution;
    this.low = low;
    this.high = high;
    const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
    this.least = sorted.length ? sorted[0] : 0;
    // what is far from the data would take all the colours
    const top = sorted.length ? sorted[Math.floor(0.6 * (sorted.length - 1))] : 1;
    const near = before && before.low[0] === low[0];
    this.floor = near ? before.floor + CALM * (this.least - before.floor) : this.least;
    this.top = near ? before.top + CALM * (top - before.top) : top;
    if (!(this.top > this.floor)) this.top = this.floor + 1e-6;
  }

  // 0 at the floor, 1 at the top; roots, so that a bowl has even lines
  height(value) {
    const share = (value - this.floor) / (this.top - this.floor);
    return share <= 0 ? 0 : share >= 1 || Number.isNaN(share) ? 1 : Math.sqrt(share);
  }

  // the energy at a point, between the four around it
  at(x, y) {
    const n = this.n;
    const u = ((x - this.low[0]) / (this.high[0] - this.low[0])) * (n - 1);
    const v = ((y - this.low[1]) / (this.high[1] - this.low[1])) * (n - 1);
    const i = Math.min(Math.max(Math.floor(u), 0), n - 2);
    const j = Math.min(Math.max(Math.floor(v), 0), n - 2);
    const a = Math.min(Math.max(u - i, 0), 1);
    const b = Math.min(Math.max(v - j, 0), 1);
    const f = this.values;
    const k = j * n + i;
    return (1 - b) * ((1 - a) * f[k] + a * f[k + 1]) + b * ((1 - a) * f[k + n] + a * f[k + n + 1]);
  }

  lowest() {
    let best = 0;
    for (let k = 1; k < this.values.length; k++) if (this.values[k] < this.values[best]) best = k;
    const step = [0, 1].map((c) => (this.high[c] - this.low[c]) / (this.n - 1));
    return [this.low[0] + (best % this.n) * step[0], this.low[1] + Math.floor(best / this.n) * step[1]];
  }

  // pixels of a picture, a pixel a point, the top row first
  image(regions) {
    const n = this.n;
    const image = new ImageData(n, n);
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < n; i++) {
        const from = j * n + i;
        const to = 4 * ((n - 1 - j) * n + i);
        const height = this.height(this.values[from]);
        const shade = 3 * Math.round(255 * height);
        if (regions) {
          const colour = REGIONS[regions[from] % REGIONS.length];
          const light = 0.25 + 0.75 * height;
          for (let c = 0; c < 3; c++) image.data[to + c] = light * colour[c] + (1 - light) * 20;
        } else {
          for (let c = 0; c < 3; c++) image.data[to + c] = COLOURS[shade + c];
        }
        image.data[to + 3] = 255;
      }
    }
    return image;
  }

  // level lines as pieces [x1, y1, x2, y2] in the data's coordinates, by marching squares
  lines() {
    const n = this.n;
    const height = Float32Array.from(this.values, (value) => this.height(value) * LEVELS);
    const place = (c, k) => this.low[c] + (k / (n - 1)) * (this.high[c] - this.low[c]);
    const pieces = [];
    for (let j = 0; j < n - 1; j++) {
      for (let i = 0; i < n - 1; i++) {
        const k = j * n + i;
        const corners = [height[k], height[k + 1], height[k + n + 1], height[k + n]];
        const first = Math.floor(Math.min(...corners)) + 1;
        const last = Math.min(Math.ceil(Math.max(...corners)) - 1, LEVELS - 1);
        for (let level = first; level <= last; level++) {
          const cuts = [];
          for (let e = 0; e < 4; e++) {
            const a = corners[e];
            const b = corners[(e + 1) % 4];
            if (a < level === b < level) continue;
            const t = (level - a) / (b - a);
            const u = [t, 1, 1 - t, 0][e];
            const v = [0, t, 1, 1 - t][e];
            cuts.push([place(0, i + u), place(1, j + v)]);
          }
          for (let e = 0; e + 1 < cuts.length; e += 2) pieces.push([...cuts[e], ...cuts[e + 1]]);
        }
      }
    }
    return pieces;
  }
}

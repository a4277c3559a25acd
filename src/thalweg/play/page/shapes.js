// What lies on a field: data, marks of a model, ways down, chains.

const DATA = "rgba(244,241,222,0.75)";
const ON_SURFACE = "rgba(20,20,30,0.45)";
export const ORANGE = "#e69f00";
export const GREEN = "#2ad6a0";
export const RED = "#d55e00";
const BLUE = "#56b4e9";

export function drawData(view, rows) {
  view.dots(rows, view.surface ? 1.1 : 1.4, view.surface ? ON_SURFACE : DATA);
}

export function drawMarks(view, marks) {
  if (marks.bells) {
    marks.bells.forEach((half, k) => {
      const [a, b] = marks.points[k];
      const ring = [];
      for (let s = 0; s <= 40; s++) {
        const [c, d] = [Math.cos((s / 40) * 2 * Math.PI), Math.sin((s / 40) * 2 * Math.PI)];
        ring.push([a + half[0][0] * c + half[0][1] * d, b + half[1][0] * c + half[1][1] * d]);
      }
      view.path(ring, RED, 1.6);
    });
  }
  if (marks.points) view.dots(marks.points, 4.5, RED, "#fff");
  for (const [from, to] of marks.arrows || []) {
    view.path([from, to], RED, 3);
    view.dots([to], 4, RED, "#fff");
  }
  (marks.predictions || []).forEach((curve, k) => {
    view.path(curve, [RED, BLUE, ORANGE, GREEN][k % 4], 3);
  });
}

export function drawFall(view, point, fall) {
  if (fall) {
    view.path(fall.path, "#000", 4.5);
    view.path(fall.path, ORANGE, 2.5);
    const end = fall.path[fall.path.length - 1];
    view.cross(end[0], end[1], 6, ORANGE);
    if (fall.closest) {
      view.path([point, fall.closest], "#fff", 1.3, [4, 4]);
      view.dots([fall.closest], 4, "#fff", "#000");
    }
  }
  view.dots([point], 8, ORANGE, "#fff");
}

export function drawGiven(view, point, given) {
  const { low, high } = view.field;
  const line = Array.from({ length: 60 }, (_, k) => [point[0], low[1] + (k / 59) * (high[1] - low[1])]);
  view.path(line, "#fff", 1.6, [3, 4]);
  (given ? given.valleys : []).slice(0, 6).forEach((valley, k) => {
    view.dots([[point[0], valley.y2]], k ? 5 : 8, k ? "#fff" : ORANGE, "#000");
    view.words(`${k + 1}`, point[0], valley.y2);
  });
}

export function drawKicks(view, kicked) {
  if (!kicked) return;
  kicked.paths.forEach((path, k) => {
    view.path([kicked.data[k], path[0]], "#fff", 1.2, [3, 3]);
    view.path(path, "#003d2c", 3.5);
    view.path(path, GREEN, 2);
    view.cross(...path[path.length - 1], 4, RED);
  });
  view.dots(kicked.data, 4, "#fff", "#000");
}

export function drawChains(view, chains) {
  if (!chains || !chains.trails.length) return;
  const last = chains.trails[chains.trails.length - 1];
  // a few with their way, all where they are
  for (let c = 0; c < Math.min(8, last.length); c++) {
    view.path(chains.trails.map((at) => at[c]), "rgba(255,255,255,0.75)", 1.1);
  }
  if (chains.paths) {
    for (let c = 0; c < Math.min(8, last.length); c++) {
      view.path(chains.paths.map((at) => at[c]), GREEN, 1.8);
    }
  }
  view.dots(last, 3.4, ORANGE, "#000");
}

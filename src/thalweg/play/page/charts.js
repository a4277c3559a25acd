// Small charts: energies over the steps, the energy along a line.

function begin(canvas) {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = "#454f5d";
  return [pen, width, height];
}

function range(numbers) {
  const sorted = numbers.filter((value) => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const low = sorted[0];
  const high = sorted[Math.ceil(0.98 * (sorted.length - 1))];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

// numbers as people read them; what rounding left of 0 is 0
export function short(value) {
  const size = Math.abs(value);
  if (size < 1e-6) return "0";
  return (size >= 1000 || size < 0.01 ? value.toExponential(1) : value.toFixed(2)).replaceAll("-", "−");
}

export function drawCurves(canvas, curves) {
  const [pen, width, height] = begin(canvas);
  const { step, ...lines } = curves;
  let [low, high] = range(Object.values(lines).flat());
  const pushed = range(lines.negatives);
  // what is far from the data would make a line of data and negatives
  if (lines.negatives.some((value) => value !== null)) high = Math.min(high, low + 3 * (Math.max(pushed[1], range(lines.data)[1]) - low));
  const last = step[step.length - 1] || 1;
  const x = (k) => 46 + (step[k] / Math.max(last, 1)) * (width - 54);
  const y = (value) => 10 + (1 - Math.min((value - low) / (high - low), 1.05)) * (height - 30);
  pen.fillText(short(high), 4, 16);
  pen.fillText(short(low), 4, height - 20);
  pen.fillText(`step ${last}`, width - 70, height - 4);
  const colours = { data: "#0072b2", elsewhere: "#d55e00", negatives: "#009e73" };
  for (const [name, values] of Object.entries(lines)) {
    pen.beginPath();
    let drawn = false;
    values.forEach((value, k) => {
      if (value === null) return;
      pen[drawn ? "lineTo" : "moveTo"](x(k), y(value));
      drawn = true;
    });
    pen.strokeStyle = colours[name];
    pen.lineWidth = 2;
    pen.setLineDash(name === "negatives" ? [5, 3] : []);
    pen.stroke();
    if (step.length === 1 && values[0] !== null) {
      pen.fillStyle = colours[name];
      pen.fillRect(x(0) - 2, y(values[0]) - 2, 5, 5);
      pen.fillStyle = "#454f5d";
    }
  }
  // the gap between what is pushed up and the data
  const name = lines.negatives.some((value) => value !== null) ? "negatives" : "elsewhere";
  const data = lines.data[lines.data.length - 1];
  const other = lines[name][lines[name].length - 1];
  const gap = data === undefined || other === null ? "" : `gap ${short(other - data)}`;
  pen.fillText(gap, 60, height - 4);
  canvas.setAttribute("aria-label", data === undefined ? "no energies yet"
    : `mean energy of the data ${short(data)}, of ${name} ${other === null ? "unknown" : short(other)}`);
}

export function drawGivenLine(canvas, given) {
  const [pen, width, height] = begin(canvas);
  const [low, high] = range(given.energy.slice().sort((a, b) => a - b).slice(0, 0.7 * given.energy.length));
  const n = given.y2.length;
  const x = (y2) => 46 + ((y2 - given.y2[0]) / (given.y2[n - 1] - given.y2[0])) * (width - 54);
  const y = (value) => 10 + (1 - Math.min((value - low) / (high - low), 1.1)) * (height - 30);
  const most = Math.max(...given.density) || 1;
  pen.beginPath();
  pen.moveTo(x(given.y2[0]), height - 20);
  given.density.forEach((p, k) => pen.lineTo(x(given.y2[k]), height - 20 - (0.7 * (height - 40) * p) / most));
  pen.lineTo(x(given.y2[n - 1]), height - 20);
  pen.fillStyle = "rgba(86,180,233,0.35)";
  pen.fill();
  pen.beginPath();
  given.energy.forEach((value, k) => pen[k ? "lineTo" : "moveTo"](x(given.y2[k]), y(value)));
  pen.strokeStyle = "#1d2430";
  pen.lineWidth = 2;
  pen.stroke();
  pen.fillStyle = "#454f5d";
  pen.fillText(short(high), 4, 16);
  pen.fillText(short(low), 4, height - 20);
  given.valleys.slice(0, 6).forEach((valley, k) => {
    pen.beginPath();
    pen.arc(x(valley.y2), y(valley.energy), k ? 4 : 6, 0, 7);
    pen.fillStyle = k ? "#fff" : "#e69f00";
    pen.fill();
    pen.strokeStyle = "#000";
    pen.lineWidth = 1;
    pen.stroke();
    pen.fillStyle = "#1d2430";
    pen.fillText(`${k + 1}: ${Math.round(100 * valley.share)}%`, Math.min(x(valley.y2) - 8, width - 46), height - 5);
  });
  canvas.setAttribute("aria-label", `valleys, the lowest first: ${given.valleys.slice(0, 6)
    .map((v) => `y2 ${short(v.y2)} with energy ${short(v.energy)}, ${Math.round(100 * v.share)} percent`).join("; ")}`);
}

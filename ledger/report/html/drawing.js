// What is drawn into a chart beside its line: what was accepted, limits, changes of level, judged runs, alerts.

let painted = null;

/** Forgets the colours, since the theme is another one. */
export function forgetColours() {
  painted = null;
}

/** Returns the colours of the theme that holds now; asking the browser for them lays out the page, so once for all. */
export function colours() {
  painted ??= coloursNow();
  return painted;
}

function coloursNow() {
  const style = getComputedStyle(document.documentElement);
  const names = ["line", "band", "accepted", "limit", "anchor", "change", "judged", "mark", "grid", "muted"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Draws what lies behind the line. */
export function drawBehind(u, chart, judged, paint) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const scale = devicePixelRatio;
  if (chart.accepted) {
    const top = u.valToPos(chart.accepted.high, "y", true);
    const bottom = u.valToPos(chart.accepted.low, "y", true);
    ctx.fillStyle = paint.band;
    ctx.fillRect(bbox.left, top, bbox.width, Math.max(bottom - top, 2 * scale));
    level(u, chart.accepted.median, paint.accepted, []);
    level(u, chart.accepted.limit, paint.limit, [6, 4]);
    if (chart.accepted.anchor !== null) level(u, chart.accepted.anchor, paint.anchor, [2, 3]);
  }
  for (const bound of [chart.least, chart.most]) if (bound !== null) level(u, bound, paint.limit, [1, 3]);
  if (judged.length) {
    ctx.fillStyle = paint.judged;
    const left = u.valToPos(judged[0], "x", true) - 5 * scale;
    ctx.fillRect(left, bbox.top, u.valToPos(judged[judged.length - 1], "x", true) + 5 * scale - left, bbox.height);
  }
  ctx.restore();
}

/** Draws what lies above the line. */
export function drawAbove(u, changes, marks, paint) {
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  ctx.save();
  for (const [x, provisional] of changes) {
    const left = Math.round(u.valToPos(x, "x", true));
    ctx.strokeStyle = paint.change;
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash(provisional ? [3 * scale, 3 * scale] : []);
    line(ctx, left, bbox.top, left, bbox.top + bbox.height);
  }
  ctx.setLineDash([]);
  for (const [x, y] of marks) {
    if (y === null) continue;
    const left = u.valToPos(x, "x", true);
    const top = u.valToPos(y, "y", true);
    const size = 5 * scale;
    ctx.fillStyle = paint.mark;
    ctx.beginPath();
    ctx.moveTo(left, top - size);
    ctx.lineTo(left + size, top + size);
    ctx.lineTo(left - size, top + size);
    ctx.fill();
  }
  ctx.restore();
}

function level(u, value, colour, dash) {
  const { ctx, bbox } = u;
  const top = Math.round(u.valToPos(value, "y", true)) + 0.5;
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
  line(ctx, bbox.left, top, bbox.left + bbox.width, top);
  ctx.setLineDash([]);
}

function line(ctx, fromX, fromY, toX, toY) {
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}

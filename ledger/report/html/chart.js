// One chart: the line of a metric over runs, a readout of the run under the pointer, and the same by arrow keys.

import { el, printable } from "./dom.js";
import { firstShown, nameOf, pointOf, runsOf } from "./data.js";
import { formatChange, formatMoment, formatValue } from "./units.js";
import { colours, drawAbove, drawBehind } from "./drawing.js";

const HEIGHT = 170;
const FINER = { s: [1000, " ms"], bytes: [1 / (1024 * 1024), " MiB"], "rows/s": [1, "/s"] };
const NARROW = 320;
const MARGIN = 0.08;
const DOTTED = 150;
// From which step between marks on, how a moment is written; then what is added where the year, day or minute is another.
const MOMENTS = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:00", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, ":{ss}", "\n{YYYY}-{MM}-{DD} {HH}:{mm}", null, "\n{MM}-{DD} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

/** Draws a chart into an element of a known width; returns how to take it away again, and how to move its cursor. */
export function openChart(host, readout, data, chart, window, width) {
  const first = firstShown(data, chart, window);
  const runs = runsOf(data, chart);
  const places = [];
  for (let place = first; place < chart.values.length; place += 1) places.push(place);
  // Values follow the time they were measured at; a run that began earlier may have measured later, and the axis ascends.
  let newest = 0;
  const x = places.map((place) => (newest = Math.max(newest, data.runs.started[runs[place]] ?? 0)));
  const y = places.map((place) => chart.values[place]);
  const judgedRuns = new Set(data.gates.flatMap((gate) => (gate.outcome === null ? [] : gate.runs)));
  const at = (place) => x[place - first];
  const shown = {
    judged: places.filter((place) => judgedRuns.has(runs[place])).map(at),
    changes: chart.changes.filter((one) => one.place >= first).map((one) => [at(one.place), one.provisional]),
    marks: chart.marks.filter((mark) => mark[0] >= first).map((mark) => [at(mark[0]), chart.values[mark[0]]]),
  };
  const paint = colours();
  let current = null;
  const tell = (index) => {
    current = index;
    readout.textContent = index === null ? hint(y) : printable(sentence(data, chart, places[index]), 600);
  };
  const u = new uPlot(options(width || host.clientWidth || NARROW, chart, shown, paint, tell), [x, y], host);
  tell(null);
  const resized = new ResizeObserver(() => {
    if (host.clientWidth && host.clientWidth !== u.width) u.setSize({ width: host.clientWidth, height: HEIGHT });
  });
  resized.observe(host);
  return {
    close() {
      resized.disconnect();
      u.destroy();
    },
    move(step) {
      if (!x.length) return;
      const now = current ?? (step > 0 ? -1 : x.length);
      const to = Math.min(Math.max(now + step, 0), x.length - 1);
      u.setCursor({ left: u.valToPos(x[to], "x"), top: u.valToPos(y[to] ?? 0, "y") });
      tell(to);
    },
  };
}

function options(width, chart, shown, paint, tell) {
  const axis = { stroke: paint.muted, font: "12px system-ui, sans-serif", grid: { stroke: paint.grid, width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (u, low, high) => extent(chart, low, high) } },
    axes: [
      { ...axis, space: 70, values: MOMENTS },
      { ...axis, size: 84, values: (u, ticks) => tickLabels(ticks, chart.unit) },
    ],
    series: [{}, { stroke: paint.line, width: 1.5, points: { show: chart.values.length <= DOTTED, size: 4, fill: paint.line } }],
    hooks: {
      drawAxes: [(u) => drawBehind(u, chart, shown.judged, paint)],
      draw: [(u) => drawAbove(u, shown.changes, shown.marks, paint)],
      setCursor: [(u) => tell(u.cursor.idx ?? null)],
    },
  };
}

/** Returns ticks as people read them, in a finer spelling where two of them would read the same. */
function tickLabels(ticks, unit) {
  const plain = ticks.map((tick) => formatValue(tick, unit));
  if (new Set(plain).size === plain.length) return plain;
  const [factor, name] = FINER[unit] ?? [1, ""];
  return ticks.map((tick) => `${Number((tick * factor).toPrecision(6))}${name}`);
}

/** Returns from where to where the scale goes: over the values and all that they are held against. */
function extent(chart, low, high) {
  const accepted = chart.accepted;
  const others = [low, high, chart.least, chart.most];
  if (accepted) others.push(accepted.low, accepted.high, accepted.limit, accepted.median, accepted.anchor);
  const known = others.filter((value) => value !== null && value !== undefined && Number.isFinite(value));
  if (!known.length) return [0, 1];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const margin = (most - least) * MARGIN || Math.abs(most) * MARGIN || 1;
  return [least - margin, most + margin];
}

function hint(values) {
  return values.length ? `${values.length} runs; point at one, or use the arrow keys` : "no runs in this window";
}

/** Returns what is said of one run of a chart. */
export function sentence(data, chart, place) {
  const point = pointOf(data, chart, place);
  const parts = [
    formatValue(point.value, chart.unit),
    formatMoment(point.started),
    `run ${point.run.slice(0, 8)}`,
    point.commit ? `commit ${point.commit}` : "no commit",
    chart.machine,
    ...(point.change ? [`change of level ${formatChange(point.change.change_ratio)}`] : []),
    ...point.marks.map((mark) => `${mark[1]}: ${mark[2]}`),
  ];
  return parts.join(" · ");
}

/** Returns what a chart is called, for those who do not see it. */
export function labelOf(chart) {
  return `${chart.metric} of ${nameOf(chart)}, ${chart.values.length} runs, latest ${formatValue(chart.latest, chart.unit)}, ${chart.heading}`;
}

/** Returns what the lines of charts mean. */
export function legend() {
  const entries = [
    ["line", "value of a run"], ["band", "range of the accepted runs"], ["accepted", "accepted median"],
    ["limit", "limit: of the gate (dashed), of the settings (dotted)"], ["anchor", "anchor, dotted"],
    ["change", "change of level (dashed: provisional)"], ["judged", "runs that the gate judged"], ["mark", "alert or regression"],
  ];
  return el("ul", { class: "legend" }, entries.map(([name, words]) => el("li", {}, el("span", { class: `key ${name}`, "aria-hidden": "true" }), words)));
}

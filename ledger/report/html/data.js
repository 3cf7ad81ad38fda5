// The data of the page: read from the file, and looked up.

/** Returns the data that stands in the page: base64 of deflated JSON. */
export async function embedded() {
  const text = document.getElementById("data").textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).json();
}

/** Returns the name of an asset with its partition. */
export function nameOf(one) {
  return one.partition ? `${one.asset}[${one.partition}]` : one.asset;
}

/** Returns which run each value of a chart is of, as places in the list of runs. */
export function runsOf(data, chart) {
  return data.run_sets[chart.runs];
}

/** Returns what is known of one value of a chart. */
export function pointOf(data, chart, place) {
  const run = runsOf(data, chart)[place];
  return {
    value: chart.values[place],
    run: data.runs.id[run],
    job: data.runs.job[run],
    started: data.runs.started[run],
    commit: place in chart.commits ? chart.commits[place] : data.runs.commit[run],
    marks: chart.marks.filter((mark) => mark[0] === place),
    change: chart.changes.find((change) => change.place === place),
  };
}

/** Returns the place of the first value of a chart that a window shows: all, the last runs (`n50`), or days (`d7`). */
export function firstShown(data, chart, window) {
  const size = Number(window.slice(1));
  if (!window || !(size > 0)) return 0;
  if (window[0] === "n") return Math.max(chart.values.length - size, 0);
  const since = (data.as_of ?? 0) - size * 86400;
  const runs = runsOf(data, chart);
  const first = runs.findIndex((run) => (data.runs.started[run] ?? 0) >= since);
  return first < 0 ? runs.length : first;
}

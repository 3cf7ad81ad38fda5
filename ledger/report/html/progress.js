// The live view: asks its own server what runs now, and for the report again when the ledger has changed.

import { el } from "./dom.js";
import { formatSeconds, formatValue } from "./units.js";
import { badge } from "./words.js";

/** Returns the seconds after which to ask again, and the digest of what is shown; 0 in a file, which asks nobody. */
export function liveTerms() {
  const [every, digest] = document.querySelector('meta[name="ledger-live"]').content.split(" ");
  return { every: Number(every) || 0, digest };
}

/** Keeps an element up to what runs, and calls `renew` with the report whenever it is another one. */
export function follow(place, renew) {
  const { every, digest } = liveTerms();
  let known = digest;
  const look = async () => {
    try {
      const now = await asked("progress");
      show(place, now);
      if (now.report !== known) renew(await asked("data"));
      known = now.report;
    } catch (error) {
      place.replaceChildren(el("p", { class: "notice warn", role: "status" }, `The server does not answer (${error.message}); what is shown may be old.`));
    }
    setTimeout(look, every * 1000);
  };
  look();
}

async function asked(what) {
  const answer = await fetch(what, { cache: "no-store", credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

function show(place, now) {
  const runs = now.runs.map((run) => runOf(run, now.at));
  place.replaceChildren(
    el("h2", {}, "Running now"),
    ...(now.trouble ? [el("p", { class: "notice warn" }, now.trouble)] : []),
    ...(runs.length ? runs : [el("p", { class: "muted" }, "Nothing runs.")]),
  );
}

function runOf(run, at) {
  return el(
    "section",
    { class: "running", "aria-label": `run ${run.run_id.slice(0, 8)}` },
    el("h3", {}, `${run.job ?? "run"} `, el("span", { class: "muted" }, `run ${run.run_id.slice(0, 8)}, ${formatSeconds(Math.max(at - run.started, 0))}`)),
    el("ul", { class: "plain" }, run.assets.map((asset) => assetOf(asset, at))),
    run.waiting.length > 0 && el("p", { class: "muted" }, `still to come: ${run.waiting.join(", ")}`),
  );
}

function assetOf(asset, at) {
  const unit = asset.unit === "rows" ? " rows" : "";
  const total = asset.total === null ? "" : ` of ${formatValue(asset.total, asset.unit)}`;
  const done = asset.done === null ? "" : `${formatValue(asset.done, asset.unit)}${total}${unit}`;
  const eta = asset.eta_s === null ? "" : `about ${formatSeconds(asset.eta_s)} left`;
  const heard = asset.status === "running" && asset.heard !== null ? `last heard of ${formatSeconds(Math.max(at - asset.heard, 0))} ago` : "";
  const name = asset.partition ? `${asset.asset}[${asset.partition}]` : asset.asset;
  return el(
    "li",
    {},
    badge(asset.status),
    ` ${name} `,
    asset.status === "running" && asset.total && el("progress", { max: asset.total, value: asset.done ?? 0, "aria-label": `progress of ${name}` }),
    el("span", { class: "muted" }, [done, eta, heard].filter(Boolean).join(" · ")),
  );
}

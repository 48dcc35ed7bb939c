// Asks for /status.json each second and draws it. Everything from the server goes in as text, never as markup.
"use strict";

const kSeconds = 120;
const history = { rate: [], connections: [], cpu: [], memory: [], trouble: [] };
let before = null;

const byId = (id) => document.getElementById(id);
const sum = (list, of) => list.reduce((all, each) => all + of(each), 0);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function short(value) {
  if (value === null || !Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 1e6) return (value / 1e6).toFixed(1) + " M";
  if (Math.abs(value) >= 1e4) return (value / 1e3).toFixed(1) + " k";
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

function span(seconds) {
  if (seconds === null) return "over 8 s";
  if (seconds < 1e-3) return Math.round(seconds * 1e6) + " us";
  return seconds < 1 ? (seconds * 1e3).toFixed(1) + " ms" : seconds.toFixed(1) + " s";
}

function since(seconds) {
  const all = Math.floor(seconds);
  const parts = [[Math.floor(all / 86400), "d"], [Math.floor(all / 3600) % 24, "h"], [Math.floor(all / 60) % 60, "m"], [all % 60, "s"]];
  const first = Math.min(parts.findIndex(([count]) => count > 0) + 1 || 4, 4) - 1;
  return parts.slice(first, first + 2).map(([count, unit]) => count + unit).join(" ");
}

function rows(id, list) {
  const body = byId(id).tBodies[0];
  body.replaceChildren(...list.map((cells) => {
    const row = document.createElement("tr");
    for (const cell of cells) {
      const at = document.createElement("td");
      at.textContent = cell.text ?? cell;
      if (cell.bad) at.className = "bad";
      row.append(at);
    }
    return row;
  }));
}

function canvasOf(id) {
  const canvas = byId(id);
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return { pen, width: canvas.clientWidth, height: canvas.clientHeight };
}

function plot(id, values) {
  const { pen, width, height } = canvasOf(id);
  const top = Math.max(...values, 1e-9);
  pen.strokeStyle = color("--accent");
  pen.lineWidth = 1.5;
  pen.beginPath();
  values.forEach((value, i) => {
    const x = width * (kSeconds - values.length + i + 1) / kSeconds;
    pen.lineTo(x, height - 2 - (height - 4) * value / top);
  });
  pen.stroke();
}

// Bars of how many turns took so long, by powers of two, on a scale of their logarithm.
function bars(id, buckets) {
  const { pen, width, height } = canvasOf(id);
  const most = Math.log1p(Math.max(...buckets.map((each) => each[1]), 1));
  const room = width / Math.max(buckets.length, 12);
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  buckets.forEach(([bound, count], i) => {
    const tall = (height - 34) * Math.log1p(count) / most;
    pen.fillStyle = color("--accent");
    pen.fillRect(i * room + 2, height - 16 - tall, room - 4, tall);
    pen.fillStyle = color("--dim");
    pen.fillText(span(bound), i * room + room / 2, height - 3);
    if (count > 0) pen.fillText(short(count), i * room + room / 2, height - 20 - tall);
  });
}

// The bound of the bucket below which 99 of 100 are.
function within(times) {
  let left = times.count * 0.99;
  for (const [bound, count] of times.buckets) {
    left -= count;
    if (left <= 0) return span(bound);
  }
  return "-";
}

// By all bounds from a microsecond on, those that no turn has too: the scale stays where it is.
function merged(shards) {
  const counts = new Map();
  for (let bound = 1e-6, i = 0; i !== 18; ++i, bound *= 2) {
    counts.set(Number(bound.toPrecision(7)), 0);
  }
  for (const shard of shards) {
    for (const [bound, count] of shard.loop.turn_times.buckets) {
      counts.set(bound, (counts.get(bound) ?? 0) + count);
    }
  }
  return [...counts].sort((a, b) => (a[0] ?? Infinity) - (b[0] ?? Infinity));
}

const kTrouble = [
  ["connections above a limit, answered 503", (s) => s.http.turned_away],
  ["connections ended for want of memory", (s) => s.memory.reset + s.memory.closed],
  ["requests malformed or above a limit", (s) => s.http.refused],
  ["connections that a time limit ended", (s) => s.http.timed_out],
  ["handlers that failed", (s) => s.http.failures],
  ["lines of the log that were lost", (s) => s.log_dropped_lines],
];

function keep(list, value) {
  list.push(value);
  if (list.length > kSeconds) list.shift();
}

function show(now) {
  byId("version").textContent = now.vigil + ", " + now.engine;
  document.title = "vigil " + now.process.id;
  const state = byId("state");
  state.className = now.draining ? "bad" : "";
  state.textContent = (now.draining ? "draining" : "serving") + ", process " + now.process.id + ", up " +
    since(now.uptime_seconds) + ", " + now.process.descriptors + " of " + short(now.process.descriptor_limit) + " descriptors";
  const passed = before ? now.uptime_seconds - before.uptime_seconds : 0;
  const a_second = (of) => passed > 0 ? (of(now) - of(before)) / passed : 0;
  const rate = a_second((all) => sum(all.shards, (s) => s.http.requests));
  const cpu = a_second((all) => all.process.cpu_seconds);
  const connections = sum(now.shards, (s) => s.http.connections);
  const memory = now.process.resident_bytes / 1048576;
  for (const [name, value] of Object.entries({ rate, connections, cpu, memory })) {
    keep(history[name], value);
    byId(name).textContent = short(value);
    plot("plot-" + name, history[name]);
  }
  rows("shards", now.shards.map((shard) => {
    const then = before?.shards.find((s) => s.shard === shard.shard && s.process === shard.process);
    const grew = (of) => then ? of(shard) - of(then) : 0;
    const turns = grew((s) => s.loop.turns);
    const events = grew((s) => s.loop.events);
    const name = shard.process === undefined ? shard.shard : "process " + shard.process + ", " + shard.shard;
    return [name, short(passed > 0 ? grew((s) => s.http.requests) / passed : 0), shard.http.connections, shard.http.active,
      short(passed > 0 ? turns / passed : 0), short(turns > 0 ? events / turns : 0),
      turns > 0 && shard.loop.registered > 0 ? (100 * events / turns / shard.loop.registered).toFixed(1) + " %" : "-",
      within(shard.loop.turn_times), shard.loop.timers, shard.loop.frames,
      (shard.loop.buffer_bytes / 1024).toFixed(0) + " KiB"];
  }));
  bars("turns", merged(now.shards));
  rows("listeners", now.listeners.map((each) => [each.at, each.accept, each.shards.map((s) => s.accepted).join(" / "),
    each.skew === null ? "-" : each.skew.toFixed(2), sum(each.shards, (s) => s.empty)]));
  keep(history.trouble, kTrouble.map(([, of]) => sum(now.shards, of)));
  const then = history.trouble[Math.max(0, history.trouble.length - 61)];
  rows("trouble", kTrouble.map(([what], i) => {
    const all = history.trouble.at(-1)[i];
    const lately = all - then[i];
    return [what, all, { text: lately, bad: lately > 0 }];
  }));
  before = now;
}

async function ask() {
  try {
    const answer = await fetch("/status.json", { cache: "no-store" });
    show(await answer.json());
  } catch {
    const state = byId("state");
    state.className = "bad";
    state.textContent = "no answer: has it ended?";
  }
  setTimeout(ask, 1000);
}

ask();

// What every page of a run has: its style, its frame and its code.
#pragma once

#include <string_view>

namespace vigil::sim {

inline constexpr std::string_view kPageHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root{color-scheme:light dark;--ground:#fff;--lane:#f4f5f7;--line:#d5d9e0;--ink:#1b1f24;--soft:#5b6572;--bad:#c62828;--mark:#2457c5}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--lane:#1c2026;--line:#353b44;--ink:#e6e9ee;--soft:#98a2b0;--bad:#ff6b6b;--mark:#7da7ff}}
body{margin:0 auto;max-width:1500px;padding:1rem 1.25rem;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.3rem;margin:.2rem 0}
#failure{color:var(--bad);font-weight:600;margin:.3rem 0}
#summary,#help{color:var(--soft);margin:.3rem 0}
#bar{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.6rem 0}
button,input{font:inherit;color:inherit;background:var(--lane);border:1px solid var(--line);border-radius:6px;padding:.25rem .6rem}
input{flex:1 1 14rem}
button:focus-visible,input:focus-visible,canvas:focus-visible{outline:2px solid var(--mark);outline-offset:1px}
canvas{display:block;width:100%;border:1px solid var(--line);border-radius:8px;cursor:grab;touch-action:none}
#legend{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin:.5rem 0;font-size:.85rem;color:var(--soft)}
#legend i{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.35em}
table{border-collapse:collapse;width:100%;font:13px/1.35 ui-monospace,monospace}
th,td{text-align:left;padding:.12rem .7rem .12rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
th{position:sticky;top:0;background:var(--ground)}
td.fault{color:var(--bad)}
#list{max-height:28rem;overflow:auto}
</style>
)";

inline constexpr std::string_view kPageBody = R"(
<p id="failure" hidden></p><p id="summary"></p>
<div id="bar"><button id="all">Whole run</button><button id="in">Closer</button><button id="out">Wider</button>
<button id="end">To the end</button><input id="filter" type="search" placeholder="Only what contains: receive, server, 64" aria-label="Filter"></div>
<canvas id="lanes" tabindex="0" role="img" aria-label="A lane for each host; the list below says the same in words"></canvas>
<p id="help">Wheel: closer and wider. Drag, or the arrow keys: along. A red triangle is a fault that struck.</p>
<div id="legend"></div><div id="list"></div><noscript>The lanes need JavaScript; the text file beside this page does not.</noscript>
)";

inline constexpr std::string_view kPageScript = R"JS("use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const $ = id => document.getElementById(id), canvas = $("lanes"), pen = canvas.getContext("2d");
const hosts = run.hosts.concat(["world"]), WORLD = 65535, TOP = 26, LANE = 58, NAMES = 110;
const events = run.notes.map(n => ({at: n[0], host: n[1] === WORLD ? hosts.length - 1 : n[1], word: n[2],
  text: run.words[n[2]] + " " + n[3], who: n[4] < 0 ? "" : run.programs[n[4]], fault: false}))
  .concat(run.faults.map(f => ({at: f[0], host: f[1], word: f[2], text: run.words[f[2]] + " (draw " + f[3] + ")",
  who: "", fault: true}))).sort((a, b) => a.at - b.at);
const first = events.length ? events[0].at : 0, last = Math.max(run.end, first + 1);
let from = first, to = last, shown = events;
const seconds = us => (us / 1e6).toFixed(6);
const colour = word => `hsl(${(word * 137.5) % 360} 60% ${matchMedia("(prefers-color-scheme:dark)").matches ? 65 : 42}%)`;
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name);
function below(at) { let a = 0, b = shown.length; while (a < b) { const m = (a + b) >> 1; if (shown[m].at < at) a = m + 1; else b = m; } return a; }
function place(at) { return NAMES + (at - from) / (to - from) * (canvas.clientWidth - NAMES - 10); }
function axis(width, height) {
  const rough = (to - from) / 8, power = 10 ** Math.floor(Math.log10(rough)), step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : 2);
  pen.fillStyle = style("--soft"); pen.strokeStyle = style("--line");
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const x = place(at); pen.beginPath(); pen.moveTo(x, TOP - 4); pen.lineTo(x, height); pen.stroke();
    pen.fillText((at / 1e6).toFixed(Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step))))) + " s", x + 3, 16);
  }
}
function draw() {
  const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = TOP + hosts.length * LANE;
  canvas.style.height = height + "px"; canvas.width = width * scale; canvas.height = height * scale;
  pen.setTransform(scale, 0, 0, scale, 0, 0); pen.font = "12px system-ui,sans-serif";
  hosts.forEach((name, i) => { if (i % 2 === 0) { pen.fillStyle = style("--lane"); pen.fillRect(0, TOP + i * LANE, width, LANE); } });
  axis(width, height);
  const end = below(to + 1); let lastLabel = hosts.map(() => -1e9), lastTick = hosts.map(() => ({}));
  for (let i = below(from); i < end; ++i) {
    const e = shown[i], x = place(e.at), y = TOP + e.host * LANE;
    if (e.fault) { pen.fillStyle = style("--bad"); pen.beginPath(); pen.moveTo(x, y + 14); pen.lineTo(x - 5, y + 4); pen.lineTo(x + 5, y + 4); pen.fill(); continue; }
    const pixel = Math.round(x);
    if (lastTick[e.host][e.word] === pixel) continue;
    lastTick[e.host][e.word] = pixel; pen.fillStyle = colour(e.word); pen.fillRect(pixel, y + 20, 2, 20);
    if (x > lastLabel[e.host]) { const word = run.words[e.word]; pen.fillText(word, x + 1, y + 53); lastLabel[e.host] = x + pen.measureText(word).width + 8; }
  }
  if (run.failure) { const x = place(run.failure.at); if (x >= NAMES) { pen.fillStyle = style("--bad"); pen.fillRect(x, TOP, 2, height); } }
  hosts.forEach((name, i) => { pen.fillStyle = i % 2 === 0 ? style("--lane") : style("--ground"); pen.fillRect(0, TOP + i * LANE, NAMES - 6, LANE);
    pen.fillStyle = style("--ink"); pen.fillText(name, 10, TOP + i * LANE + 34, NAMES - 20); });
  table(below(from), end);
}
function cell(row, text, kind) { const td = document.createElement("td"); td.textContent = text; if (kind) td.className = kind; row.append(td); }
function table(start, end) {
  const most = 300, out = document.createElement("table"), head = document.createElement("tr");
  for (const text of ["second", "host", "program", "what"]) { const th = document.createElement("th"); th.textContent = text; head.append(th); }
  out.append(head);
  for (let i = start; i < Math.min(end, start + most); ++i) { const e = shown[i], row = document.createElement("tr");
    cell(row, seconds(e.at)); cell(row, hosts[e.host]); cell(row, e.who); cell(row, (e.fault ? "fault: " : "") + e.text, e.fault ? "fault" : ""); out.append(row); }
  if (end - start > most) { const row = document.createElement("tr"); cell(row, (end - start - most) + " more: look closer"); out.append(row); }
  $("list").replaceChildren(out);
}
let waiting = false;
function show(a, b) {
  const span = Math.max(2, Math.min(b - a, last - first)); from = Math.max(first, Math.min(a, last - span)); to = from + span;
  if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); }
}
function zoom(factor, at) { show(at - (at - from) * factor, at + (to - at) * factor); }
const middle = () => (from + to) / 2, along = share => show(from + (to - from) * share, to + (to - from) * share);
$("all").onclick = () => show(first, last); $("in").onclick = () => zoom(.5, middle()); $("out").onclick = () => zoom(2, middle());
$("end").onclick = () => show(last - Math.min(last - first, 2e4), last);
$("filter").oninput = () => { const want = $("filter").value.toLowerCase();
  shown = want === "" ? events : events.filter(e => (hosts[e.host] + " " + e.who + " " + e.text).toLowerCase().includes(want)); draw(); };
canvas.onwheel = e => { e.preventDefault(); zoom(e.deltaY > 0 ? 1.25 : .8, from + (e.offsetX - NAMES) / (canvas.clientWidth - NAMES) * (to - from)); };
canvas.onpointerdown = e => canvas.setPointerCapture(e.pointerId);
canvas.onpointermove = e => { if (e.buttons) along(-e.movementX / (canvas.clientWidth - NAMES)); };
canvas.onkeydown = e => { const key = {ArrowLeft: () => along(-.2), ArrowRight: () => along(.2), ArrowUp: () => zoom(.5, middle()), ArrowDown: () => zoom(2, middle())}[e.key];
  if (key) { e.preventDefault(); key(); } };
if (run.failure) { $("failure").hidden = false; $("failure").textContent = "Failed at " + seconds(run.failure.at) + " s: " + run.failure.what; }
$("summary").textContent = `${run.hosts.length} hosts, ${seconds(run.end)} simulated seconds, ${run.notes.length} steps, ${run.faults.length} faults struck` +
  (run.left_out ? `; ${run.left_out} earlier steps are in the text only` : "") + ".";
$("legend").replaceChildren(...run.words.slice(0, 40).map((word, i) => { const span = document.createElement("span"), box = document.createElement("i");
  box.style.background = colour(i); span.append(box, word); return span; }));
addEventListener("resize", draw); matchMedia("(prefers-color-scheme:dark)").onchange = draw; draw();
)JS";

}  // namespace vigil::sim

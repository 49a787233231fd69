// Reads a timeline under the pointer. The page is whole without this.
"use strict";

function clock(seconds) {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const hours = Math.floor(tenths / 36000), minutes = Math.floor(tenths / 600) % 60;
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

for (const figure of document.querySelectorAll(".timeline")) {
  const plot = figure.querySelector(".plot"), box = figure.querySelector("svg").viewBox.baseVal;
  const numbers = (figure.querySelector("defs path").getAttribute("d").match(/[\d.]+/g) || []).map(Number);
  const { first, last, top } = Object.fromEntries(Object.entries(figure.dataset).map(([k, v]) => [k, Number(v)]));
  const cursor = plot.appendChild(Object.assign(document.createElement("div"), { className: "cursor", hidden: true }));
  const tip = plot.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));

  function show(event) {
    const area = plot.getBoundingClientRect(), wanted = ((event.clientX - area.left) / area.width) * box.width;
    let low = 0, high = numbers.length / 2 - 1;
    if (high < 0) return;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[2 * middle] < wanted) low = middle + 1; else high = middle;
    }
    if (low > 0 && wanted - numbers[2 * low - 2] < numbers[2 * low] - wanted) low -= 1;
    const share = numbers[2 * low] / box.width, value = (1 - numbers[2 * low + 1] / box.height) * top;
    tip.textContent = `${clock(first + share * (last - first))}  score ${value.toFixed(1)}`;
    tip.hidden = cursor.hidden = false;
    cursor.style.left = `${100 * share}%`;
    tip.style.left = `${Math.min(share * area.width + 8, area.width - tip.offsetWidth - 4)}px`;
  }

  function hide() { tip.hidden = cursor.hidden = true; }

  plot.addEventListener("pointermove", show);
  plot.addEventListener("pointerdown", show);
  plot.addEventListener("pointerleave", hide);
}

"use strict";
// the pages under test have no scripts; this one looks at them from outside
function luminance([r, g, b]) {
  const f = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
}
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
function rgba(text) {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
}
function background(view, node) {
  for (let at = node; at; at = at.parentElement) {
    const colour = rgba(view.getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [255, 255, 255, 1];
}
function shown(view, node) {
  const style = view.getComputedStyle(node), box = node.getBoundingClientRect();
  return style.visibility !== "hidden" && style.display !== "none" && box.width > 1 && box.height > 1;
}
function name(node) {
  return `${node.tagName.toLowerCase()}.${node.getAttribute("class") || ""}: ${node.textContent.trim().slice(0, 40)}`;
}

function wide(view, page) {
  const inside = node => node.closest(".scroll") && !node.matches(".scroll");
  return [...page.body.querySelectorAll("*")].filter(n => !inside(n) && shown(view, n))
    .filter(n => { const b = n.getBoundingClientRect(); return b.right > view.innerWidth + 1 || b.left < -1; })
    .map(name).slice(0, 9);
}
function faint(view, page) {
  const found = [];
  for (const node of page.body.querySelectorAll("*")) {
    const own = [...node.childNodes].some(c => c.nodeType === 3 && c.data.trim());
    if (!own || !shown(view, node)) continue;
    const style = view.getComputedStyle(node), drawn = node.namespaceURI.endsWith("svg");
    const ratio = contrast(rgba(drawn ? style.fill : style.color), background(view, node));
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${name(node)}`);
  }
  return found.slice(0, 9);
}
function overlaps(view, page) {
  const found = [];
  for (const chart of page.querySelectorAll("svg.chart")) {
    const texts = [...chart.querySelectorAll("text")].filter(t => shown(view, t));
    const boxes = texts.map(t => t.getBoundingClientRect());
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i], boxes[j]];
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (x > 1 && y > 4) found.push(`${chart.querySelector("title").textContent}: ${texts[i].textContent} / ${texts[j].textContent}`);
    }
  }
  return found.slice(0, 9);
}
function unfocusable(view, page) {
  const nodes = [...page.querySelectorAll("a[href], summary, [tabindex='0']")];
  return { count: nodes.length, wrong: nodes.filter(node => {
    node.focus();
    const style = view.getComputedStyle(node);
    return page.activeElement !== node || style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2;
  }).map(name).slice(0, 9) };
}

function cut(page) {
  return [...page.querySelectorAll(".scroll, .wide-table")]
    .filter(n => n.scrollWidth > n.clientWidth + 1)
    .map(n => n.getAttribute("aria-label"));
}

async function measure({ html, width }) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `border:0;width:${width}px;height:900px`;
  const loaded = new Promise(done => frame.addEventListener("load", done));
  frame.srcdoc = html;
  document.body.append(frame);
  await loaded;
  const view = frame.contentWindow, page = frame.contentDocument;
  const closed = { scroll: page.documentElement.scrollWidth, wide: wide(view, page) };
  for (const details of page.querySelectorAll("details")) details.open = true;
  const skip = page.querySelector(".skip");
  const hidden = skip.getBoundingClientRect().bottom <= 0;
  skip.focus();
  const result = {
    width: view.innerWidth, closed, scroll: page.documentElement.scrollWidth,
    wide: wide(view, page), faint: faint(view, page), overlaps: overlaps(view, page),
    cut: cut(page), focus: unfocusable(view, page), charts: page.querySelectorAll("svg.chart").length,
    dark: luminance(background(view, page.body)) < 0.2, hidden,
  };
  skip.focus();
  result.skip = skip.getBoundingClientRect().top >= 0;
  frame.remove();
  return result;
}
window.addEventListener("load", async () => {
  const out = [];
  for (const page of window.PAGES) out.push(await measure(page));
  const answer = document.createElement("pre");
  answer.textContent = JSON.stringify(out);
  document.body.replaceChildren(answer);
});

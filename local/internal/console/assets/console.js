// Keeps the page current, and adds keys. Every page works without it.
"use strict";
(() => {
  const main = document.getElementById("main"), light = document.getElementById("live");
  let fetching = false, again = false;

  // Someone who writes or selects is not disturbed.
  const busy = () => {
    const at = document.activeElement;
    return document.hidden || (at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) || !document.getSelection().isCollapsed ||
      [...main.querySelectorAll("textarea,input")].some((field) => field.type !== "hidden" && field.value !== field.defaultValue);
  };

  const renew = async () => {
    if (busy()) return;
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href.split("#")[0], { headers: { "X-Renew": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!busy()) replace(page.getElementById("main"));
    } catch { light.className = "off"; }
    fetching = false;
    if (again) { again = false; setTimeout(renew, 500); }
  };

  // What was open stays open, what was scrolled stays scrolled.
  const replace = (fresh) => {
    if (!fresh || fresh.innerHTML === main.dataset.was) return;
    main.dataset.was = fresh.innerHTML;
    const open = [...main.querySelectorAll("details")].map((d) => d.open);
    const scrolled = [...main.querySelectorAll("pre,.drawing,.scroll")].map((e) => [e.scrollLeft, e.scrollTop]);
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll("details").forEach((d, i) => { if (open[i]) d.open = true; });
    main.querySelectorAll("pre,.drawing,.scroll").forEach((e, i) => { if (scrolled[i]) [e.scrollLeft, e.scrollTop] = scrolled[i]; });
  };

  let first = true;
  const source = new EventSource("/live");
  source.onmessage = () => { light.className = ""; if (!first) renew(); first = false; };
  source.onerror = () => { light.className = "off"; };

  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
    const to = { h: "/", e: "/events", f: "/functions", d: "/data", t: "/time" }[e.key];
    if (to) location.href = to;
    const filter = document.getElementById("filter");
    if (e.key === "/" && filter) { filter.focus(); e.preventDefault(); }
  });

  addEventListener("input", (e) => {
    if (e.target.id !== "filter") return;
    const wanted = e.target.value.toLowerCase();
    main.querySelectorAll("tbody tr").forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
  });
})();

// Keeps the page current, and adds keys. Every page works without it.
"use strict";
(() => {
  const main = document.getElementById("main"), light = document.getElementById("live");
  let fetching = false, again = false, stale = false;

  // Someone who writes or selects is not disturbed.
  const busy = () => {
    const at = document.activeElement;
    return document.hidden || (at && /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) || !document.getSelection().isCollapsed ||
      [...main.querySelectorAll("textarea,input")].some((field) => field.type !== "hidden" && field.value !== field.defaultValue);
  };

  const renew = async () => {
    if ((stale = busy())) return;
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href.split("#")[0], { headers: { "X-Renew": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!(stale = busy())) {
        replace(page.getElementById("main"));
        light.dataset.seen = page.getElementById("live").dataset.seen;
      }
    } catch { light.className = "off"; }
    fetching = false;
    if (again) { again = false; setTimeout(renew, 500); }
  };

  // What happened meanwhile is shown when the reader is done.
  const resume = () => { if (stale && !busy()) renew(); };
  for (const done of ["focusout", "selectionchange", "visibilitychange"]) document.addEventListener(done, () => setTimeout(resume, 50));

  // Whoever uses the keyboard stays on the link or button where they were.
  const alike = (e) => [e.tagName, e.getAttribute("href"), e.textContent, e.getAttribute("aria-label")].join("\n");
  const refocus = (was, nth) => {
    const same = [...main.querySelectorAll("a,button,summary,[tabindex]")].filter((e) => alike(e) === was);
    if (same.length) same[Math.min(nth, same.length - 1)].focus({ preventScroll: true });
  };

  // What was open stays open, what was scrolled stays scrolled.
  let shown = "";
  const replace = (fresh) => {
    if (!fresh || fresh.innerHTML === shown) return;
    shown = fresh.innerHTML;
    const at = main.contains(document.activeElement) && document.activeElement !== main ? document.activeElement : null, was = at && alike(at);
    const nth = at && [...main.querySelectorAll("a,button,summary,[tabindex]")].filter((e) => alike(e) === was).indexOf(at);
    const open = [...main.querySelectorAll("details")].map((d) => d.open);
    const scrolled = [...main.querySelectorAll("pre,.drawing,.scroll")].map((e) => [e.scrollLeft, e.scrollTop]);
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll("details").forEach((d, i) => { if (open[i]) d.open = true; });
    main.querySelectorAll("pre,.drawing,.scroll").forEach((e, i) => { if (scrolled[i]) [e.scrollLeft, e.scrollTop] = scrolled[i]; });
    if (at) refocus(was, nth);
  };

  // A graph that is wider than the window is shown from its start.
  main.querySelectorAll(".drawing").forEach((d) => {
    const start = d.querySelector(".dot");
    if (start) d.scrollLeft = start.getBoundingClientRect().left - d.getBoundingClientRect().left - d.clientWidth / 2;
  });

  // The page says up to where it has seen; what came before this script listened
  // counts too. Once more a second later: what was noted may not have been stored.
  let settle = 0;
  const source = new EventSource("/live");
  source.onmessage = (e) => {
    light.className = "";
    if (e.data === light.dataset.seen) return;
    renew();
    clearTimeout(settle);
    settle = setTimeout(renew, 1000);
  };
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

"use strict";
// Contents: open on wide pages and a bar on narrow ones, with the part in view marked. A link to a part inside a fold
// opens the fold, and printing opens all of them. Tables that scroll can be scrolled by keys.
{
  const contents = document.querySelector("nav.contents details");
  const links = contents ? [...contents.querySelectorAll("a")] : [];
  const narrow = matchMedia("(max-width: 75rem)");
  const follow = () => {
    if (contents) contents.open = !narrow.matches;
  };
  follow();
  narrow.addEventListener("change", follow);
  const reveal = (scroll) => {
    let id = "";
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    if (scroll) target.scrollIntoView();
  };
  addEventListener("hashchange", () => reveal(true));
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#"]');
    if (!link) return;
    if (narrow.matches && links.includes(link)) contents.open = false;
    if (link.hash === location.hash) setTimeout(() => reveal(true));
  });
  reveal(false);
  const parts = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const mark = () => {
    let now = -1;
    parts.forEach((part, i) => {
      if (part && part.getBoundingClientRect().top < innerHeight / 3) now = i;
    });
    const ended = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    if (ended && scrollY > 0) now = parts.length - 1;
    links.forEach((link, i) => (i === now ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => ((waiting = false), mark()));
  }, { passive: true });
  mark();
  const closed = [];
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details:not([open])")) {
      closed.push(fold);
      fold.open = true;
    }
  });
  addEventListener("afterprint", () => closed.splice(0).forEach((fold) => (fold.open = false)));
  for (const box of document.querySelectorAll(".wide")) box.tabIndex = 0;
}

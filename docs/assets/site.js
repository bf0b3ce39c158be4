// Set the formulas.
for (const place of document.querySelectorAll(".arithmatex")) {
  const source = place.textContent.trim();
  katex.render(source.slice(2, -2), place, { displayMode: source.startsWith("\\["), throwOnError: true });
}
// Formulas move what stands below them.
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();

// The corner of a table that heads nothing is no heading.
for (const corner of document.querySelectorAll(".md-typeset th:empty")) corner.replaceWith(document.createElement("td"));

addEventListener("load", () => setTimeout(() => {
  // What scrolls can be reached by keys; what can be reached has a name of its own.
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, div.arithmatex, pre > code")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  }
  document.querySelectorAll(".md-code__nav").forEach((nav, i) => nav.setAttribute("aria-label", "Code block " + (i + 1)));
}));

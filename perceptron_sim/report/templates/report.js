"use strict";
(() => {
  const root = document.documentElement;
  const said = document.getElementById("said");
  const store = JSON.parse(document.getElementById("figures").textContent);
  root.classList.add("js");

  // Theme: the system's until a button says otherwise.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = (name) => { try { localStorage.setItem("theme", name); } catch { /* private */ } };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`); };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  nameTheme();
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    nameTheme();
    redraw();
  });
  system.addEventListener("change", () => { nameTheme(); redraw(); });

  const print = document.getElementById("print");
  print.hidden = false;
  print.addEventListener("click", () => window.print());

  for (const button of document.querySelectorAll(".copy")) {
    const code = button.closest(".command").querySelector("code");
    button.hidden = false;
    button.addEventListener("click", async () => {
      let copied = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        // Pages from a file may have no clipboard: the older way, with a selection.
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        copied = document.execCommand("copy");
      }
      button.textContent = copied ? "Copied" : "Selected: press Ctrl-C";
      said.textContent = `Command ${button.textContent.toLowerCase()}`;
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // The static figure is in the page once: its link points to the image.
  for (const link of document.querySelectorAll("a.svg")) {
    link.href = link.closest(".claim").querySelector(".static").src;
  }

  // Figures: the data come without colours, which are the theme's.
  const onDark = ["#f2f4f7", "#5eb5f0", "#ff9052", "#34cfa4", "#eda6cf", "#f7bd45", "#a6dcff"];
  const variable = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const plots = [...document.querySelectorAll(".plot")];
  const config = {
    displaylogo: false, responsive: true, displayModeBar: true, scrollZoom: false,
    // Plotly's own list has a button that would send the figure away.
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
    plotlyServerURL: "",
    toImageButtonOptions: { format: "svg" },
  };

  const themed = (spec) => {
    const colours = dark() ? onDark : store.colours;
    const data = spec.data.map((trace) => {
      const colour = trace.meta.colour === null ? variable("--neutral") : colours[trace.meta.colour % colours.length];
      return {
        ...trace,
        line: { ...trace.line, color: colour },
        marker: { ...trace.marker, color: colour, line: { ...trace.marker?.line, color: colour } },
        error_y: trace.error_y && { ...trace.error_y, color: colour },
      };
    });
    const axis = {
      gridcolor: variable("--grid"), linecolor: variable("--muted"), zeroline: false, showline: true,
      ticks: "outside", tickcolor: variable("--muted"), exponentformat: "power", automargin: true,
    };
    const rows = Math.ceil(spec.data.filter((trace) => trace.showlegend).length / 2);
    return {
      data,
      layout: {
        height: 330 + 20 * rows,
        margin: { l: 20, r: 14, t: 34, b: 20 },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: variable("--text"), family: getComputedStyle(document.body).fontFamily, size: 12.5 },
        hovermode: "closest",
        hoverlabel: { bgcolor: variable("--page"), bordercolor: variable("--muted"), font: { color: variable("--text") } },
        legend: { orientation: "h", x: 0, yref: "container", y: 0, yanchor: "bottom", font: { size: 11.5 } },
        modebar: { orientation: "h", bgcolor: "rgba(0,0,0,0)", color: variable("--muted"), activecolor: variable("--text") },
        // A finger that scrolls the page must not zoom the figure.
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
        xaxis: { ...axis, ...spec.layout.xaxis },
        yaxis: { ...axis, ...spec.layout.yaxis },
      },
    };
  };

  const specOf = (plot) => store.claims[plot.dataset.claim][Number(plot.dataset.panel)];
  const draw = async (plot) => {
    const { data, layout } = themed(specOf(plot));
    await Plotly.react(plot, data, layout, config);
  };
  // One failure leaves the static figure of that claim.
  const attempt = (plot) => draw(plot).catch((error) => {
    plot.closest(".claim").classList.add("failed");
    console.error(error);
  });
  const redraw = () => Promise.all(plots.map(attempt));

  // Keys: points left and right, series up and down, zoom, all of it again.
  const words = (text) => text.replace(/<[^>]*>/g, " ");
  const keys = (plot) => {
    let series = 0, point = -1;
    const value = plot.parentElement.querySelector(".value");
    const scale = (factor) => {
      const to = {};
      for (const name of ["xaxis", "yaxis"]) {
        const [low, high] = plot._fullLayout[name].range;
        const middle = (low + high) / 2, half = (high - low) / 2 * factor;
        to[`${name}.range`] = [middle - half, middle + half];
      }
      return Plotly.relayout(plot, to);
    };
    const show = () => {
      const trace = plot.data[series], n = trace.x.length;
      point = Math.min(Math.max(point, 0), n - 1);
      Plotly.Fx.hover(plot, [{ curveNumber: series, pointNumber: point }]);
      const number = (x) => (x === null ? "none" : Number(x.toPrecision(4)).toString());
      const ends = trace.customdata ? `, 95 % [${trace.customdata[point].map(number).join(", ")}]` : "";
      value.textContent = words(`${trace.name}: ${number(trace.x[point])}, ${number(trace.y[point])}${ends}`)
        .replace(/&amp;/g, "&").replace(/&lt;/g, "<").replace(/&gt;/g, ">");
    };
    plot.addEventListener("keydown", (event) => {
      if (event.target !== plot || event.ctrlKey || event.metaKey || event.altKey) return;
      const last = plot.data.length - 1;
      if (event.key === "ArrowRight") { point += 1; show(); }
      else if (event.key === "ArrowLeft") { point -= 1; show(); }
      else if (event.key === "ArrowDown") { series = Math.min(series + 1, last); show(); }
      else if (event.key === "ArrowUp") { series = Math.max(series - 1, 0); show(); }
      else if (event.key === "+" || event.key === "=") scale(0.7);
      else if (event.key === "-") scale(1 / 0.7);
      else if (event.key === "0") Plotly.relayout(plot, { "xaxis.autorange": true, "yaxis.autorange": true });
      else if (event.key === "Escape") { Plotly.Fx.unhover(plot); value.textContent = ""; }
      else return;
      event.preventDefault();
    });
    plot.addEventListener("blur", () => { Plotly.Fx.unhover(plot); value.textContent = ""; });
  };

  (async () => {
    for (const plot of plots) {
      await attempt(plot);
      keys(plot);
      // The page stays alive between figures.
      await new Promise((done) => { setTimeout(done); });
    }
    root.dataset.drawn = "all";
  })();

  // Served pages alone ask their server whether there is a newer one.
  if ("live" in root.dataset) {
    const live = document.getElementById("live");
    let revision = null;
    const ask = async () => {
      try {
        const answer = await (await fetch("revision.json", { cache: "no-store" })).json();
        if (revision !== null && answer.revision !== revision) { location.reload(); return; }
        revision = answer.revision;
        if (live.dataset.lost) { delete live.dataset.lost; live.textContent = "Follows the folders again."; }
      } catch {
        if (!live.dataset.lost) { live.dataset.lost = "1"; live.textContent = "The server has stopped: this page is as it was then."; }
      }
      setTimeout(ask, 3000);
    };
    ask();
  }
})();

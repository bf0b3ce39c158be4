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
    displaylogo: false, responsive: true, displayModeBar: true, scrollZoom: false, doubleClick: "reset",
    // Plotly's own list has a button that would send the figure away.
    modeBarButtons: [["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
    plotlyServerURL: "",
  };

  // Numbers on log axes of less than three decades: whole ones, where Plotly leaves single digits.
  const shown = (v) => {
    if (v >= 1e-3 && v < 1e6) return String(Number(v.toPrecision(3)));
    const power = Math.floor(Math.log10(v) + 1e-9);
    return `${Number((v / 10 ** power).toPrecision(3))}×10<sup>${power}</sup>`;
  };
  const ticks = (range) => {
    const [low, high] = range.map((end) => 10 ** end);
    const span = high / low, values = [];
    if (span >= 1000) return { tickmode: "auto" };
    if (span < 2.5) {
      const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough));
      const step = unit * ([1, 2, 5].find((m) => m * unit >= rough) ?? 10);
      for (let v = Math.ceil(low / step) * step; v <= high; v += step) values.push(v);
    } else {
      const digits = span < 8 ? [1, 2, 3, 4, 5, 6, 8] : span < 25 ? [1, 2, 5] : [1, 3];
      for (let k = Math.floor(range[0]) - 1; k <= Math.ceil(range[1]); k += 1) {
        values.push(...digits.map((digit) => digit * 10 ** k).filter((v) => v >= low && v <= high));
      }
    }
    return { tickmode: "array", tickvals: values, ticktext: values.map(shown) };
  };
  // The range is ours, so that the numbers are known before anything is drawn.
  const rangeOf = (data, name, log) => {
    const values = data.flatMap((trace) => [
      ...trace[name],
      ...(trace[`error_${name}`] && trace.customdata ? trace.customdata.flat() : []),
    ]).filter((v) => v !== null && (!log || v > 0)).map((v) => (log ? Math.log10(v) : v));
    if (values.length === 0) return [0, 1];
    const low = Math.min(...values), high = Math.max(...values);
    const pad = high > low ? 0.06 * (high - low) : log ? 0.3 : 0.5 * Math.abs(low) || 1;
    return [low - pad, high + pad];
  };
  const placed = (data, name, axis) => {
    const range = axis.range ?? rangeOf(data, name, axis.type === "log");
    return { ...axis, range, ...(axis.type === "log" ? ticks(range) : {}) };
  };
  const retick = (plot) => {
    const update = {};
    for (const name of ["xaxis", "yaxis"]) {
      const axis = plot._fullLayout[name];
      if (axis.type !== "log") continue;
      for (const [key, value] of Object.entries(ticks(axis.range))) update[`${name}.${key}`] = value;
    }
    return Plotly.relayout(plot, update);
  };

  const themed = (spec) => {
    const colours = dark() ? onDark : store.colours;
    const data = spec.data.map((trace) => {
      const colour = trace.meta.colour === null ? variable("--neutral") : colours[trace.meta.colour % colours.length];
      return {
        ...trace,
        line: { ...trace.line, color: colour },
        marker: { ...trace.marker, color: colour, line: { ...trace.marker?.line, color: colour } },
        ...Object.fromEntries(["error_x", "error_y"].filter((name) => trace[name])
          .map((name) => [name, { ...trace[name], color: colour }])),
      };
    });
    const axis = {
      gridcolor: variable("--grid"), linecolor: variable("--muted"), zeroline: false, showline: true,
      ticks: "outside", tickcolor: variable("--muted"), exponentformat: "power", automargin: true,
    };
    return {
      data,
      layout: {
        height: spec.layout.height ?? 330,
        margin: { l: 20, r: 14, t: 34, b: 20 },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: variable("--text"), family: getComputedStyle(document.body).fontFamily, size: 12.5 },
        hovermode: "closest",
        hoverlabel: { bgcolor: variable("--page"), bordercolor: variable("--muted"), font: { color: variable("--text") } },
        showlegend: false,
        modebar: { orientation: "h", bgcolor: "rgba(0,0,0,0)", color: variable("--muted"), activecolor: variable("--text") },
        // A finger that scrolls the page must not zoom the figure.
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
        xaxis: placed(data, "x", { ...axis, ...spec.layout.xaxis }),
        yaxis: placed(data, "y", { ...axis, ...spec.layout.yaxis }),
      },
    };
  };

  // The legend is made of buttons, which keys reach; each shows or hides the series of its name.
  const shapes = {
    circle: '<circle cx="8" cy="8" r="4.5"/>',
    square: '<path d="M4 4h8v8h-8z"/>',
    "triangle-up": '<path d="M8 3l5 9h-10z"/>',
    diamond: '<path d="M8 2.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z"/>',
    "triangle-down": '<path d="M8 13l5 -9h-10z"/>',
    cross: '<path d="M6 3h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
    x: '<path d="M3.5 5.5l2 -2l2.5 2.5l2.5 -2.5l2 2l-2.5 2.5l2.5 2.5l-2 2l-2.5 -2.5l-2.5 2.5l-2 -2l2.5 -2.5z"/>',
  };
  const icon = (trace) => {
    const symbol = trace.marker?.symbol ?? "";
    const kind = symbol.replace("-open", "");
    const dash = trace.line.dash === "dash" ? ' stroke-dasharray="4 2"' : "";
    const shape = trace.mode === "lines" ? `<path d="M0 8h16"${dash}/>` : shapes[kind];
    const fill = symbol.endsWith("-open") || trace.mode === "lines" ? "none" : "currentColor";
    return `<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="${fill}" stroke="currentColor" stroke-width="1.5">${shape}</svg>`;
  };
  const legend = (plot, data) => {
    const box = plot.parentElement.querySelector(".legend");
    const shownOnce = data.filter((trace) => trace.showlegend);
    if (box.children.length === 0) {
      for (const trace of shownOnce) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "entry";
        button.setAttribute("aria-pressed", "true");
        // Names are escaped where the page is written; sub and sup are their only tags.
        button.innerHTML = `<span class="icon"></span> <span>${trace.name}</span>`;
        button.addEventListener("click", () => {
          const on = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", String(on));
          const same = plot.data.flatMap((other, i) => (other.name === trace.name ? [i] : []));
          Plotly.restyle(plot, { visible: on }, same);
        });
        box.append(button);
      }
    }
    shownOnce.forEach((trace, i) => {
      const place = box.children[i].firstElementChild;
      place.style.color = trace.line.color;
      place.innerHTML = icon(trace);
      box.children[i].setAttribute("aria-pressed", "true");
    });
  };

  const specOf = (plot) => store.claims[plot.dataset.claim][Number(plot.dataset.panel)];
  const draw = async (plot) => {
    const { data, layout } = themed(specOf(plot));
    legend(plot, data);
    await Plotly.react(plot, data, layout, config);
    if (plot.dataset.drawn) return;
    plot.dataset.drawn = "1";
    plot.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((key) => key.includes("tick"))) retick(plot);
    });
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
      const names = specOf(plot).layout.yaxis.ticktext;
      const y = names ? names[Math.round(trace.y[point])] : number(trace.y[point]);
      value.textContent = words(`${trace.name}: ${number(trace.x[point])}, ${y}${ends}`)
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
      else if (event.key === "0") draw(plot);
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

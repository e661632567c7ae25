"use strict";
// Draws every figure with a data-chart: {x, series: [{label, values}], unit?}, and either zone, where x are seconds since
// 1970, or names, where they are the positions of those.

const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5"];
const HEIGHT = 190;
const POWERS = [0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000, 100000];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function moments(zone) {
  const clock = { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
  const written = (options) => {
    const format = new Intl.DateTimeFormat("en-GB", options);
    return (seconds) => format.format(new Date(seconds * 1000));
  };
  const day = written({ timeZone: zone, day: "numeric", month: "short" });
  const minute = written(clock);
  const second = written({ ...clock, second: "2-digit" });
  return {
    axis: (step) => (step >= 86400 ? day : step >= 60 ? minute : second),
    whole: (seconds) => day(seconds) + ", " + second(seconds),
  };
}

function draw(figure) {
  const data = JSON.parse(figure.dataset.chart);
  figure.querySelector(".uplot")?.remove();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { show: false } };
  const unit = data.unit ? " " + data.unit : "";
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
  const named = data.names !== undefined;
  const told = named ? null : moments(data.zone);
  // Runs of a training and of a look at a stream differ by orders of magnitude.
  const wide = data.series.length > 1;
  const options = {
    width: figure.clientWidth,
    height: HEIGHT,
    padding: [10, 12, 0, 0],
    scales: {
      x: named ? { time: false, range: [-0.3, data.x.length - 0.7] } : { time: true },
      y: wide ? { distr: 3 } : { range: (self, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        ...(named ? { splits: data.x } : {}),
        values: (self, splits, number, space, step) => splits.map((at) => (named ? data.names[at] : told.axis(step)(at))),
      },
      { ...axis, size: 58, ...(wide ? { splits: (self) => POWERS.filter((at) => at >= self.scales.y.min && at <= self.scales.y.max) } : {}), values: (self, splits) => splits.map((at) => (at == null ? "" : short.format(at) + unit)) },
    ],
    series: [
      { label: named ? "Version" : "At", value: (self, at) => (at == null ? "" : named ? data.names[at] : told.whole(at)) },
      ...data.series.map((each, number) => ({
        label: each.label,
        stroke: colour(COLOURS[number % COLOURS.length]),
        width: 2,
        spanGaps: true,
        points: { show: data.x.length <= 60, size: 6 },
        value: (self, value) => (value == null ? "" : exact.format(value) + unit),
      })),
    ],
    legend: { show: !named },
  };
  const values = data.series.map((each) => each.values.map((value) => (wide && value != null ? Math.max(value, 0.001) : value)));
  new uPlot(options, [data.x, ...values], figure);
}

function drawAll() {
  document.querySelectorAll("[data-chart]").forEach(draw);
}

let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();

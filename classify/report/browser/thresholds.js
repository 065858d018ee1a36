// A threshold to move: how many images of two classes are called positive, and what errors of both kinds cost.
{
  const at = (id) => document.getElementById(id);
  const source = at("thresholds-data");
  if (source) {
    const data = JSON.parse(source.textContent);
    const byModel = at("threshold-model"), bySet = at("threshold-set");
    const slider = at("threshold-slider"), number = at("threshold-number");
    const option = (name, value) => Object.assign(document.createElement("option"), { textContent: name, value });
    data.models.forEach((name, i) => byModel.append(option(name, i)));
    const used = new Set(data.curves.map((curve) => curve.set));
    data.sets.forEach((name, i) => used.has(i) && bySet.append(option(name, i)));
    byModel.value = data.chosen;
    const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "—");
    const shown = (threshold) => (threshold === null ? "not known" : String(Number(threshold.toPrecision(3))));
    const whole = (count) => count.toLocaleString("en");
    let curve = null, threshold = 0.5;

    const called = (at_least) => {
      // the probabilities fall: the last of them that is not below the threshold
      let low = 0, high = curve.p.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (curve.p[middle] >= at_least) low = middle + 1;
        else high = middle;
      }
      return low ? [curve.tp[low - 1], curve.fp[low - 1]] : [0, 0];
    };
    const cost = ([tp, fp]) => Number(at("cost-alarm").value) * fp + Number(at("cost-miss").value) * (curve.n[0] - tp);
    const least = () => {
      const ends = curve.p.map((p, i) => [p, [curve.tp[i], curve.fp[i]]]);
      ends.unshift([Math.min(1.001, curve.p[0] + 0.001), [0, 0]]);
      return ends.reduce((best, end) => (cost(end[1]) < cost(best[1]) ? end : best));
    };
    const column = ([tp, fp]) => {
      const [n, m] = curve.n;
      return [
        whole(tp), whole(n - tp), whole(fp), whole(m - fp), percent(tp + m - fp, n + m), percent(tp, tp + fp),
        percent(tp, n), percent(fp, m), String(Number(cost([tp, fp]).toFixed(2))),
      ];
    };
    const { positive, other } = data;
    const titles = [
      ["true positives", `${positive}, called ${positive}`],
      ["false negatives", `misses: ${positive}, called ${other}`],
      ["false positives", `false alarms: ${other}, called ${positive}`],
      ["true negatives", `${other}, called ${other}`],
      ["accuracy", "share of right answers"],
      ["precision", `share of ${positive} among what is called ${positive}`],
      ["recall", `share of ${positive} that is called ${positive}`],
      ["false positive rate", `share of ${other} that is called ${positive}`],
      ["cost", "of false alarms and misses"],
    ];
    const body = at("threshold-table").tBodies[0];
    const cells = titles.map(([title, meaning]) => {
      const row = body.insertRow();
      const head = Object.assign(document.createElement("th"), { textContent: title, scope: "row", className: "name" });
      head.append(Object.assign(document.createElement("small"), { textContent: meaning }));
      row.append(head);
      return [row.insertCell(), row.insertCell()];
    });
    const update = () => {
      const there = column(curve.decided);
      column(called(threshold)).forEach((text, i) => {
        cells[i][0].textContent = text;
        cells[i][1].textContent = there[i];
      });
      at("threshold-n").textContent = `${whole(curve.n[0] + curve.n[1])} images, ${data.sets[curve.set]}`;
      at("threshold-here").textContent = `at ${shown(threshold)}`;
      at("threshold-there").textContent = `the model's own: ${shown(curve.own)}`;
      at("threshold-own").disabled = curve.own === null;
      slider.value = threshold;
      slider.setAttribute("aria-valuetext", shown(threshold));
      if (document.activeElement !== number) number.value = shown(threshold);
      const [best, counts] = least();
      at("threshold-cost").textContent =
        `On these images the least cost is ${Number(cost(counts).toFixed(2))}, at the threshold ${shown(best)}; at the model's own it is ` +
        `${Number(cost(curve.decided).toFixed(2))}. This threshold is optimistic, since it is chosen on the images that it is judged on: ` +
        "on new images it costs more. Choose it on one set, and judge it on another.";
    };
    const move = (value) => {
      if (!Number.isFinite(value)) return;
      threshold = value;
      update();
    };
    const choose = () => {
      const [model, set] = [Number(byModel.value), Number(bySet.value)];
      curve = data.curves.find((one) => one.model === model && one.set === set) || null;
      at("threshold-table").hidden = !curve;
      if (curve) move(curve.own ?? 0.5);
      else at("threshold-cost").textContent = "This model has no answers on this set.";
    };
    byModel.addEventListener("change", choose);
    bySet.addEventListener("change", choose);
    slider.addEventListener("input", () => move(slider.valueAsNumber));
    number.addEventListener("input", () => move(number.valueAsNumber));
    at("threshold-own").addEventListener("click", () => move(curve.own));
    at("threshold-least").addEventListener("click", () => move(least()[0]));
    for (const id of ["cost-alarm", "cost-miss"]) at(id).addEventListener("input", update);
    at("threshold-positive").textContent = positive;
    at("thresholds").hidden = false;
    choose();
  }
}

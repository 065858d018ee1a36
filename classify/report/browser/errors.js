// Pictures of errors: filters by model, set and class, and a click that enlarges one with its facts.
{
  const at = (id) => document.getElementById(id);
  const source = at("errors-data");
  if (source) {
    const data = JSON.parse(source.textContent);
    const STEP = 12;
    const box = at("errors"), still = at("errors-still"), list = at("errors-list"), dialog = at("picture");
    const [byModel, bySet, byLabel, byPredicted, byAnswer] = ["model", "set", "label", "predicted", "answer"].map(
      (name) => at(`errors-${name}`),
    );
    const percent = (value) => `${(100 * value).toFixed(1)} %`;
    // pictures that show without a script are taken from there, so that the page holds each once
    for (const image of still.querySelectorAll("img[data-picture]")) data.pool[image.dataset.picture] = image.src;
    const picture = (i) => {
      const code = data.pool[i] || "";
      return !code || code.startsWith("data:") ? code : `data:image/jpeg;base64,${code}`;
    };
    const element = (tag, text = "", attributes = {}) => {
      const made = Object.assign(document.createElement(tag), attributes);
      if (text) made.textContent = text;
      return made;
    };
    const fill = (select, names, any, chosen = "") => {
      if (any) select.append(element("option", any, { value: "" }));
      names.forEach((name, i) => select.append(element("option", name, { value: i })));
      select.value = String(chosen);
    };
    fill(byModel, data.models, "", data.chosen);
    fill(bySet, data.sets.map((set) => set.title), "all sets");
    fill(byLabel, data.classes, "any class");
    fill(byPredicted, data.classes, "any class");

    let matches = [], shown = 0, current = 0;
    const fits = (select, value) => select.value === "" || Number(select.value) === value;
    const isRight = (model, i) => data.predicted[model][i] === data.label[i];
    const filter = () => {
      const model = Number(byModel.value);
      const answered = data.path.map((_, i) => i).filter((i) => data.predicted[model][i] >= 0 && fits(bySet, data.set[i]));
      matches = answered.filter(
        (i) =>
          fits(byLabel, data.label[i]) &&
          fits(byPredicted, data.predicted[model][i]) &&
          (byAnswer.value === "" || (byAnswer.value === "right") === isRight(model, i)),
      );
      matches.sort((a, b) => data.sure[model][b] - data.sure[model][a] || a - b);
      const what = byAnswer.selectedOptions[0].textContent;
      at("errors-count").textContent = `${matches.length.toLocaleString("en")} of ${answered.length.toLocaleString("en")} images: answers of ${data.models[model]} that are ${what === "all" ? "right or wrong" : what}, the most confident first.`;
      list.replaceChildren();
      shown = 0;
      more();
    };
    const more = () => {
      for (const [place, i] of matches.slice(shown, shown + STEP).entries()) list.append(tile(i, shown + place));
      shown = Math.min(matches.length, shown + STEP);
      const left = matches.length - shown;
      at("errors-more").hidden = left === 0;
      at("errors-more").textContent = `Show ${Math.min(left, STEP)} more (${left} left)`;
    };
    const tile = (i, place) => {
      const model = Number(byModel.value);
      const button = element("button", "", { type: "button" });
      const code = picture(data.small[i]);
      button.append(code ? element("img", "", { src: code, alt: "" }) : element("span", "no picture", { className: "absent" }));
      const answer = element("span");
      answer.append(element("b", data.classes[data.predicted[model][i]]), ` ${percent(data.sure[model][i])}`);
      if (!isRight(model, i)) answer.append(`, is ${data.classes[data.label[i]]}`);
      button.append(answer, element("small", data.path[i].split("/").at(-1)));
      button.title = data.path[i];
      button.addEventListener("click", () => open(place));
      const item = element("li", "", { className: "thumb" });
      item.append(button);
      return item;
    };

    const row = (cells, marked) => {
      const made = element("tr", "", { className: marked ? "shown" : "" });
      cells.forEach((text, i) => made.append(i ? element("td", text) : element("th", text, { scope: "row" })));
      return made;
    };
    const facts = (i, model) => {
      const known = [["true class", data.classes[data.label[i]]], ["predicted", data.classes[data.predicted[model][i]]]];
      known.push(["probability", percent(data.sure[model][i])], ["model", data.models[model]]);
      known.push(["set", data.sets[data.set[i]].title], ["file", data.facts[i] || "not known"]);
      return known.flatMap(([term, text]) => [element("dt", term), element("dd", text)]);
    };
    const neighbours = (i) => {
      const near = data.near[i];
      if (!near.length) return [element("p", "The most similar training images are not known.")];
      const title = element("p", "Most similar training images, by the features:");
      return [title, ...near.map(([path, label, place]) => {
        const figure = element("figure"), code = picture(place);
        if (code) figure.append(element("img", "", { src: code, alt: `training image of class ${label}` }));
        const caption = element("figcaption");
        caption.append(element("b", label), ` ${path}`);
        figure.append(caption);
        return figure;
      })];
    };
    const show = (place) => {
      current = place;
      const i = matches[place], model = Number(byModel.value);
      at("picture-place").textContent = `${place + 1} of ${matches.length}`;
      at("picture-path").textContent = data.path[i];
      const code = picture(data.large[i]) || picture(data.small[i]);
      at("picture-image").hidden = !code;
      at("picture-none").hidden = Boolean(code);
      at("picture-image").src = code || "data:,";
      at("picture-image").alt = `${data.path[i]}, of class ${data.classes[data.label[i]]}`;
      at("picture-facts").replaceChildren(...facts(i, model));
      at("picture-answers").replaceChildren(...data.models.flatMap((name, m) => {
        const answer = data.predicted[m][i];
        if (answer < 0) return [];
        return [row([name, data.classes[answer], percent(data.sure[m][i]), isRight(m, i) ? "right" : "wrong"], m === model)];
      }));
      at("picture-near").replaceChildren(...neighbours(i));
      at("picture-previous").disabled = place === 0;
      at("picture-next").disabled = place === matches.length - 1;
    };
    const open = (place) => {
      show(place);
      dialog.showModal();
      dialog.scrollTop = 0;
    };
    const move = (by) => {
      const place = current + by;
      if (place < 0 || place >= matches.length) return;
      while (place >= shown) more();
      show(place);
    };
    at("picture-previous").addEventListener("click", () => move(-1));
    at("picture-next").addEventListener("click", () => move(1));
    dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(by);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // a click beside it
    });
    // the focus returns to the picture that was last shown, not to the one that was clicked
    dialog.addEventListener("close", () => list.children[current]?.querySelector("button").focus());
    at("errors-more").addEventListener("click", () => {
      const next = shown;
      more();
      list.children[next]?.querySelector("button").focus();
    });
    for (const select of [byModel, bySet, byLabel, byPredicted, byAnswer]) select.addEventListener("change", filter);
    still.remove();
    for (const part of document.querySelectorAll("#errors, .scripted.caption, .caption .scripted")) part.hidden = false;
    filter();
  }
}

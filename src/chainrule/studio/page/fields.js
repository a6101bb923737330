/** Controls made from what the server says of a parameter or an option: its type, range, choices and default. */

import { choice, element } from "../interactive/elements.js";

const FEW = 4; // choices that stand side by side
const MOST = 5000; // places of a slider
const IN_TIME = ["checkpoint", "look"]; // choices in the order of training, to slide over

let count = 0; // of fields, which name their elements by it

/**
 * A control of a field, {name, label, help, type, min, max, step, choices, default}, at a value, which is a text as an
 * address has it; onchange(value, settled) follows, with undefined for the default, unsettled while a slider moves.
 */
export function fieldOf(field, value, onchange) {
  const at = value ?? textOf(field.default);
  const changed = (text, settled = true) => onchange(text === textOf(field.default) ? undefined : text, settled);
  return makerOf(field)(field, at, changed);
}

function makerOf({ name, type, choices, min, max, step, multiline, default: usual }) {
  if (choices && choices.length > 0) {
    return IN_TIME.includes(name) ? slidingChoice : chooser;
  }
  if (type === "boolean") {
    return switched;
  }
  if (type === "text") {
    return multiline ? area : typed;
  }
  const count = (max - min) / (step ?? 1);
  return given(min) && given(max) && given(usual) && count <= MOST ? slider : typed;
}

/** A text or a number that is typed. */
function typed({ label, help, type, min, max, step }, at, changed) {
  const number = type === "number" || type === "integer";
  const limits = { min: min ?? undefined, max: max ?? undefined, step: step ?? (type === "integer" ? 1 : "any") };
  const kind = number ? { type: "number", ...limits } : { type: "text" };
  const input = element("input", { value: at, autocomplete: "off", ...kind });
  input.addEventListener("change", () => input.reportValidity() && changed(input.value));
  return labelled(label, help, input);
}

function area({ label, help }, at, changed) {
  const input = element("textarea", { rows: 3, spellcheck: "false", onchange: () => changed(input.value) }, at);
  return labelled(label, help, input);
}

/** A slider, and beside it the number, which can be typed. */
function slider({ label, help, type, min, max, step }, at, changed) {
  const by = step ?? (type === "integer" ? 1 : (max - min) / 200);
  const limits = { min, max, step: by };
  const start = at === "" ? min : at;
  const range = element("input", { type: "range", ...limits, value: start });
  const input = element("input", { type: "number", ...limits, step: type === "integer" ? 1 : "any", value: at });
  input.setAttribute("aria-label", `${label}, as a number`);
  range.addEventListener("input", () => {
    input.value = range.value;
    changed(range.value, false);
  });
  range.addEventListener("change", () => changed(range.value));
  input.addEventListener("change", () => {
    if (input.reportValidity()) {
      range.value = input.value;
      changed(input.value);
    }
  });
  const control = labelled(label, help, range);
  control.classList.add("sliding");
  control.append(input);
  return control;
}

/** Choices in an order, to slide over; without a value it stands at the last, or at the one that has none. */
function slidingChoice({ label, help, choices }, at, changed) {
  const values = choices.map(valueOf);
  const start = values.includes(at) ? values.indexOf(at) : values.length - 1;
  const range = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, value: start });
  const words = element("span", { class: "words", "aria-hidden": "true" });
  const say = () => {
    words.textContent = wordsOf(choices[range.value]);
    range.setAttribute("aria-valuetext", words.textContent);
  };
  range.addEventListener("input", () => {
    say();
    changed(values[range.value], false);
  });
  range.addEventListener("change", () => changed(values[range.value]));
  say();
  const control = labelled(label, help, range);
  control.classList.add("sliding");
  control.append(words);
  return control;
}

/** A choice: buttons if there are few, else a list. */
function chooser({ label, help, choices, default: usual }, at, changed) {
  const pairs = choices.map((each) => [valueOf(each), wordsOf(each)]);
  const all = textOf(usual) !== "" || pairs.some(([value]) => value === "") ? pairs : [["", "automatic"], ...pairs];
  if (all.length <= FEW) {
    const made = choice(label, all, at, changed);
    made.title = help ?? "";
    return made;
  }
  const options = all.map(([value, words]) => element("option", { value, selected: value === at }, words));
  const select = element("select", { onchange: () => changed(select.value) }, ...options);
  return labelled(label, help, select);
}

function switched({ label, help }, at, changed) {
  const input = element("input", { type: "checkbox", checked: at === "true" });
  input.addEventListener("change", () => changed(String(input.checked)));
  const id = describe(input, help);
  return element("div", { class: "field" }, element("label", {}, input, ` ${label}`), ...noteOf(help, id));
}

/** A control below its label, with its help in small letters. */
function labelled(label, help, control) {
  const id = describe(control, help);
  const named = element("label", {}, element("span", {}, label), control);
  return element("div", { class: "field" }, named, ...noteOf(help, id));
}

function describe(control, help) {
  count += 1;
  const id = `help-${count}`;
  if (help) {
    control.setAttribute("aria-describedby", id);
  }
  return id;
}

function noteOf(help, id) {
  return help ? [element("small", { id }, help)] : [];
}

/** A choice is a plain value, or {value, label}. */
function valueOf(each) {
  return textOf(typeof each === "object" && each !== null ? each.value : each);
}

function wordsOf(each) {
  return textOf(typeof each === "object" && each !== null ? each.label : each);
}

function textOf(value) {
  return given(value) ? String(value) : "";
}

function given(value) {
  return value !== undefined && value !== null;
}
